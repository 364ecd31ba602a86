"""How other servers are found when DNS is not as it should be: dead, slow, silent, in pieces, asked for very much at once."""
import os
import re
import socket
import time

import pytest

from certificates import Identity
from conftest import free_port, wait_for
from dns_relay import DROP, PASS, REFUSE, TRUNCATE, DnsRelay
from remote import RemoteServer
from test_dane import tlsa
from world import Authority, Dns, SignedDns, settings
from xmpp import Client


class World:
    """montague.example has a server at b.example; the gateway of capulet.example asks a relay for it."""

    def __init__(self, folder, gateways):
        self.folder, self.gateways = folder, gateways
        self.authority, self.port, self.ends = Authority(folder), free_port(), []

    def remote(self, identity=None, **options):
        self.ends.append(RemoteServer(self.folder, "montague.example", self.port, identity or self.authority.issue("montague.example"), **options))
        return self.ends[-1]

    def start(self, dns=None, **more):
        """Without a relay when dns is the place of one that does not answer."""
        identity = self.authority.issue("capulet.example").write(self.folder, "capulet.example")
        self.gateway = self.gateways(**settings(dns or self.relay, self.authority.path, domain="capulet.example", **{**identity, "s2s__wait": "1", **more}))
        self.juliet = Client(self.gateway.tcp, timeout=30).login("juliet", domain="capulet.example", resource="balcony")

    def resolver(self, hosts=None, **options):
        self.ends.append(Dns(self.folder, {"montague.example": [("xmpp-server", "b.example", self.port, 0)]}, hosts or {"b.example": "127.0.0.1"}))
        self.relay = DnsRelay(free_port(), self.ends[-1].port, **options)
        self.ends.append(self.relay)

    def signed_resolver(self, identity, **options):
        dns = SignedDns(self.folder, {"example": [f"_xmpp-server._tcp.montague.example. 60 IN SRV 0 0 {self.port} b.example.", "b.example. 60 IN A 127.0.0.1",
                                                  f"_{self.port}._tcp.b.example. 60 IN TLSA {tlsa(3, 1, 1, identity)}"]})
        self.relay = DnsRelay(free_port(), dns.port, **options)
        self.ends += [dns, self.relay]
        return dns

    def arrives(self, remote):
        self.juliet.send("<message to='romeo@montague.example' type='chat' id='m1'><body>O Romeo</body></message>")
        wait_for(lambda: "O Romeo" in remote.heard or not self.juliet.silent(0.05), seconds=20, what="the message")
        assert "O Romeo" in remote.heard, self.juliet.seen

    def comes_back(self):
        self.juliet.send("<message to='romeo@montague.example' type='chat' id='m1'><body>O Romeo</body></message>")
        return self.juliet.until(r"<message.*?</message>").group(0)

    def stop(self):
        for one in reversed(self.ends):
            one.stop()


@pytest.fixture
def world(folder, gateways):
    made = World(folder, gateways)
    yield made
    made.stop()


def test_dead(world):
    class Nowhere:
        server = f"127.0.0.1@{free_port()}"
    world.start(dns=Nowhere, s2s__timeout="4")
    got = world.comes_back()
    assert "remote-server-timeout" in got and "DNS does not answer for montague.example" in got, got


def test_silent(world):
    world.resolver(judge=lambda name, kind: DROP)
    world.start(s2s__timeout="2")
    begun = time.monotonic()
    got = world.comes_back()
    assert "remote-server-timeout" in got and "DNS does not answer for montague.example" in got, got
    assert time.monotonic() - begun < 10


def test_slow(world):
    remote = world.remote()
    world.resolver(delay=1.0)
    world.start()
    world.arrives(remote)


def test_truncated(world):
    """RFC 7766: what does not fit into a datagram is asked for by TCP."""
    remote = world.remote()
    world.resolver(judge=lambda name, kind: TRUNCATE)
    world.start()
    world.arrives(remote)
    assert world.relay.over_tcp > 0


def test_one_question_is_not_answered(world):
    """A resolver that does not know what to do with one kind of record does not hide the other."""
    remote = world.remote()
    world.resolver(judge=lambda name, kind: DROP if name.startswith("_xmpps-server") else PASS)
    world.start(s2s__timeout="4")
    world.arrives(remote)


def test_ipv6_only(world):
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError as error:
        pytest.skip(f"this machine has no IPv6: {error}")
    remote = world.remote(address="::1")
    world.resolver(hosts={"b.example": "::1"})
    world.start()
    world.arrives(remote)


