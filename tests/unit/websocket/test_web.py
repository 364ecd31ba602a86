"""test_web.py - transports/websocket and transports/http from outside: a real server, real sockets, raw bytes.

Usage: test_web.py FIXTURE [unittest arguments]
"""

import contextlib
import json
import os
import re
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import xml.etree.ElementTree as ElementTree

from wire import BINARY, CLOSE, PING, PONG, TEXT, Wire, frame, request

FIXTURE = None
CERTIFICATES = None


class Server:
    def __init__(self, **environment):
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [FIXTURE],
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
        )
        ports = self.process.stdout.readline().split()
        if len(ports) != 3:
            raise AssertionError(self.output())
        self.http, self.https, self.admin = map(int, ports)

    def output(self):
        self.log.seek(0)
        return self.log.read().decode()

    def stop(self):
        """The server must end by itself, with every connection accounted for."""
        self.process.stdin.close()
        code = self.process.wait(20)
        self.process.stdout.close()
        text = self.output()
        self.log.close()
        if code != 0:
            raise AssertionError(f"the server ended with {code}:\n{text}")
        return text


def make_certificates(folder):
    key, certificate = os.path.join(folder, "key.pem"), os.path.join(folder, "certificate.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,DNS:other.test",
         "-keyout", key, "-out", certificate],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return {"CERTIFICATE": certificate, "KEY": key}


def client_tls(version=None):
    context = ssl.create_default_context(cafile=CERTIFICATES["CERTIFICATE"])
    if version:
        context.minimum_version = context.maximum_version = version
    return context


def get(port, path, method="GET", tls=None, **headers):
    with Wire(port, tls) as wire:
        lines = [f"{k.replace('_', '-')}: {v}" for k, v in {"Host": f"localhost:{port}", **headers}.items() if v]
        wire.send(("\r\n".join([f"{method} {path} HTTP/1.1"] + lines) + "\r\n\r\n").encode())
        return wire.answer(has_body=method != "HEAD")


class Case(unittest.TestCase):
    environment = {}

    @classmethod
    def setUpClass(cls):
        cls.server = Server(**cls.environment)

    @classmethod
    def tearDownClass(cls):
        cls.last_output = cls.server.stop()

    def memory(self):
        with open(f"/proc/{self.server.process.pid}/statm") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def open(self, tls=None, **changes):
        wire = Wire(self.server.https if tls else self.server.http, tls)
        self.addCleanup(wire.socket.close)
        wire.upgrade(**changes)
        return wire


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


