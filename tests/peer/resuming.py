"""A client with stream management (XEP-0198) that loses its connection and resumes, over TCP: it counts what it gets, keeps
what it sent until that is acknowledged, and sends the rest again."""
import select
import socket
import struct
import xml.etree.ElementTree as ElementTree

from xmpp import BIND, STREAMS, Client

SM = "urn:xmpp:sm:3"


class Resuming:
    def __init__(self, port, user, resource, domain="localhost"):
        self.port, self.user, self.resource, self.domain = port, user, resource, domain
        self.handled = 0  # stanzas that came
        self.acked = 0  # stanzas of ours that the server has
        self.unacked = []
        self.stream = None  # its id; None: not enabled yet
        self.bodies = []  # (from, body) of each message
        self.resumed = 0
        self.connection = None
        self.connect()

    # -- login, resumption --

    def log_in(self):
        client = Client(self.port, timeout=20)
        client.open(self.domain)
        import base64

        secret = base64.b64encode(f"\0{self.user}\0secret".encode()).decode()
        client.send(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{secret}</auth>")
        client.until(r"<success.*?(</success>|/>)")
        client.open(self.domain)
        return client

    def connect(self):
        client = self.log_in()
        if self.stream is None:
            client.send(f"<iq type='set' id='bind'><bind xmlns='{BIND}'><resource>{self.resource}</resource></bind></iq>")
            client.until(r"<jid>(.*?)</jid>.*?</iq>")
            client.send(f"<enable xmlns='{SM}' resume='true'/>")
            self.stream = client.until(r"<enabled [^>]*id='([^']*)'[^>]*/>").group(1)
        else:
            client.send(f"<resume xmlns='{SM}' previd='{self.stream}' h='{self.handled}'/>")
            answer = client.until(r"<resumed [^>]*/>|<failed.*?</failed>").group(0)
            assert answer.startswith("<resumed"), f"{self.user}: {answer}"
            self.take_ack(int(answer.split("h='")[1].split("'")[0]))
            self.resumed += 1
        self.connection = client
        self.parser = ElementTree.XMLPullParser(["start", "end"])
        self.depth = 0
        self.feed(f"<s xmlns='jabber:client' xmlns:stream='{STREAMS}'>" + client.seen)
        if self.resumed:
            client.send("".join(self.unacked) + f"<r xmlns='{SM}'/>")
        return self

    def cut(self):
        """As a network that is gone: nothing is said, and what is on the line is lost."""
        sock = self.connection.sock
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
        self.connection = None

    # -- stanzas --

    def send(self, stanza):
        self.unacked.append(stanza)
        if self.connection is None:
            return
        try:
            self.connection.send(stanza + f"<r xmlns='{SM}'/>")
        except OSError:
            self.connection = None

    def take_ack(self, h):
        assert self.acked <= h <= self.acked + len(self.unacked), f"{self.user}: h={h} after {self.acked}+{len(self.unacked)}"
        del self.unacked[:h - self.acked]
        self.acked = h

    def feed(self, text):
        self.parser.feed(text)
        for event, element in self.parser.read_events():
            self.depth += 1 if event == "start" else -1
            if event == "end" and self.depth == 1:
                self.take(element)

    def take(self, element):
        name = element.tag.rsplit("}", 1)[1]
        if element.tag == f"{{{SM}}}r":
            try:
                self.connection.send(f"<a xmlns='{SM}' h='{self.handled}'/>")
            except OSError:
                pass  # lost, and pump notices when it has read what came before
        elif element.tag == f"{{{SM}}}a":
            self.take_ack(int(element.get("h")))
        elif name in ("message", "presence", "iq"):
            self.handled += 1
            assert element.get("type") != "error", f"{self.user}: {ElementTree.tostring(element)}"
            body = element.find("{jabber:client}body")
            if body is not None:
                self.bodies.append((element.get("from").split("@")[0], body.text))

    def pump(self, seconds=0.0):
        """Takes what has come; true when something has.  A lost connection is noticed here."""
        if self.connection is None:
            return False
        try:
            if not select.select([self.connection.sock], [], [], seconds)[0]:
                return False
            data = self.connection.sock.recv(65536)
        except OSError:
            data = b""
        if not data:
            self.connection = None
            return False
        self.feed(data.decode())
        return True

    def from_whom(self, user):
        return [body for sender, body in self.bodies if sender == user]
