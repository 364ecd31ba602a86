"""What comes for a resource while it is being bound."""
import base64
import socket
import threading
import time

import pytest

from conftest import free_port, wait_for
from xmpp import BIND, SASL, Client


class SlowAnswers:
    """A line to Redis on which answers can be held back, but not what is published."""

    def __init__(self, redis):
        self.redis, self.port = redis, free_port()
        self.url = f"redis://127.0.0.1:{self.port}"
        self.goes = threading.Event()
        self.goes.set()
        self.has_held = False
        self.listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self.redis.port))
            threading.Thread(target=self.carry, args=(near, far, threading.Event()), daemon=True).start()

    def carry(self, near, far, subscribes):
        threading.Thread(target=self.bring_back, args=(near, far, subscribes), daemon=True).start()
        while data := near.recv(65536):
            if b"SUBSCRIBE" in data:
                subscribes.set()
            far.sendall(data)
        far.close()

    def bring_back(self, near, far, subscribes):
        try:
            while data := far.recv(65536):
                if not subscribes.is_set() and not self.goes.is_set():
                    self.has_held = True
                    self.goes.wait()
                near.sendall(data)
        except OSError:
            pass
        near.close()

    def close(self):
        self.listener.close()


@pytest.fixture
def slow(redis):
    line = SlowAnswers(redis)
    yield line
    line.goes.set()
    line.close()


def says(number):
    return f"<message xmlns='jabber:client' to='romeo@localhost/orchard' type='chat'><body>n{number}.</body></message>"


def log_in(client):
    client.open()
    secret = base64.b64encode(b"\0romeo\0secret").decode()
    client.send(f"<auth xmlns='{SASL}' mechanism='PLAIN'>{secret}</auth>")
    client.until(r"<success.*?(</success>|/>)")
    client.open()
    return client


def rows(redis):
    return redis.client().hgetall("xmpp:{romeo@localhost}:sessions")


@pytest.mark.parametrize("others", [(), ("desk",), ("orchard",)], ids=["alone", "beside another", "in place of another"])
def test_a_message_that_comes_before_the_answer_to_the_binding(gateways, redis, slow, others):
    there = gateways()
    here = gateways(redis=slow, users=())
    juliet = Client(there.tcp).login("juliet", resource="balcony")
    others = [Client(here.tcp).login("romeo", resource=name) for name in others]
    before = dict(rows(redis))
    romeo = log_in(Client(here.tcp))
    slow.goes.clear()
    romeo.send(f"<iq xmlns='jabber:client' type='set' id='b'><bind xmlns='{BIND}'><resource>orchard</resource></bind></iq>")
    wait_for(lambda: rows(redis).get("orchard") != before.get("orchard"), what="the row")
    juliet.send(says(1))
    wait_for(lambda: redis.client().xlen("xmpp:{romeo@localhost}:log") == 1, what="the message in the log")
    time.sleep(0.2)
    slow.goes.set()
    romeo.until("<jid>")
    juliet.send(says(2))
    assert romeo.until("<body>(n.)").group(1) == "n1"
    assert romeo.until("<body>(n.)").group(1) == "n2"
    wait_for(lambda: redis.client().xlen("xmpp:{romeo@localhost}:log") == 0, what="an empty log")
    for other in others:
        assert "<body>" not in other.seen