class Frames(Case):
    def test_sizes(self):
        wire = self.open()
        for size in [1, 2, 124, 125, 126, 127, 500, 511, 512, 513, 639, 640, 641, 655, 656, 657, 1279, 1280, 4096,
                     65535, 65536, 65537, 99999, 100000]:
            with self.subTest(size):
                text = "".join(chr(97 + i % 23) for i in range(size))
                self.assertEqual(wire.ask(text), text)

    def test_an_empty_message_is_the_cores_to_judge(self):
        self.assertEqual(self.open().ask(""), "")

    def test_byte_by_byte(self):
        wire = self.open()
        for byte in frame(TEXT, "héllo") + frame(PING, "p") + frame(TEXT, "x" * 300):
            wire.send(bytes([byte]))
        self.assertEqual(wire.text(), "héllo")
        self.assertEqual(wire.frame(), (PONG, b"p"))
        self.assertEqual(wire.text(), "x" * 300)

    def test_fragments(self):
        wire = self.open()
        wire.send(frame(TEXT, "<a>", final=False) + frame(0, "b", final=False) + frame(0, "", final=False)
                  + frame(0, "</a>"))
        self.assertEqual(wire.text(), "<a>b</a>")
        wire.send(frame(TEXT, "", final=False) + frame(0, "x" * 3000, final=False) + frame(PING, b"amid")
                  + frame(0, "y"))
        replies = [wire.frame(), wire.frame()]
        self.assertIn((PONG, b"amid"), replies)
        self.assertIn((TEXT, b"x" * 3000 + b"y"), replies)

    def test_a_character_cut_by_fragments(self):
        wire = self.open()
        euro = "€".encode()
        wire.send(frame(TEXT, euro[:1], final=False) + frame(0, euro[1:2], final=False) + frame(0, euro[2:]))
        self.assertEqual(wire.text(), "€")

    def test_many_fragments(self):
        wire = self.open()
        wire.send(frame(TEXT, "a", final=False) + frame(0, "a", final=False) * 5000 + frame(0, "a"))
        self.assertEqual(wire.text(), "a" * 5002)

    def test_many_messages_in_one_send_keep_their_order(self):
        wire = self.open()
        wire.send(b"".join(frame(TEXT, f"message {i} " + "z" * (i % 700)) for i in range(3000)))
        for i in range(3000):
            self.assertEqual(wire.text(), f"message {i} " + "z" * (i % 700))

    def test_ping_and_pong(self):
        wire = self.open()
        wire.send(frame(PING, b"x" * 125))
        self.assertEqual(wire.frame(), (PONG, b"x" * 125))
        wire.send(frame(PING))
        self.assertEqual(wire.frame(), (PONG, b""))
        wire.send(frame(PONG, b"unasked") + frame(PONG))
        self.assertEqual(wire.ask("on"), "on")

    def violation(self, data, code, condition=None):
        """The stream error comes first, where the core is asked; then the close code; then the end."""
        other = self.open()
        wire = self.open()
        wire.send(data)
        if condition:
            self.assertIn(condition, wire.text())
        self.assertEqual(wire.close_code(), code)
        with contextlib.suppress(ConnectionError):  # it may have been more than a server wants to read
            wire.send(frame(CLOSE, struct.pack(">H", code)))
        self.assertTrue(wire.is_at_end())
        self.assertEqual(other.ask("others notice nothing"), "others notice nothing")

    def test_binary(self):
        self.violation(frame(BINARY, b"\x00\x01"), 1003, "only text")
        self.violation(frame(BINARY, b"a", final=False) + frame(0, b"b"), 1003, "only text")

    def test_invalid_utf8(self):
        for bad in [b"\xff", b"a\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\xaf", b"ok then \x80" + b"x" * 900]:
            with self.subTest(bad[:12]):
                self.violation(frame(TEXT, bad), 1007, "not UTF-8")
        self.violation(frame(TEXT, b"\xe2\x82", final=False) + frame(0, b"x"), 1007, "not UTF-8")

    def test_too_long(self):
        self.violation(frame(TEXT, "x" * 100001), 1009, "too long")
        self.violation(frame(TEXT, "", size=2**40), 1009, "too long")
        self.violation(frame(TEXT, "", size=2**63 - 1), 1009, "too long")
        self.violation(frame(TEXT, "x" * 60000, final=False) + frame(0, "y" * 40001), 1009, "too long")
        self.violation(frame(TEXT, "x" * 60000, final=False) + frame(0, "", final=False) + frame(0, "", size=2**63 - 1),
                       1009, "too long")

    def test_what_breaks_the_protocol(self):
        rows = [
            ("a reserved opcode", frame(3, b"")),
            ("a reserved control opcode", frame(11, b"")),
            ("a reserved bit", frame(TEXT, b"a", reserved=4)),
            ("a fragmented ping", frame(PING, b"a", final=False)),
            ("a continuation of nothing", frame(0, b"a")),
            ("a new message inside another", frame(TEXT, b"a", final=False) + frame(TEXT, b"b")),
            ("no mask", frame(TEXT, b"a", mask=False)),
            ("no mask on a ping", frame(PING, b"", mask=False)),
            ("a long ping", frame(PING, b"x" * 126)),
            ("a long close", frame(CLOSE, b"x" * 4000)),
            ("a huge pong", frame(PONG, b"x" * 70000)),
            ("a size with the highest bit", bytes([0x81, 0xFF]) + b"\xff" * 8 + b"mask"),
        ]
        for name, data in rows:
            with self.subTest(name):
                self.violation(data, 1002, "violation")
                self.violation(frame(TEXT, b"b", final=False) + frame(0, b"c") + data, 1002)

    def test_after_a_violation_nothing_is_taken(self):
        wire = self.open()
        wire.send(frame(BINARY, b"a") + frame(TEXT, "late") + frame(TEXT, "later"))
        self.assertIn("only text", wire.text())
        self.assertEqual(wire.frame()[0], CLOSE)


