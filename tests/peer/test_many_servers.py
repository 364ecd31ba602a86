"""A thousand other domains at once, all by TLS and certificates: to each of them, and from each of them."""
import asyncio
import re
import ssl
import threading
import time

import pytest

from conftest import free_port, wait_for
from world import Authority, Dns, settings
from xmpp import SASL, STREAMS, Client

MANY = 1000
OWN = "capulet.example"
HEADER = "<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:stream='{streams}' {more} version='1.0'>"


class Servers(threading.Thread):
    """d0.many.example and so on: one program, one certificate for all, on one port by direct TLS."""

    def __init__(self, identity, folder, port):
        super().__init__(daemon=True)
        self.path, self.port, self.heard, self.streams, self.is_up = folder / "many.pem", port, {}, 0, threading.Event()
        self.path.write_bytes(identity.pem() + identity.key_pem())
        self.start()
        assert self.is_up.wait(10)

    def run(self):
        self.loop = asyncio.new_event_loop()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path)
        self.loop.run_until_complete(asyncio.start_server(self.serve, "127.0.0.1", self.port, ssl=context, backlog=MANY))
        self.is_up.set()
        self.loop.run_forever()

    @staticmethod
    async def until(reader, pattern):
        text = ""
        while not (found := re.search(pattern, text, re.S)):
            data = await reader.read(65536)
            if not data:
                raise ConnectionError(text)
            text += data.decode()
        return found

    async def greet(self, reader, writer, features):
        found = await self.until(reader, r"<stream:stream[^>]*>")
        domain = re.search(r"\bto='([^']*)'", found.group(0)).group(1)
        more = f"id='s{self.streams}' from='{domain}' to='{OWN}'"
        writer.write((HEADER.format(streams=STREAMS, more=more) + f"<stream:features>{features}</stream:features>").encode())
        return domain

    async def serve(self, reader, writer):
        self.streams += 1
        try:
            await self.greet(reader, writer, f"<mechanisms xmlns='{SASL}'><mechanism>EXTERNAL</mechanism></mechanisms>")
            await self.until(reader, r"</auth>")
            writer.write(f"<success xmlns='{SASL}'/>".encode())
            domain = await self.greet(reader, writer, "")
            while data := await reader.read(65536):
                self.heard.setdefault(domain, []).extend(re.findall(r"<body>([^<]*)</body>", data.decode()))
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def call(self, number, port, gate, context):
        """The other way: it connects, and its certificate is believed."""
        more = f"from='d{number}.many.example' to='{OWN}'"
        async with gate:  # so many handshakes under way
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(HEADER.format(streams=STREAMS, more=more).encode())
            await self.until(reader, r"</stream:features>")
            writer.write(b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
            await self.until(reader, r"<proceed[^>]*>")
            await writer.start_tls(context)
            for answer in (r"<success[^>]*>", r"</stream:features>"):
                writer.write(HEADER.format(streams=STREAMS, more=more).encode())
                if "success" in answer:
                    await self.until(reader, r"EXTERNAL.*</stream:features>")
                    writer.write(f"<auth xmlns='{SASL}' mechanism='EXTERNAL'>=</auth>".encode())
                await self.until(reader, answer)
        writer.write(f"<message from='tybalt@d{number}.many.example' to='juliet@{OWN}/balcony'><body>n{number}.</body></message>".encode())
        return writer

    def call_all(self, port):
        async def all_of_them():
            gate, context = asyncio.Semaphore(100), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            context.load_cert_chain(self.path)
            return await asyncio.gather(*(self.call(number, port, gate, context) for number in range(MANY)))
        return asyncio.run_coroutine_threadsafe(all_of_them(), self.loop)


class Beside(threading.Thread):
    """Somebody else's pings meanwhile: the longest that one took."""

    def __init__(self, client):
        super().__init__(daemon=True)
        self.client, self.longest, self.is_over = client, 0, threading.Event()
        self.start()

    def run(self):
        number = 0
        while not self.is_over.wait(0.05):
            began, number = time.monotonic(), number + 1
            self.client.send(f"<iq type='get' id='p{number}'><ping xmlns='urn:xmpp:ping'/></iq>")
            self.client.until(rf"<iq[^>]*id='p{number}'", timeout=60)
            self.longest = max(self.longest, time.monotonic() - began)

    def end(self):
        self.is_over.set()
        self.join(60)
        return self.longest


@pytest.fixture
def world(folder, gateways):
    authority, ours, theirs = Authority(folder), free_port(), free_port()
    srv = {OWN: [("xmpp-server", "here.example", ours, 0)]}
    srv |= {f"d{number}.many.example": [("xmpps-server", "here.example", theirs, 0)] for number in range(MANY)}
    dns = Dns(folder, srv, {"here.example": "127.0.0.1"})
    servers = Servers(authority.issue("*.many.example"), folder, theirs)
    identity = authority.issue(OWN).write(folder, OWN)
    gateway = gateways(**settings(dns, authority.path, domain=OWN, users=("juliet", "nurse"), **{
        **identity, "listen__s2s": f"127.0.0.1:{ours}", "s2s__timeout": "60", "services__domains": ""}))
    gateway.s2s, gateway.servers = ours, servers
    yield gateway
    dns.stop()


def test_a_thousand_domains_at_once(world):
    juliet = Client(world.tcp, timeout=60).login("juliet", domain=OWN, resource="balcony").present()
    beside = Beside(Client(world.tcp, timeout=60).login("nurse", domain=OWN, resource="hall"))
    began = time.monotonic()
    for text in ("first", "second"):
        for number in range(MANY):
            juliet.send(f"<message to='x@d{number}.many.example'><body>{text}</body></message>")
        wait_for(lambda: sum(len(heard) for heard in world.servers.heard.values()) == (MANY if text == "first" else 2 * MANY), 90, f"the {text} ones")
        print(f"{text}: {time.monotonic() - began:.1f} s", end="; ")
    assert len(world.servers.heard) == MANY and all(heard == ["first", "second"] for heard in world.servers.heard.values())
    assert world.servers.streams <= MANY and world.metrics()["peers"] <= MANY

    began = time.monotonic()
    callers, heard = world.servers.call_all(world.s2s).result(90), set()
    while len(heard) < MANY:
        heard.add(juliet.until(r"from='tybalt@(d\d+)\.many\.example'.*?</message>", timeout=90).group(1))
    print(f"from them: {time.monotonic() - began:.1f} s; longest ping beside: {beside.end():.2f} s")
    assert beside.longest < 5  # with sanitizers, on a busy machine, which the servers of this test are on too
    assert "error" not in juliet.seen and len(callers) == MANY
