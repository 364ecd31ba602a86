"""web_tls_test.py - the same over TLS, and channel bindings.  Usage: web_tls_test.py FIXTURE [unittest arguments]"""

import contextlib
import json
import os
import re
import socket
import ssl
import struct
import subprocess
import time

import server
from server import Case, client_tls, get, paused
from wire import CLOSE, TEXT, Wire, frame, request


class Tls(Case):
    @classmethod
    def setUpClass(cls):
        cls.environment = server.CERTIFICATES
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
        paused(self, client_tls())

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
        end_point = subprocess.run(["openssl", "x509", "-in", server.CERTIFICATES["CERTIFICATE"], "-noout", "-fingerprint",
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


if __name__ == "__main__":
    server.main()
