"""The live_* programs of clients/: stock libraries that obey a test, a line of JSON each way; and a line between a client and
the server that can be cut."""
import json
import pathlib
import queue
import select
import socket
import struct
import subprocess
import threading
import time

from conftest import free_port

CLIENTS = pathlib.Path(__file__).parent / "clients"


class Line:
    """A TCP line to a port of the server, which can be cut: both ends get a reset, and what is on the way is lost."""

    def __init__(self, port):
        self.server_port, self.port = port, free_port()
        self.pairs, self.is_up, self.is_deaf = [], True, False
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", self.port))
        self.listener.listen(16)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            if not self.is_up:
                self.reset(near)
                continue
            far = socket.create_connection(("127.0.0.1", self.server_port))
            self.pairs.append((near, far))
            threading.Thread(target=self.carry, args=(near, far), daemon=True).start()

    def carry(self, near, far):
        other = {near: far, far: near}
        try:
            while True:
                for end in select.select([near, far], [], [])[0]:
                    data = end.recv(65536)
                    if not data:
                        near.close(), far.close()
                        return
                    if not self.is_deaf:
                        other[end].sendall(data)
        except (OSError, ValueError):
            return

    @staticmethod
    def reset(end):
        try:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            end.shutdown(socket.SHUT_RDWR)  # wakes who waits in select
        except OSError:
            pass
        end.close()

    def cut(self, keeps_out=False):
        self.is_up = not keeps_out
        pairs, self.pairs = self.pairs, []
        for pair in pairs:
            for end in pair:
                self.reset(end)

    def go_deaf(self):
        """What is sent from now on gets lost, and nobody knows it yet."""
        self.is_deaf = True

    def mend(self):
        self.is_up, self.is_deaf = True, False

    def close(self):
        self.listener.close()
        self.cut()


class Live:
    def __init__(self, program, *arguments):
        path = CLIENTS / program
        runner = "/usr/bin/python3" if path.suffix == ".py" else "node"
        self.name = program
        self.process = subprocess.Popen([runner, str(path), *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, cwd=CLIENTS.parent)
        self.told, self.kept, self.errors = queue.Queue(), [], []
        threading.Thread(target=self.read, daemon=True).start()
        threading.Thread(target=lambda: self.errors.extend(self.process.stderr), daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            if line.startswith('{"event"'):
                self.told.put(json.loads(line))
            else:
                self.errors.append(line)  # what a library logs

    def expect(self, event, seconds=15, **fields):
        """The next such thing that it tells; what it told before that is kept aside."""
        deadline = time.monotonic() + seconds
        waiting, self.kept = self.kept, []
        while True:
            try:
                thing = waiting.pop(0) if waiting else self.told.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"{self.name} does not tell {event} {fields}; it told {self.kept}\n{''.join(self.errors)[-2000:]}") from None
            if thing["event"] == event and all(thing.get(key) == value for key, value in fields.items()):
                self.kept += waiting
                return thing
            self.kept.append(thing)

    def do(self, what, **fields):
        self.process.stdin.write(json.dumps({"do": what, **fields}) + "\n")
        self.process.stdin.flush()
        return self.expect("done", did=what).get("value")

    def heard(self):
        """The bodies of all messages told and not yet expected."""
        while not self.told.empty():
            self.kept.append(self.told.get())
        return [thing["body"] for thing in self.kept if thing["event"] == "message"]

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
        self.process.stdout.close()
