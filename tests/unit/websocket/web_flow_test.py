"""web_flow_test.py - order, backpressure, pause, many connections.  Usage: web_flow_test.py FIXTURE [unittest arguments]"""

import re
import socket
import threading
import time

import server
from server import Case, paused
from wire import PING, PONG, TEXT, Wire, frame, request


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

    def test_pause_and_resume(self):
        paused(self)

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
        """More half-sent requests than the listener reads at once: those that are whole come through all the same."""
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


if __name__ == "__main__":
    server.main()