def test_alias(world):
    """RFC 2782 wants none behind a SRV record; DNS follows it all the same."""
    remote = world.remote(identity := Identity("montague.example", ["montague.example"]))
    dns = SignedDns(world.folder, {"example": [
        f"_xmpp-server._tcp.montague.example. 60 IN SRV 0 0 {world.port} b.example.", "b.example. 60 IN CNAME c.example.", "c.example. 60 IN A 127.0.0.1",
        f"_{world.port}._tcp.b.example. 60 IN CNAME tlsa.example.", f"tlsa.example. 60 IN TLSA {tlsa(3, 1, 1, identity)}"]})
    world.ends.append(dns)
    world.start(dns=dns, dns__trust_anchor=dns.anchor)
    world.arrives(remote)


def test_no_such_service_in_a_signed_zone(world):
    """RFC 2782: the target "." says so; and a name of which the zone proves that it is not there."""
    dns = SignedDns(world.folder, {"example": ["_xmpp-server._tcp.montague.example. 60 IN SRV 0 0 0 ."]})
    world.ends.append(dns)
    world.start(dns=dns, dns__trust_anchor=dns.anchor)
    got = world.comes_back()
    assert "remote-server-not-found" in got and "there is no XMPP server for montague.example" in got, got
    world.juliet.send("<message to='romeo@nowhere.example' type='chat' id='m2'><body>O Romeo</body></message>")
    got = world.juliet.until(r"<message.*?</message>").group(0)
    assert "remote-server-not-found" in got and "there is no host nowhere.example" in got, got


def test_signed_zone_without_srv_records(world):
    """RFC 6120 3.2.2: the domain is the host; its TLSA records are those of the port that everybody knows."""
    address, identity = f"127.{os.getpid() >> 8 & 255}.{os.getpid() & 255}.2", Identity("montague.example", ["montague.example"])
    world.port = 5269
    remote = world.remote(identity, address=address)
    dns = SignedDns(world.folder, {"example": [f"montague.example. 60 IN A {address}", f"_5269._tcp.montague.example. 60 IN TLSA {tlsa(3, 1, 1, identity)}"]})
    world.ends.append(dns)
    world.start(dns=dns, dns__trust_anchor=dns.anchor)
    world.arrives(remote)


def test_a_thousand_at_once(world):
    """Each is answered for itself, and they wait beside each other, not in a row."""
    world.resolver(delay=0.2)
    world.start(limits__peers="2000", s2s__timeout="60")
    begun = time.monotonic()
    for number in range(1000):
        world.juliet.send(f"<message to='romeo@d{number}.example' type='chat' id='m{number}'><body>O Romeo</body></message>")
    seen = set()
    while len(seen) < 1000:
        got = world.juliet.until(r"<message from='romeo@(d\d+)\.example'.*?</message>")
        assert "remote-server-not-found" in got.group(0), got.group(0)
        seen.add(got.group(1))
    assert time.monotonic() - begun < 30


@pytest.mark.parametrize("verdict", [DROP, REFUSE])
def test_tlsa_records_are_kept_away(world, verdict):
    """RFC 7673 3.4: no answer is not the answer that there are none, though an authority vouches for the certificate."""
    remote = world.remote()
    dns = world.signed_resolver(Identity("another"), judge=lambda name, kind: verdict if kind == "TLSA" else PASS)
    world.start(dns__trust_anchor=dns.anchor, s2s__timeout="4")
    got = world.comes_back()
    assert "remote-server-timeout" in got and re.search("DNS does not answer for b.example|DNSSEC", got), got
    assert not remote.heard


def test_signatures_are_kept_away(world):
    """Answers of a resolver that knows no DNSSEC, from a zone that is signed."""
    remote = world.remote()
    signed = world.signed_resolver(Identity("another"))
    world.resolver()
    world.start(dns__trust_anchor=signed.anchor, s2s__timeout="4")
    assert "remote-server-timeout" in world.comes_back()
    assert not remote.heard


@pytest.mark.parametrize("anchor", ["missing.key", "broken.key"])
def test_trust_anchor_that_cannot_be_read(world, anchor):
    """It does not start, rather than to find nobody."""
    (world.folder / "broken.key").write_text("this is no key\n")
    world.resolver()
    with pytest.raises(AssertionError, match=r"dns\.trust_anchor"):
        world.start(dns__trust_anchor=str(world.folder / anchor))