class Closing(Case):
    environment = {"HURRY": "1"}

    def test_the_clients_close_is_answered_behind_what_was_asked(self):
        wire = self.open()
        wire.send(frame(TEXT, "first") + frame(CLOSE, struct.pack(">H", 1000) + b"bye"))
        self.assertEqual(wire.text(), "first")
        self.assertEqual(wire.frame(), (CLOSE, struct.pack(">H", 1000)))
        self.assertTrue(wire.is_at_end())
        self.assertIn("closed by peer", self.server.output())

    def test_close_codes(self):
        rows = [
            (b"", b""),
            (struct.pack(">H", 1001) + b"away", struct.pack(">H", 1001)),
            (struct.pack(">H", 4000), struct.pack(">H", 4000)),
            (b"\x03", struct.pack(">H", 1002)),
            (struct.pack(">H", 999), struct.pack(">H", 1002)),
            (struct.pack(">H", 1005), struct.pack(">H", 1002)),
            (struct.pack(">H", 2999), struct.pack(">H", 1002)),
            (struct.pack(">H", 1000) + b"\xff", struct.pack(">H", 1007)),
        ]
        for payload, answer in rows:
            with self.subTest(payload):
                wire = self.open()
                wire.send(frame(CLOSE, payload) + frame(TEXT, "behind"))
                self.assertEqual(wire.frame(), (CLOSE, answer))
                self.assertTrue(wire.is_at_end())

    def test_the_servers_close(self):
        wire = self.open()
        wire.send(frame(TEXT, "last words"))
        self.assertEqual(wire.text(), "farewell")
        self.assertEqual(wire.frame(), (CLOSE, struct.pack(">H", 1000)))
        wire.send(frame(TEXT, "too late") + frame(CLOSE, struct.pack(">H", 1000)))
        self.assertTrue(wire.is_at_end())

    def test_a_client_that_does_not_answer_is_waited_for_shortly(self):
        wire = self.open()
        start = time.monotonic()
        wire.send(frame(TEXT, "close"))
        self.assertEqual(wire.close_code(), 1000)
        self.assertTrue(wire.is_at_end())
        self.assertGreater(time.monotonic() - start, 0.4)
        self.assertLess(time.monotonic() - start, 3)

    def test_a_client_that_does_not_read_is_waited_for_shortly(self):
        wire = Wire(self.server.http, receive_buffer=4096)
        self.addCleanup(wire.socket.close)
        wire.upgrade()
        wire.send(frame(TEXT, "close in 500") + frame(TEXT, "flood 100000 5000"))
        counts = self.open()
        self.assertIn("open=2", counts.ask("counts"))
        self.wait_for(counts, "open=1")

    def test_closing_behind_a_full_pipe(self):
        wire = Wire(self.server.http, receive_buffer=4096)
        self.addCleanup(wire.socket.close)
        wire.upgrade()
        wire.send(b"".join(frame(TEXT, "y" * 90000) for _ in range(80)) + frame(TEXT, "close"))
        counts = self.open()
        self.wait_for(counts, "open=1")

    def wait_for(self, wire, words):
        end = time.monotonic() + 8
        while time.monotonic() < end:
            if words in wire.ask("counts"):
                return
            time.sleep(0.05)
        self.fail(f"{words} did not come: {wire.ask('counts')}")

    def test_lost_connections(self):
        counts = self.open()
        for linger in (False, True):
            wires = [self.open() for _ in range(20)]
            wires[0].send(frame(TEXT, "half", final=False))
            wires[1].send(frame(TEXT, "half a frame", size=5000))
            wires[2].send(b"\x81")
            for wire in wires:
                if linger:  # reset
                    wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                wire.socket.close()
            self.wait_for(counts, "open=1")

    def test_a_request_must_come_in_time(self):
        for data in [b"", b"GET / HT", request()[:-2]]:
            with self.subTest(data[:10]), Wire(self.server.http, timeout=5) as wire:
                wire.send(data)
                start = time.monotonic()
                self.assertTrue(wire.is_at_end())
                self.assertLess(time.monotonic() - start, 3)

    def test_idle_http_connections_end(self):
        with Wire(self.server.http, timeout=5) as wire:
            wire.send(b"GET /app.js HTTP/1.1\r\nHost: localhost\r\n\r\n")
            self.assertEqual(wire.answer()[0], 200)
            self.assertTrue(wire.is_at_end())

    def test_an_open_websocket_has_no_deadline(self):
        wire = self.open()
        time.sleep(2)
        self.assertEqual(wire.ask("still"), "still")


