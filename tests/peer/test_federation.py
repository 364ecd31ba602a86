"""Other servers: a stock Prosody across STARTTLS with certificates both ways, by dialback, by direct TLS; wrong certificates,
hosts that are dead or do not exist, a server that dies while messages wait."""
import re

import pytest

from certificates import Identity
from conftest import free_port, wait_for
from world import Authority, Dns, Prosody, settings
from xmpp import Client


class World:
    """capulet.example is the gateway's, montague.example is Prosody's."""

    def __init__(self, folder, gateways):
        self.folder, self.gateways = folder, gateways
        self.authority = Authority(folder)
        self.processes = []
        self.ours, self.theirs = free_port(), free_port()

    def start(self, srv=None, prosody=None, hosts=None, **options):
        records = srv or {"capulet.example": [("xmpp-server", "a.example", self.ours, 0)], "montague.example": [("xmpp-server", "b.example", self.theirs, 0)]}
        self.dns = Dns(self.folder, records, {"a.example": "127.0.0.1", "b.example": "127.0.0.1", **(hosts or {})})
        self.processes.append(self.dns)
        identity = self.authority.issue("capulet.example").write(self.folder, "capulet.example")
        self.gateway = self.gateways(**settings(self.dns, self.authority.path, domain="capulet.example", **{
            **identity, "listen__s2s": f"127.0.0.1:{self.ours}", "services__domains": "echo.capulet.example", **options}))
        if prosody is not False:
            self.prosody = Prosody(self.folder, "montague.example", self.dns, self.authority.path,
                                   **{"identity": self.authority.issue("montague.example"), "s2s_port": self.theirs, **(prosody or {})})
            self.processes.append(self.prosody)
        return self

    def juliet(self):
        return Client(self.gateway.tcp, timeout=20).login("juliet", domain="capulet.example", resource="balcony")

    def romeo(self):
        client = Client(self.prosody.c2s, timeout=20).login("romeo", domain="montague.example", resource="orchard")
        client.send("<presence/>")
        client.until(r"<presence")
        return client

    def stop(self):
        for process in self.processes:
            process.stop()


@pytest.fixture
def world(folder, gateways):
    made = World(folder, gateways)
    yield made
    made.stop()


def talk(juliet, romeo):
    """A message there, one back, and a request."""
    juliet.send("<message to='romeo@montague.example/orchard' type='chat' id='m1'><body>O Romeo</body></message>")
    got = romeo.until(r"<message.*?</message>").group(0)
    assert "O Romeo" in got and "juliet@capulet.example/balcony" in got
    romeo.send("<message to='juliet@capulet.example/balcony' type='chat' id='m2'><body>Shall I hear more?</body></message>")
    got = juliet.until(r"<message.*?</message>").group(0)
    assert "Shall I hear more?" in got and "romeo@montague.example/orchard" in got and "jabber:server" not in got
    juliet.send("<iq to='montague.example' type='get' id='q1'><query xmlns='jabber:iq:version'/></iq>")
    assert "Prosody" in juliet.until(r"<iq.*?</iq>").group(0)
    romeo.send("<iq to='capulet.example' type='get' id='q2'><query xmlns='jabber:iq:version'/></iq>")
    assert "stanzabus" in romeo.until(r"<iq.*?</iq>").group(0)


def test_certificates_both_ways(world):
    world.start()
    talk(world.juliet(), world.romeo())
    assert "Accepting SASL EXTERNAL" in world.prosody.log() or "EXTERNAL" in world.prosody.log()


def test_dialback(world):
    strangers = Identity("strangers", is_authority=True)
    world.start(prosody={"identity": Identity("montague.example", ["montague.example"], issuer=strangers), "secure": False}, s2s__dialback="on")
    talk(world.juliet(), world.romeo())


def test_dialback_without_tls(world):
    world.start(prosody={"identity": None, "secure": False}, s2s__dialback="on", s2s__tls="off")
    talk(world.juliet(), world.romeo())


@pytest.mark.parametrize("what, identity", [
    ("expired", lambda authority: authority.issue("montague.example", days=-1)),
    ("of another name", lambda authority: authority.issue("verona.example")),
    ("self-signed", lambda authority: Identity("montague.example", ["montague.example"])),
])
def test_wrong_certificate(world, what, identity):
    world.start(prosody={"identity": identity(world.authority)})
    juliet = world.juliet()
    juliet.send("<message to='romeo@montague.example' type='chat' id='m1'><body>O Romeo</body></message>")
    got = juliet.until(r"<message.*?</message>").group(0)
    assert "type='error'" in got and "remote-server-not-found" in got, got


def test_no_such_server(world):
    world.start(prosody=False, srv={"nobody.example": [("xmpp-server", ".", 0, 0), ("xmpps-server", ".", 0, 0)]})
    juliet = world.juliet()
    for number, domain in enumerate(["nowhere.example", "nobody.example"]):
        juliet.send(f"<message to='romeo@{domain}' type='chat' id='m{number}'><body>O Romeo</body></message>")
        got = juliet.until(r"<message.*?</message>").group(0)
        assert "remote-server-not-found" in got, got
        assert f"romeo@{domain}" in got and f"id='m{number}'" in got


def test_first_host_is_dead(world):
    dead = free_port()
    world.start(srv={"capulet.example": [("xmpp-server", "a.example", world.ours, 0)],
                     "montague.example": [("xmpp-server", "b.example", dead, 0), ("xmpp-server", "b.example", world.theirs, 10)]})
    talk(world.juliet(), world.romeo())


def test_killed_while_messages_wait(world):
    world.start()
    juliet, romeo = world.juliet(), world.romeo()
    talk(juliet, romeo)
    world.prosody.kill()
    for number in range(50):
        juliet.send(f"<message to='romeo@montague.example' type='chat' id='w{number}'><body>wait {number}</body></message>")
    world.prosody.start()
    romeo = world.romeo()
    seen = [romeo.until(r"<body>wait (\d+)</body>.*?</message>", timeout=40).group(1) for _ in range(50)]
    assert seen == [str(number) for number in range(50)]
    assert romeo.silent(1)
