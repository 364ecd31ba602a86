"""web_pages_test.py - HTTP: host-meta, the page, the admin listener.  Usage: web_pages_test.py FIXTURE [unittest arguments]"""

import json
import signal
import socket
import threading
import time
import xml.etree.ElementTree as ElementTree

import server
from server import Case, get
from wire import Wire, request


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


if __name__ == "__main__":
    server.main()