class Limit(Case):
    environment = {"LIMIT": "3"}

    def test_more_are_refused_with_a_code(self):
        wires = [self.open() for _ in range(3)]
        wire = Wire(self.server.http)
        self.addCleanup(wire.socket.close)
        wire.upgrade()
        self.assertEqual(wire.close_code(), 1013)
        wires[0].socket.close()
        time.sleep(0.3)
        self.assertEqual(self.open().ask("room again"), "room again")


class Flow(Case):
    def test_open_in_one_segment_with_the_request(self):
        for i in range(4000):
            with Wire(self.server.http) as wire:
                wire.send(request() + frame(TEXT, f"<open n='{i}'/>"))
                self.assertEqual(wire.answer()[0], 101)
                self.assertEqual(wire.text(), f"<open n='{i}'/>")

    def test_much_in_one_segment_with_the_request(self):
        with Wire(self.server.http) as wire:
            messages = [f"{i} " + "q" * (i * 37 % 900) for i in range(200)]
            wire.send(request() + b"".join(frame(TEXT, text) for text in messages))
            self.assertEqual(wire.answer()[0], 101)
            for text in messages:
                self.assertEqual(wire.text(), text)

    def test_the_request_cut_anywhere(self):
        data = request() + frame(TEXT, "<open/>")
        for cut in range(1, len(data), 3):
            with Wire(self.server.http) as wire:
                wire.send(data[:cut])
                time.sleep(0.001)
                wire.send(data[cut:])
                self.assertEqual(wire.answer()[0], 101)
                self.assertEqual(wire.text(), "<open/>")

    def paused(self, tls=None):
        """What comes while the core has paused is kept and given in order, whatever lws had read already."""
        wire = self.open(tls)
        wire.send(frame(TEXT, "pause 300"))
        start = time.monotonic()
        wire.send(b"".join(frame(TEXT, f"kept {i} " + "k" * 150) for i in range(400)))
        texts = [wire.text() for _ in range(400)]
        self.assertEqual(texts, [f"kept {i} " + "k" * 150 for i in range(400)])
        self.assertGreater(time.monotonic() - start, 0.25)

    def test_pause_and_resume(self):
        self.paused()

    def test_pause_with_everything_in_one_segment(self):
        wire = self.open()
        wire.send(frame(TEXT, "pause 100") + b"".join(frame(TEXT, f"{i}") for i in range(50)))
        self.assertEqual([wire.text() for _ in range(50)], [str(i) for i in range(50)])
        # nothing else is going on now that could wake the server up by chance
        wire.send(frame(TEXT, "pause 100") + frame(TEXT, "alone"))
        self.assertEqual(wire.text(), "alone")

    def test_pause_twice(self):
        wire = self.open()
        for _ in range(50):
            wire.send(frame(TEXT, "pause 1") + frame(TEXT, "pause 2") + frame(TEXT, "go on"))
            self.assertEqual(wire.text(), "go on")

    def test_a_slow_reader(self):
        """Backpressure: the core pauses above a mark, is told when it has drained, and no message is lost or moved."""
        wire = Wire(self.server.http, receive_buffer=8192, timeout=30)
        self.addCleanup(wire.socket.close)
        wire.upgrade()
        wire.send(frame(TEXT, "flood 4000 4000") + frame(PING, b"amid"))
        time.sleep(0.5)
        pongs, expected = 0, 0
        while expected < 4000:
            opcode, payload = wire.frame()
            if opcode == PONG:
                self.assertEqual(payload, b"amid")
                pongs += 1
                continue
            self.assertEqual(len(payload), 4000)
            self.assertEqual(int(payload.split(b" ")[0]), expected)
            expected += 1
        counts = wire.ask("counts") if pongs else None
        if counts is None:
            self.assertEqual(wire.frame(), (PONG, b"amid"))
            counts = wire.ask("counts")
        self.assertGreater(int(re.search(r"drained=(\d+)", counts)[1]), 2)

    def test_a_reader_that_sends_meanwhile(self):
        wire = Wire(self.server.http, receive_buffer=8192, timeout=30)
        self.addCleanup(wire.socket.close)
        wire.upgrade()
        sender = threading.Thread(target=lambda: wire.send(
            b"".join(frame(TEXT, f"{i} " + "b" * 20000) for i in range(300))))
        sender.start()
        for i in range(300):
            self.assertEqual(wire.text(), f"{i} " + "b" * 20000)
        sender.join()

    def test_pings_that_are_not_read_do_not_pile_up(self):
        wire = Wire(self.server.http, receive_buffer=4096, timeout=30)
        self.addCleanup(wire.socket.close)
        wire.upgrade()
        before = self.memory()
        sender = threading.Thread(target=lambda: wire.send(frame(PING, b"p" * 125) * 300000))  # 39 MB
        sender.start()
        time.sleep(0.7)
        self.assertLess(self.memory() - before, 20 * 1024 * 1024)
        for _ in range(300000):
            self.assertEqual(wire.frame(), (PONG, b"p" * 125))
        sender.join()

    def test_two_thousand_connections(self):
        wires = [self.open() for _ in range(2000)]
        for i, wire in enumerate(wires):
            wire.send(frame(TEXT, f"number {i}"))
        for i, wire in enumerate(wires):
            self.assertEqual(wire.text(), f"number {i}")
        self.assertIn("open=2000", wires[7].ask("counts"))

    def test_parallel_handshakes(self):
        """More half-sent requests than lws reads at once: those that are whole come through all the same."""
        slow = [Wire(self.server.http) for _ in range(400)]
        for wire in slow:
            wire.send(b"GET /xmpp-websocket HTTP/1.1\r\nHost: loc")
        self.assertEqual(self.open().ask("through"), "through")
        rest = request().split(b"Host: loc", 1)[1]
        for wire in slow:
            wire.send(rest)
        for wire in slow:
            self.assertEqual(wire.answer()[0], 101)
            wire.socket.close()


