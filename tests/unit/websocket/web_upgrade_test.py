"""web_upgrade_test.py - who may become a WebSocket: form, subprotocol, origins, proxies; strange requests.  Usage: web_upgrade_test.py FIXTURE [unittest arguments]"""

import contextlib
import json
import re
import unittest

import server
from server import Case, Server, get
from wire import Wire, request


class Handshake(Case):
    environment = {"ORIGINS": "https://chat.example.com http://two.example.com:8080"}

    def refused(self, status, words, **changes):
        with Wire(self.server.http) as wire:
            wire.send(request(**changes))
            got, headers, body = wire.answer()
            self.assertEqual(got, status, body)
            self.assertIn(words, body.decode())
            self.assertEqual(headers["content-type"], "text/plain; charset=utf-8")
            self.assertTrue(wire.is_at_end())

    def test_the_subprotocol_is_returned(self):
        headers = Wire(self.server.http).upgrade()
        self.assertEqual(headers["sec-websocket-protocol"], "xmpp")
        self.assertNotIn("sec-websocket-extensions", headers)

    def test_the_accept_key_is_that_of_the_specification(self):
        headers = self.open().__class__(self.server.http).upgrade(Sec_WebSocket_Key="dGhlIHNhbXBsZSBub25jZQ==")
        self.assertEqual(headers["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")

    def test_rules(self):
        rows = [
            ("no subprotocol", 400, "subprotocol", {"Sec_WebSocket_Protocol": None}),
            ("another subprotocol", 400, "subprotocol", {"Sec_WebSocket_Protocol": "xmpp-old, mqtt"}),
            ("the wrong case", 400, "subprotocol", {"Sec_WebSocket_Protocol": "XMPP"}),
            ("no key", 400, "Sec-WebSocket-Key", {"Sec_WebSocket_Key": None}),
            ("a short key", 400, "Sec-WebSocket-Key", {"Sec_WebSocket_Key": "abc"}),
            ("a key of 17 bytes", 400, "Sec-WebSocket-Key", {"Sec_WebSocket_Key": "AAAAAAAAAAAAAAAAAAAAAAA="}),
            ("a key that is no base64", 400, "Sec-WebSocket-Key", {"Sec_WebSocket_Key": "!!!!!!!!!!!!!!!!!!!!!!=="}),
            ("no version", 426, "version 13", {"Sec_WebSocket_Version": None}),
            ("version 8", 426, "version 13", {"Sec_WebSocket_Version": "8"}),
            ("no connection header", 400, "Connection", {"Connection": None}),
            ("connection without upgrade", 400, "Connection", {"Connection": "keep-alive"}),
            ("another path", 404, "/xmpp-websocket", {"path": "/websocket"}),
            ("a longer path", 404, "/xmpp-websocket", {"path": "/xmpp-websocket/x"}),
            ("no host", 400, "Host", {"Host": None}),
            ("a strange host", 400, "Host", {"Host": "a'b<c"}),
            ("a foreign origin", 403, "origin", {"Origin": "https://evil.example"}),
            ("an origin with another scheme", 403, "origin", {"Origin": "http://chat.example.com"}),
            ("an origin with another port", 403, "origin", {"Origin": "https://chat.example.com:444"}),
            ("the null origin", 403, "origin", {"Origin": "null"}),
            ("the own host, which the list does not name", 403, "origin", {"Origin": "http://localhost"}),
            ("post", 405, "GET", {"method": "POST"}),
            ("head", 400, "", {"method": "HEAD"}),
            ("HTTP/1.0", 400, "", {"version": "HTTP/1.0"}),
            ("a body", 400, "", {"Content_Length": "5"}),
        ]
        for name, status, words, changes in rows:
            with self.subTest(name):
                self.refused(status, words, **changes)

    def test_what_is_allowed(self):
        rows = [
            ("no origin: a native client", {}),
            ("an origin of the list", {"Origin": "https://chat.example.com"}),
            ("in another case", {"Origin": "HTTPS://Chat.Example.Com"}),
            ("with its port", {"Origin": "http://two.example.com:8080"}),
            ("several subprotocols", {"Sec_WebSocket_Protocol": "mqtt, xmpp ,other"}),
            ("a long list of them", {"Sec_WebSocket_Protocol": "x" * 200 + ", xmpp"}),
            ("in two lines", {"Sec_WebSocket_Protocol": "mqtt\r\nSec-WebSocket-Protocol: xmpp"}),
            ("an absolute target", {"path": "http://localhost/xmpp-websocket"}),
            ("an escaped path", {"path": "/xmpp%2Dwebsocket"}),
            ("several connection options", {"Connection": "keep-alive, Upgrade"}),
            ("upgrade in another case", {"Upgrade": "WebSocket"}),
            ("compression offered", {"Sec_WebSocket_Extensions": "permessage-deflate; client_max_window_bits"}),
            ("arguments in the path", {"path": "/xmpp-websocket?x=1"}),
            ("a long cookie", {"Cookie": "a=" + "b" * 4000}),
        ]
        for name, changes in rows:
            with self.subTest(name):
                wire = self.open(**changes)
                self.assertEqual(wire.ask("<hello/>"), "<hello/>")

    def test_refusals_are_counted_and_origins_logged(self):
        before = self.metric()
        self.refused(403, "origin", Origin="https://logged.example")
        self.assertEqual(self.metric(), before + 1)
        self.assertIn('origin_refused peer=127.0.0.1', self.server.output())
        self.assertIn('origin="https://logged.example"', self.server.output())

    def metric(self):
        body = get(self.server.admin, "/metrics")[2].decode()
        return int(re.search(r"^stanzabus_websockets_refused_total (\d+)$", body, re.M)[1])

    def test_strange_requests_harm_nobody(self):
        wire = self.open()
        for data in [
            b"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n",
            b"FOO / HTTP/1.1\r\nHost: localhost\r\n\r\n",
            b"\r\n\r\n",
            b"\n",
            b"\x81\x85abcdefghi",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
            b"GET / HTTP/9.9\r\n\r\n",
            b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 5000 + b"\r\n",
            b"GET http://localhost/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            request(Upgrade="foo"),
            request(Host="plain"),
            request(Host=":"),
            request(method="DELETE"),
            request(Connection=None, Upgrade=None) + request(Upgrade="foo") + request(),
            request(Connection=None, Upgrade=None) + b"\x81\x80abcd",
            b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999999999999\r\n\r\nabc",
            b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n",
        ]:
            with self.subTest(data[:40]), Wire(self.server.http, timeout=0.3) as bad:
                with contextlib.suppress(ConnectionError):
                    bad.send(data)
                bad.is_at_end()
        self.assertEqual(wire.ask("still here"), "still here")

    def test_an_unknown_upgrade_is_ignored(self):
        status, _, body = get(self.server.http, "/.well-known/host-meta", Upgrade="h2c", Connection="Upgrade",
                              HTTP2_Settings="AAMAAABkAARAAAAAAAIAAAAA")
        self.assertEqual(status, 200)
        self.assertIn(b"XRD", body)


class OwnOrigin(Case):
    def test_only_the_own_host(self):
        port = self.server.http
        rows = [
            (f"localhost:{port}", f"http://localhost:{port}", True),
            (f"localhost:{port}", f"http://LOCALHOST:{port}", True),
            (f"localhost:{port}", "http://localhost", False),
            ("example.com", "https://example.com", True),
            ("example.com:443", "https://example.com", True),
            ("example.com", "https://example.com:443", True),
            ("example.com", "http://example.com:443", False),
            ("example.com", "https://example.com.evil.test", False),
            ("example.com", "https://xexample.com", False),
            ("example.com", "example.com", False),
            ("example.com", "https://", False),
        ]
        for host, origin, is_allowed in rows:
            with self.subTest(origin, host=host), Wire(port) as wire:
                wire.send(request(Host=host, Origin=origin))
                self.assertEqual(wire.answer()[0], 101 if is_allowed else 403)


class AnyOrigin(Case):
    environment = {"ORIGINS": "*"}

    def test_all_are_allowed(self):
        self.open(Origin="https://anything.example")
        self.open(Origin="null")


class Proxy(Case):
    environment = {"TRUSTED": "127.0.0.0/8 2001:db8::/32"}

    def test_who_the_client_is(self):
        rows = [
            ({}, r"127\.0\.0\.1:\d+ encrypted=0"),
            ({"X_Forwarded_For": "192.0.2.7"}, r"192\.0\.2\.7:0 encrypted=0"),
            ({"X_Forwarded_For": "192.0.2.7", "X_Forwarded_Proto": "https"}, r"192\.0\.2\.7:0 encrypted=1"),
            ({"X_Forwarded_Proto": "http"}, r"encrypted=0"),
            ({"X_Forwarded_For": "203.0.113.9, 192.0.2.7, 127.0.0.5"}, r"192\.0\.2\.7:0"),
            ({"X_Forwarded_For": "192.0.2.7, 2001:db8::5"}, r"192\.0\.2\.7:0"),
            ({"X_Forwarded_For": "2001:db9::1"}, r"\[2001:db9::1\]:0"),
            ({"X_Forwarded_For": "[2001:db9::1]:4711"}, r"\[2001:db9::1\]:0"),
            ({"X_Forwarded_For": "192.0.2.7:99"}, r"192\.0\.2\.7:0"),
            ({"X_Forwarded_For": "rubbish"}, r"127\.0\.0\.1:\d+"),
        ]
        for headers, expected in rows:
            with self.subTest(headers):
                self.assertRegex(self.open(**headers).ask("who"), expected)

    def test_host_meta_is_as_the_client_sees_it(self):
        _, _, body = get(self.server.http, "/.well-known/host-meta.json", X_Forwarded_Proto="https",
                         X_Forwarded_Host="chat.example.com")
        self.assertEqual(json.loads(body)["links"][0]["href"], "wss://chat.example.com/xmpp-websocket")


class NoProxy(Case):
    def test_others_are_not_believed(self):
        wire = self.open(X_Forwarded_For="192.0.2.7", X_Forwarded_Proto="https")
        self.assertRegex(wire.ask("who"), r"127\.0\.0\.1:\d+ encrypted=0")
        _, _, body = get(self.server.http, "/.well-known/host-meta.json", Host="me.example", X_Forwarded_Proto="https",
                         X_Forwarded_Host="chat.example.com")
        self.assertEqual(json.loads(body)["links"][0]["href"], "ws://me.example/xmpp-websocket")


class Start(unittest.TestCase):
    def test_a_bad_proxy_network_is_named(self):
        with self.assertRaisesRegex(AssertionError, "http.trusted_proxies: '10.0.0.0/33' is neither"):
            Server(TRUSTED="127.0.0.1 10.0.0.0/33")


if __name__ == "__main__":
    server.main()
