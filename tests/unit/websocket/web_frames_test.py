"""web_frames_test.py - frames in and out, what breaks their rules, how a WebSocket ends.  Usage: web_frames_test.py FIXTURE [unittest arguments]"""

import contextlib
import socket
import struct
import time

import server
from server import Case
from wire import BINARY, CLOSE, PING, PONG, TEXT, Wire, frame, request


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


if __name__ == "__main__":
    server.main()