class Tls(Case):
    @classmethod
    def setUpClass(cls):
        cls.environment = CERTIFICATES
        super().setUpClass()

    def test_chat(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            with self.subTest(version):
                wire = self.open(client_tls(version))
                self.assertRegex(wire.ask("who"), r"127\.0\.0\.1:\d+ encrypted=1 sni=localhost")
                for size in (1, 600, 20000, 99999):
                    self.assertEqual(wire.ask("t" * size), "t" * size)

    def test_open_in_one_record_with_the_request(self):
        tls = client_tls()
        for i in range(150):
            with Wire(self.server.https, tls) as wire:
                wire.send(request() + frame(TEXT, "<open/>") + frame(TEXT, "second"))
                self.assertEqual(wire.answer()[0], 101)
                self.assertEqual(wire.text(), "<open/>")
                self.assertEqual(wire.text(), "second")

    def test_pause_and_resume(self):
        Flow.paused(self, client_tls())

    def test_pause_with_everything_in_one_record(self):
        wire = self.open(client_tls())
        for _ in range(20):
            wire.send(frame(TEXT, "pause 20") + b"".join(frame(TEXT, f"{i}" + "r" * 300) for i in range(40)))
            self.assertEqual([wire.text() for _ in range(40)], [f"{i}" + "r" * 300 for i in range(40)])

    def test_a_slow_reader(self):
        wire = Wire(self.server.https, client_tls(), receive_buffer=8192, timeout=30)
        self.addCleanup(wire.socket.close)
        wire.upgrade()
        wire.send(frame(TEXT, "flood 2000 4000"))
        time.sleep(0.5)
        for i in range(2000):
            self.assertEqual(int(wire.text().split(" ")[0]), i)

    def test_no_plain_text_on_the_tls_port(self):
        with Wire(self.server.https) as wire:
            with contextlib.suppress(ConnectionError):
                wire.send(request())
            self.assertTrue(wire.is_at_end())
            self.assertNotIn(b"HTTP", wire.input)

    def test_alpn_offers_no_http2(self):
        context = client_tls()
        context.set_alpn_protocols(["h2", "http/1.1"])
        with Wire(self.server.https, context) as wire:
            self.assertEqual(wire.socket.selected_alpn_protocol(), "http/1.1")

    def test_old_versions_are_refused(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers("ALL:@SECLEVEL=0")
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            Wire(self.server.https, context)

    def test_the_servers_close(self):
        wire = self.open(client_tls())
        wire.send(frame(TEXT, "last words"))
        self.assertEqual(wire.text(), "farewell")
        self.assertEqual(wire.close_code(), 1000)
        wire.send(frame(CLOSE, struct.pack(">H", 1000)))
        self.assertTrue(wire.is_at_end())

    def test_exporter(self):
        """RFC 9266: both sides derive the same 32 bytes; openssl is the other side, as Python cannot."""
        client = subprocess.Popen(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{self.server.https}", "-servername", "localhost", "-tls1_3",
             "-keymatexport", "EXPORTER-Channel-Binding", "-keymatexportlen", "32", "-ign_eof"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.addCleanup(client.stdout.close)
        client.stdin.write(request())
        client.stdin.flush()
        time.sleep(0.3)
        client.stdin.write(frame(TEXT, "exporter") + frame(TEXT, "end-point") + frame(CLOSE, struct.pack(">H", 1000)))
        client.stdin.close()
        output = client.stdout.read().decode("latin-1")
        client.wait(10)
        material = re.search(r"Keying material: ([0-9A-F]{64})", output)[1].lower()
        end_point = subprocess.run(["openssl", "x509", "-in", CERTIFICATES["CERTIFICATE"], "-noout", "-fingerprint",
                                    "-sha256"], check=True, capture_output=True, text=True).stdout
        self.assertIn(material, output.lower().split("keying material: " + material, 1)[1])
        self.assertIn(end_point.split("=")[1].strip().replace(":", "").lower(), output)

    def test_host_meta(self):
        status, _, body = get(self.server.https, "/.well-known/host-meta.json", tls=client_tls(), Host="chat.example:5443")
        self.assertEqual(status, 200)
        self.assertEqual(json.loads(body)["links"][0]["href"], "wss://chat.example:5443/xmpp-websocket")

    def test_broken_handshakes_harm_nobody(self):
        wire = self.open(client_tls())
        for data in [b"", b"\x16", b"\x16\x03\x01\x00\x05hello", os.urandom(3000)]:
            with contextlib.suppress(OSError), Wire(self.server.https, timeout=0.2) as bad:
                bad.send(data)
                bad.is_at_end()
        self.assertEqual(wire.ask("fine"), "fine")


class NoTls(Case):
    def test_there_is_no_binding(self):
        wire = self.open()
        self.assertEqual(wire.ask("exporter"), "none")
        self.assertRegex(wire.ask("who"), r"127\.0\.0\.1:\d+ encrypted=0 sni=-")


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


class Pages(Case):
    def test_host_meta_xml(self):
        status, headers, body = get(self.server.http, "/.well-known/host-meta", Host="localhost:5280")
        self.assertEqual(status, 200)
        self.assertEqual(headers["access-control-allow-origin"], "*")
        self.assertEqual(headers["content-type"], "application/xrd+xml; charset=utf-8")
        links = ElementTree.fromstring(body).findall("{http://docs.oasis-open.org/ns/xri/xrd-1.0}Link")
        self.assertEqual([link.attrib for link in links], [
            {"rel": "urn:xmpp:alt-connections:websocket", "href": "ws://localhost:5280/xmpp-websocket"}])

    def test_host_meta_json(self):
        status, headers, body = get(self.server.http, "/.well-known/host-meta.json", Host="[::1]:5280")
        self.assertEqual(status, 200)
        self.assertEqual(headers["access-control-allow-origin"], "*")
        self.assertEqual(headers["content-type"], "application/json")
        self.assertEqual(json.loads(body), {"links": [
            {"rel": "urn:xmpp:alt-connections:websocket", "href": "ws://[::1]:5280/xmpp-websocket"}]})

    def test_host_meta_needs_a_host_that_is_one(self):
        for host in [None, "a'b", "a\"b", "<a>", "a b"]:
            with self.subTest(host):
                self.assertEqual(get(self.server.http, "/.well-known/host-meta", Host=host)[0], 400)

    def test_the_page(self):
        for path, kind, words in [("/", "text/html", b"<title>stanzabus</title>"), ("/app.js", "text/javascript", b"Strophe"),
                                  ("/style.css", "text/css", b"--accent"), ("/strophe.min.js", "text/javascript", b"Strophe")]:
            with self.subTest(path):
                status, headers, body = get(self.server.http, path)
                self.assertEqual(status, 200)
                self.assertEqual(headers["content-type"], kind + "; charset=utf-8")
                self.assertIn("default-src 'none'", headers["content-security-policy"])
                self.assertEqual(headers["x-content-type-options"], "nosniff")
                self.assertEqual(int(headers["content-length"]), len(body))
                self.assertIn(words, body)

    def test_what_the_page_must_know(self):
        status, _, body = get(self.server.http, "/demo.json")
        self.assertEqual(status, 200)
        self.assertEqual(json.loads(body), {"domain": "localhost", "guest_domain": "guest.localhost",
                                            "services": ["echo.localhost", "a\"b\\c"]})

    def test_head(self):
        status, headers, body = get(self.server.http, "/app.js", method="HEAD")
        self.assertEqual((status, body), (200, b""))
        self.assertGreater(int(headers["content-length"]), 1000)

    def test_nothing_else(self):
        for path in ["/x", "/index.html", "/xmpp-websocket", "/../etc/passwd", "/%2e%2e/etc/passwd", "//", "/app.js/",
                     "/metrics", "/healthz", "/readyz"]:
            with self.subTest(path):
                status, headers, body = get(self.server.http, path)
                self.assertEqual(status if path != "//" else 404, 404)
                self.assertEqual(body.count(b"\n") if path != "//" else 1, 1)

    def test_other_methods(self):
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"]:
            with self.subTest(method):
                status, headers, _ = get(self.server.http, "/", method=method, Content_Length="0")
                self.assertEqual(status, 405)
                self.assertEqual(headers["allow"], "GET, HEAD")

    def test_several_requests_on_one_connection(self):
        with Wire(self.server.http) as wire:
            for _ in range(5):
                wire.send(b"GET /.well-known/host-meta.json HTTP/1.1\r\nHost: a\r\n\r\n")
                self.assertEqual(wire.answer()[0], 200)
            wire.send(b"GET /app.js HTTP/1.1\r\nHost: a\r\n\r\n" * 3)
            for _ in range(3):
                self.assertEqual(wire.answer()[0], 200)
            wire.upgrade()
            self.assertEqual(wire.ask("and then a WebSocket"), "and then a WebSocket")

    def test_what_is_no_request(self):
        rows = [
            (b"GET /\r\n\r\n", 400),
            (b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
            (b"GET / http/1.1\r\nHost: a\r\n\r\n", 400),
            (b"GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            (b"GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            (b"GET /%4 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            (b"G@T / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nHost: a\r\nX: a\nY: b\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
            (b"GET /" + b"a" * 9000, 431),
            (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 2000 + b"\r\n", 431),
            (b"\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n", 404),
            (b"GET http://a/x HTTP/1.1\r\nHost: a\r\n\r\n", 404),
        ]
        for data, status in rows:
            with self.subTest(data[:60]), Wire(self.server.http) as wire:
                wire.send(data)
                self.assertEqual(wire.answer()[0], status)

    def test_a_body_ends_the_connection(self):
        for extra in ["Content-Length: 3", "Transfer-Encoding: chunked", "Connection: close"]:
            with self.subTest(extra), Wire(self.server.http) as wire:
                wire.send(f"GET /app.js HTTP/1.1\r\nHost: a\r\n{extra}\r\n\r\nabcGET / HTTP/1.1\r\n\r\n".encode())
                status, headers, _ = wire.answer()
                self.assertEqual((status, headers["connection"]), (200, "close"))
                self.assertEqual(wire.input, b"")
                self.assertTrue(wire.is_at_end())

    def test_many_requests_at_once_do_not_pile_up(self):
        with Wire(self.server.http, receive_buffer=4096, timeout=30) as wire:
            before = self.memory()
            one = b"GET /strophe.min.js HTTP/1.1\r\nHost: a\r\n\r\n"
            sender = threading.Thread(target=lambda: wire.send(one * 600))
            sender.start()
            time.sleep(0.5)
            self.assertLess(self.memory() - before, 20 * 1024 * 1024)  # 600 answers are 40 MB
            for _ in range(600):
                self.assertEqual(wire.answer()[0], 200)
            sender.join()

    def test_a_slow_reader_gets_all_of_a_big_file(self):
        wire = Wire(self.server.http, receive_buffer=2048)
        self.addCleanup(wire.socket.close)
        wire.send(b"GET /strophe.min.js HTTP/1.1\r\nHost: a\r\n\r\n")
        time.sleep(0.3)
        status, headers, body = wire.answer()
        self.assertEqual(len(body), int(headers["content-length"]))


class NoPage(Case):
    environment = {"NO_PAGE": "1"}

    def test_it_is_off(self):
        for path in ["/", "/app.js", "/demo.json"]:
            self.assertEqual(get(self.server.http, path)[0], 404)
        self.assertEqual(get(self.server.http, "/.well-known/host-meta")[0], 200)


class Admin(Case):
    def test_health(self):
        status, headers, body = get(self.server.admin, "/healthz")
        self.assertEqual((status, body), (200, b"ok\n"))

    def test_readiness(self):
        self.assertEqual(get(self.server.admin, "/readyz")[::2], (200, b"ready\n"))
        self.server.process.send_signal(signal.SIGUSR1)
        time.sleep(0.2)
        self.assertEqual(get(self.server.admin, "/readyz")[::2], (503, b"Redis is away\nworker 1 is starting\n"))

    def test_metrics(self):
        status, headers, body = get(self.server.admin, "/metrics")
        self.assertEqual(status, 200)
        self.assertTrue(headers["content-type"].startswith("text/plain; version=0.0.4"))
        text = body.decode()
        self.assertIn("# HELP stanzabus_logins_total successful logins\n# TYPE stanzabus_logins_total counter\n"
                      "stanzabus_logins_total 42\n", text)
        self.assertIn('stanzabus_worker_up{worker="0"} 1\nstanzabus_worker_up{worker="1"} 1\n', text)
        self.assertIn('stanzabus_worker_ready{worker="0"} 1\nstanzabus_worker_ready{worker="1"} 0\n', text)
        for line in text.splitlines():
            self.assertRegex(line, r'^(# (HELP|TYPE) [a-z_0-9]+ .+|[a-z_0-9]+(\{worker="\d+"\})? -?\d+)$')

    def test_clients_are_not_served_here(self):
        with Wire(self.server.admin) as wire:
            wire.send(request())
            self.assertEqual(wire.answer()[0], 404)
        for path in ["/", "/.well-known/host-meta", "/app.js"]:
            self.assertEqual(get(self.server.admin, path)[0], 404)


class Start(unittest.TestCase):
    def test_a_bad_proxy_network_is_named(self):
        with self.assertRaisesRegex(AssertionError, "http.trusted_proxies: '10.0.0.0/33' is neither"):
            Server(TRUSTED="127.0.0.1 10.0.0.0/33")


if __name__ == "__main__":
    FIXTURE = sys.argv.pop(1)
    with tempfile.TemporaryDirectory() as folder:
        CERTIFICATES = make_certificates(folder)
        unittest.main(exit=False, verbosity=1).result.wasSuccessful() or sys.exit(1)
