"""The other side of XEP-0114."""
import hashlib
import re
import threading

from xmpp import STREAMS, Client, Closed


class Component(Client):
    def enter(self, domain, secret):
        self.send(f"<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' xmlns:stream='{STREAMS}' to='{domain}'>")
        stream_id = self.until(r"<stream:stream[^>]* id='([^']*)'[^>]*>").group(1)
        self.send(f"<handshake>{hashlib.sha1((stream_id + secret).encode()).hexdigest()}</handshake>")
        return self


class Listening(Component):
    """Reads all the time: what came is in got, as (sender's bare address, body without dots at its end), until the other side closes."""

    MESSAGE = re.compile(r"<message[^>]*? from='([^'/]*)[^>]*>.*?<body>([^<.]*)\.*</body>.*?</message>", re.S)

    def listen(self):
        self.got = []
        self.reader = threading.Thread(target=self.run, daemon=True)
        self.reader.start()
        return self

    def run(self):
        self.sock.settimeout(None)
        try:
            while True:
                for match in self.MESSAGE.finditer(self.seen):
                    self.got.append(match.groups())
                self.seen = self.seen[self.seen.rfind("</message>") + len("</message>"):] if "</message>" in self.seen else self.seen
                self.fill()
        except (Closed, OSError):
            pass

    def leave(self):
        """Ends its stream in order, and reads until the other side has closed: nothing that was written to it is lost."""
        self.send("</stream:stream>")
        self.reader.join(10)
        self.close()
