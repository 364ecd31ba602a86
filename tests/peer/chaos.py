"""A crowd that connects, logs in, talks, and breaks off at any point, over TCP, WebSocket and TLS; for tests that see what
is left when it has gone.  One thread, asyncio; nothing is awaited for long, because anything may be dead at any moment."""
import asyncio
import base64
import os
import random
import re
import socket
import ssl
import struct

from xmpp import BIND, FRAMING, SASL, STREAMS


class Broken(Exception):
    """The connection ended, or what was waited for did not come."""


class Person:
    """One connection of the crowd.  steps counts how far it may go before it breaks off."""

    def __init__(self, crowd, kind):
        self.crowd, self.kind, self.seen, self.steps = crowd, kind, b"", random.choice([1, 2, 3, 4, 5, 6, 20, 40])
        self.resource = random.choice(["", "balcony", "orchard", "r%d" % random.randrange(1000)])
        self.user = random.choice(crowd.users)

    async def connect(self):
        port = {"tcp": self.crowd.tcp, "websocket": self.crowd.http, "tls": self.crowd.tls}[self.kind]
        context = None
        if self.kind == "tls":
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.reader, self.writer = await asyncio.wait_for(
            asyncio.open_connection("127.0.0.1", port, ssl=context, ssl_handshake_timeout=10 if context else None), 10)
        if self.kind == "websocket":
            key = base64.b64encode(os.urandom(16)).decode()
            self.writer.write((f"GET /xmpp-websocket HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                               f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: xmpp\r\n\r\n").encode())
            await self.until(rb"\r\n\r\n")

    def step(self):
        self.steps -= 1
        if self.steps <= 0:
            raise Broken

    def send(self, text):
        data = text.encode()
        if self.kind == "websocket":
            mask = os.urandom(4)
            size = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + struct.pack(">H", len(data))
            data = b"\x81" + size + mask + bytes(b ^ mask[i & 3] for i, b in enumerate(data))
        self.writer.write(data)

    async def until(self, pattern, seconds=15.0):
        async def read():
            while True:
                match = re.search(pattern, self.seen, re.S)
                if match:
                    self.seen = self.seen[match.end():]
                    return match
                data = await self.reader.read(65536)
                if not data:
                    raise Broken
                self.seen += data

        return await asyncio.wait_for(read(), seconds)

    async def open(self):
        if self.kind == "websocket":
            self.send(f"<open xmlns='{FRAMING}' to='localhost' version='1.0'/>")
        else:
            self.send(f"<stream:stream xmlns='jabber:client' xmlns:stream='{STREAMS}' to='localhost' version='1.0'>")
        self.step()
        await self.until(rb"<stream:features.*?</stream:features>")

    async def log_in(self):
        await self.open()
        password = "secret" if random.random() < 0.95 else "wrong"
        secret = base64.b64encode(f"\0{self.user}\0{password}".encode()).decode()
        self.send(f"<auth xmlns='{SASL}' mechanism='PLAIN'>{secret}</auth>")
        self.step()
        await self.until(rb"<success[^>]*>")
        await self.open()
        wanted = f"<resource>{self.resource}</resource>" if self.resource else ""
        self.send(f"<iq xmlns='jabber:client' type='set' id='bind'><bind xmlns='{BIND}'>{wanted}</bind></iq>")
        self.step()
        await self.until(rb"<jid>(.*?)</jid>")
        self.crowd.bound += 1
        if random.random() < 0.8:
            self.send("<presence xmlns='jabber:client'/>")
        self.step()

    async def talk(self):
        number = 0
        while True:
            number += 1
            to = random.choice(["echo.localhost", "desk@echo.localhost", "localhost", "nobody@localhost", "deaf.localhost"]
                               + [f"{user}@localhost" for user in self.crowd.users]
                               + [f"{user}@localhost/balcony" for user in self.crowd.users])
            self.send(random.choice([
                f"<message xmlns='jabber:client' to='{to}' type='chat' id='m{number}'><body>{'x' * random.randrange(300)}</body></message>",
                f"<iq xmlns='jabber:client' to='{to}' type='get' id='q{number}'><ping xmlns='urn:xmpp:ping'/></iq>",
                f"<presence xmlns='jabber:client' to='{to}'/>",
                random.choice(["<presence xmlns='jabber:client'/>", "<presence xmlns='jabber:client' type='unavailable'/>"]),
            ]))
            self.step()
            if random.random() < 0.9:  # some do not read
                try:
                    data = await asyncio.wait_for(self.reader.read(65536), random.random() * 0.2)
                except asyncio.TimeoutError:
                    continue
                if not data:
                    raise Broken
                self.seen = (self.seen + data)[-20000:]

    async def leave(self):
        how = random.random()
        sock = self.writer.get_extra_info("socket")
        if how < 0.4 and sock:  # reset
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif how < 0.7:
            self.send("<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>" if self.kind == "websocket" else "</stream:stream>")
        elif how < 0.8:
            self.send("<presence xmlns='jabber:client'><sta")  # cut in the middle
        self.writer.close()

    async def live(self):
        self.writer = None
        try:
            await self.connect()
            self.step()
            await self.log_in()
            await self.talk()
        except (Broken, asyncio.TimeoutError, OSError, EOFError):
            pass
        finally:
            if self.writer:
                try:
                    await self.leave()
                except (OSError, RuntimeError):
                    pass


class Crowd:
    """People on the gateway's listeners; users have the password "secret"."""

    def __init__(self, gateway, users, tls=None, kinds=("tcp", "websocket", "tls")):
        self.tcp, self.http, self.tls, self.users = gateway.tcp, gateway.http, tls, users
        self.kinds = [kind for kind in kinds if kind != "tls" or tls]
        self.lives = self.bound = 0

    async def place(self, deadline):
        loop = asyncio.get_running_loop()
        while loop.time() < deadline:
            self.lives += 1
            await Person(self, random.choice(self.kinds)).live()
            await asyncio.sleep(random.random() * 0.05)

    async def run(self, people, seconds, *others):
        """So many at once for so long; others are coroutines that go on meanwhile."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda *_: None)  # resets in the middle of a TLS shutdown
        deadline = loop.time() + seconds
        side = [asyncio.ensure_future(other) for other in others]
        await asyncio.gather(*(self.place(deadline) for _ in range(people)))
        for task in side:
            task.cancel()
        for task in side:
            try:
                await task
            except asyncio.CancelledError:
                pass
