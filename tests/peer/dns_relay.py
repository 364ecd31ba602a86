"""A resolver with faults: between the gateway and a real one, it keeps back, slows down, cuts short or refuses what a test says."""
import contextlib
import socket
import struct
import threading
import time

TYPES = {1: "A", 28: "AAAA", 33: "SRV", 52: "TLSA"}
PASS, DROP, REFUSE, TRUNCATE = "pass", "drop", "servfail", "truncate"


def question(message):
    """(name, type) of a query."""
    labels, at = [], 12
    while message[at]:
        labels.append(message[at + 1:at + 1 + message[at]].decode())
        at += 1 + message[at]
    (number,) = struct.unpack("!H", message[at + 1:at + 3])
    return ".".join(labels).lower(), TYPES.get(number, str(number))


def end_of_question(message):
    at = 12
    while message[at]:
        at += 1 + message[at]
    return at + 5


class DnsRelay:
    """judge(name, type) says what becomes of a query that came over UDP; what comes over TCP is always answered."""

    def __init__(self, port, upstream, judge=lambda name, kind: PASS, delay=0.0):
        self.port, self.upstream, self.judge, self.delay = port, upstream, judge, delay
        self.over_tcp, self.carried = 0, []
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.udp.bind(("127.0.0.1", port))
        self.tcp = socket.create_server(("127.0.0.1", port))
        for loop in (self.take_datagrams, self.take_streams):
            threading.Thread(target=loop, daemon=True).start()

    @property
    def server(self):
        return f"127.0.0.1@{self.port}"

    def take_datagrams(self):
        while True:
            try:
                query, client = self.udp.recvfrom(4096)
            except OSError:
                return
            name, kind = question(query)
            threading.Thread(target=self.answer, args=(query, client, self.judge(name, kind)), daemon=True).start()

    def answer(self, query, client, verdict):
        if verdict == DROP:
            return
        time.sleep(self.delay)
        if verdict == PASS:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as onward:
                onward.settimeout(5)
                onward.sendto(query, ("127.0.0.1", self.upstream))
                reply = onward.recv(65536)
        else:  # the question alone: SERVFAIL, or cut short (TC)
            flags = 0x8182 if verdict == REFUSE else 0x8380
            reply = query[:2] + struct.pack("!HHHHH", flags, 1, 0, 0, 0) + query[12:end_of_question(query)]
        self.udp.sendto(reply, client)

    def take_streams(self):
        while True:
            try:
                client, _ = self.tcp.accept()
            except OSError:
                return
            self.over_tcp += 1
            onward = socket.create_connection(("127.0.0.1", self.upstream))
            self.carried += [client, onward]
            for one, other in ((client, onward), (onward, client)):
                threading.Thread(target=self.carry, args=(one, other), daemon=True).start()

    @staticmethod
    def carry(one, other):
        try:
            while data := one.recv(65536):
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def stop(self):
        for one in self.carried:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for one in (self.udp, self.tcp, *self.carried):
            one.close()
