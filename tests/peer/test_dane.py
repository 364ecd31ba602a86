"""Certificates that DNS vouches for: TLSA records in signed zones (RFC 7673, RFC 7671), and what is made of them when the signatures
are broken or there are none.  Each case is a domain of its own, all of them in one world: one DNS, one gateway."""
import hashlib
import pathlib
import re
import shutil
import tempfile

import pytest
from cryptography.hazmat.primitives import serialization

from certificates import Identity
from conftest import Gateway, Redis, free_port, wait_for
from remote import Caller, RemoteServer
from test_federation import talk
from test_hostile_servers import Server
from world import Authority, Prosody, SignedDns, settings
from xmpp import Client


def tlsa(usage, selector, matching, identity):
    """The record's fields, of an identity's certificate."""
    data = identity.der() if selector == 0 else identity.certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    digest = [lambda data: data, lambda data: hashlib.sha256(data).digest(), lambda data: hashlib.sha512(data).digest()][matching]
    return f"{usage} {selector} {matching} {digest(data).hex()}"


OURS = Identity("test authority", is_authority=True)         # s2s.ca
THEIRS = Identity("their own authority", is_authority=True)  # known by its TLSA record only
OTHER = Identity("somebody else")

# What the sender hears; None: the message arrives.
NOT_NAMED = ("remote-server-not-found", "not the one that DNS names")
ANOTHER_NAME = ("remote-server-not-found", "another name")
SELF_SIGNED = ("remote-server-not-found", "self-signed")
UNKNOWN = ("remote-server-not-found", "unable to get local issuer|self-signed certificate in certificate chain")
EXPIRED = ("remote-server-not-found", "expired")
NO_TLS = ("remote-server-not-found", "offers no TLS")
NOT_BELIEVED = ("remote-server-timeout", "DNSSEC")


class Case:
    """A domain NAME.example (or in zone) with a server at NAME.hosts.example (or host), and a message to it."""

    def __init__(self, name, hears, identity, records=(), chain=(), zone="example", host=None, direct=False, changes=(), sender="capulet.example"):
        self.name, self.hears, self.records, self.chain, self.direct = name, hears, records, chain, direct
        self.domain, self.host = f"{name}.{zone}", host or f"{name}.hosts.example"
        self.identity = identity(self) if identity else None
        self.port = free_port()
        self.changes, self.sender = changes, sender

    def lines(self):
        service = "xmpps-server" if self.direct else "xmpp-server"
        records = self.records(self) if callable(self.records) else self.records
        return [f"_{service}._tcp.{self.domain}. 60 IN SRV 0 0 {self.port} {self.host}.", f"{self.host}. 60 IN A 127.0.0.1",
                *(f"_{self.port}._tcp.{self.host}. 60 IN TLSA {one}" for one in records)]


def self_signed(case):
    return Identity(case.domain, [case.domain])


def self_signed_for_another_and_expired(case):
    return Identity("verona.example", ["verona.example"], days=-1)


def by_ours(case):
    return Identity(case.domain, [case.domain], issuer=OURS)


def by_ours_for_the_host(case):
    return Identity(case.host, [case.host], issuer=OURS)


def by_theirs(case):
    return Identity(case.domain, [case.domain], issuer=THEIRS)


def by_theirs_for_the_host(case):
    return Identity(case.host, [case.host], issuer=THEIRS)


def by_theirs_for_another(case):
    return Identity("verona.example", ["verona.example"], issuer=THEIRS)


def by_theirs_expired(case):
    return Identity(case.domain, [case.domain], issuer=THEIRS, days=-1)


def own(*fields):
    """A record of the certificate that the server shows."""
    return lambda case: [tlsa(*fields, case.identity)]


CASES = [
    # DANE-EE: the key, and nothing else (RFC 7671 5.1)
    Case("ee-key", None, self_signed, own(3, 1, 1)),
    Case("ee-certificate", None, self_signed, own(3, 0, 1)),
    Case("ee-sha512", None, self_signed, own(3, 1, 2)),
    Case("ee-full", None, self_signed, own(3, 0, 0)),
    Case("ee-expired-other-name", None, self_signed_for_another_and_expired, own(3, 1, 1)),
    Case("ee-one-of-two", None, self_signed, lambda case: [tlsa(3, 1, 1, OTHER), tlsa(3, 1, 1, case.identity)]),
    Case("ee-another-key", NOT_NAMED, by_ours, [tlsa(3, 1, 1, OTHER)]),
    Case("ee-direct-tls", None, self_signed, own(3, 1, 1), direct=True),
    Case("ee-direct-tls-another-key", NOT_NAMED, by_ours, [tlsa(3, 1, 1, OTHER)], direct=True),
    # DANE-TA: an authority of their own, then names and dates as ever (RFC 7671 5.2, RFC 7673 4.1)
    Case("ta-certificate", None, by_theirs, [tlsa(2, 0, 1, THEIRS)], chain=[THEIRS]),
    Case("ta-key", None, by_theirs, [tlsa(2, 1, 1, THEIRS)], chain=[THEIRS]),
    Case("ta-sha512", None, by_theirs, [tlsa(2, 0, 2, THEIRS)], chain=[THEIRS]),
    Case("ta-full-not-shown", None, by_theirs, [tlsa(2, 0, 0, THEIRS)]),
    Case("ta-host-name", None, by_theirs_for_the_host, [tlsa(2, 0, 1, THEIRS)], chain=[THEIRS]),
    Case("ta-other-name", ANOTHER_NAME, by_theirs_for_another, [tlsa(2, 0, 1, THEIRS)], chain=[THEIRS]),
    Case("ta-expired", EXPIRED, by_theirs_expired, [tlsa(2, 0, 1, THEIRS)], chain=[THEIRS]),
    Case("ta-another-authority", NOT_NAMED, by_ours, [tlsa(2, 0, 1, THEIRS)], chain=[OURS]),
    # PKIX-EE and PKIX-TA: in addition to an authority that is known here (RFC 7671 5.3, 5.4)
    Case("pkix-ee", None, by_ours, own(1, 1, 1)),
    Case("pkix-ee-self-signed", SELF_SIGNED, self_signed, own(1, 1, 1)),
    Case("pkix-ee-another-key", NOT_NAMED, by_ours, [tlsa(1, 1, 1, OTHER)]),
    Case("pkix-ta", None, by_ours, [tlsa(0, 0, 1, OURS)]),
    Case("pkix-ta-another-authority", NOT_NAMED, by_ours, [tlsa(0, 0, 1, THEIRS)]),
    Case("pkix-ta-unknown", UNKNOWN, by_theirs, [tlsa(0, 0, 1, THEIRS)], chain=[THEIRS]),
    # Of no use: as if they were not there (RFC 6698 4.1)
    Case("unusable", None, by_ours, ["3 1 7 abcdef", "9 1 1 " + 32 * "ab", "3 9 1 " + 32 * "ab", "3 1 1 abcdef", "2 0 0 abcdef"]),
    Case("unusable-self-signed", SELF_SIGNED, self_signed, ["3 1 7 abcdef"]),
    Case("unusable-beside-a-good-one", None, self_signed, lambda case: ["3 1 7 abcdef", tlsa(3, 1, 1, case.identity)]),
    Case("unusable-beside-a-bad-one", NOT_NAMED, by_ours, ["3 1 7 abcdef", tlsa(3, 1, 1, OTHER)]),
    # None: an authority, and the name of the domain, or of the host that it delegates to (RFC 7673 4.1)
    Case("none", None, by_ours),
    Case("none-self-signed", SELF_SIGNED, self_signed),
    Case("none-host-name", None, by_ours_for_the_host),
    # Signatures that are wrong, or too old: nothing is believed, and nobody connected (RFC 7673 3)
    Case("bogus-srv", NOT_BELIEVED, by_ours, changes=[("SRV\t0 0 {port} ", "SRV\t1 0 {port} ")]),
    Case("bogus-address", NOT_BELIEVED, by_ours, changes=[("{host}.\t60\tIN\tA\t127.0.0.1", "{host}.\t60\tIN\tA\t127.0.0.2")]),
    Case("bogus-tlsa", NOT_BELIEVED, by_ours, [tlsa(1, 1, 1, OTHER)], changes=[("_{port}._tcp.{host}.\t60\tIN\tTLSA\t1", "_{port}._tcp.{host}.\t60\tIN\tTLSA\t3")]),
    Case("old", NOT_BELIEVED, by_ours, own(3, 1, 1), zone="old.example"),
    # Not signed: as if there were no TLSA records
    Case("plain", None, by_ours, [tlsa(3, 1, 1, OTHER)], zone="plain.example", host="a.plain.example"),
    Case("plain-self-signed", SELF_SIGNED, self_signed, own(3, 1, 1), zone="plain.example", host="b.plain.example"),
    Case("plain-host-name", ANOTHER_NAME, by_ours_for_the_host, zone="plain.example", host="c.plain.example"),
    # Only one of both is signed: whoever may forge the SRV record may name a host with any certificate (RFC 7673 3.1)
    Case("plain-srv", SELF_SIGNED, self_signed, own(3, 1, 1), zone="plain.example"),
    Case("plain-srv-host-name", ANOTHER_NAME, by_ours_for_the_host, zone="plain.example"),
    Case("plain-address", SELF_SIGNED, self_signed, own(3, 1, 1), host="d.plain.example"),
    Case("plain-address-host-name", None, by_ours_for_the_host, host="e.plain.example"),
    # To a gateway that is content with less, where there are no records (RFC 7673 3.4)
    Case("content", None, self_signed, sender="verona.example"),
    Case("content-ee-another-key", NOT_NAMED, by_ours, [tlsa(3, 1, 1, OTHER)], sender="verona.example"),
    Case("content-ee-no-tls", NO_TLS, None, [tlsa(3, 1, 1, OTHER)], sender="verona.example"),
]


class World:
    def __init__(self, folder):
        self.remotes = {case.name: RemoteServer(folder, case.domain, case.port, case.identity, case.chain, case.direct) for case in CASES}
        zones = {"example": [], "plain.example": [], "old.example": []}
        for line in (line for case in CASES for line in case.lines()):
            owner = line.partition(". ")[0]
            zones[next(zone for zone in reversed(zones) if owner.endswith(zone))].append(line)
        changes = [[text.format(port=case.port, host=case.host) for text in change] for case in CASES for change in case.changes]
        self.dns = SignedDns(folder, zones, unsigned=["plain.example"], expired=["old.example"], changes=changes)
        self.redis = Redis(folder)
        self.folder = folder
        (folder / "ca.crt").write_bytes(OURS.pem())
        self.gateways = {"capulet.example": self.gateway("capulet.example"),
                         "verona.example": self.gateway("verona.example", s2s__tls="off", s2s__dialback="on")}

    def gateway(self, domain, **more):
        identity = Identity(domain, [domain], issuer=OURS).write(self.folder, domain)
        return Gateway(self.folder, self.redis, users=["juliet"], **settings(self.dns, str(self.folder / "ca.crt"), domain=domain, **{
            **identity, "dns__trust_anchor": self.dns.anchor, "s2s__wait": "1", **more}))

    def call(self, domain, identity, chain=()):
        port = int(self.gateways["capulet.example"].settings["listen.s2s"].rpartition(":")[2])
        return Caller(self.folder, port, domain, "capulet.example", identity, chain)

    def stop(self):
        for remote in self.remotes.values():
            remote.stop()
        self.dns.stop()
        for gateway in self.gateways.values():
            gateway.stop()
        self.redis.stop()


@pytest.fixture(scope="module")
def world():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="stanzabus-test-"))
    made = World(folder)
    yield made
    made.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_certificate(world, case):
    remote = world.remotes[case.name]
    with Client(world.gateways[case.sender].tcp, timeout=20).login("juliet", domain=case.sender) as juliet:
        juliet.send(f"<message to='romeo@{case.domain}' type='chat' id='m1'><body>O Romeo</body></message>")
        if case.hears is None:
            wait_for(lambda: "O Romeo" in remote.heard or not juliet.silent(0.05), what="the message")
            assert "O Romeo" in remote.heard, juliet.seen
        else:
            condition, text = case.hears
            got = juliet.until(r"<message.*?</message>").group(0)
            assert condition in got and re.search(text, got), got
            assert "O Romeo" not in remote.heard


@pytest.mark.parametrize("name, is_asked", [("ee-key", True), ("ee-another-key", False)])
def test_who_judges_dialback_keys(world, name, is_asked):
    """XEP-0220 2.3: the domain's own server is asked, and where DNS names its certificate nobody else."""
    remote = world.remotes[name]
    port = int(world.gateways["verona.example"].settings["listen.s2s"].rpartition(":")[2])
    with Server(port).enter(own=remote.domain, to="verona.example") as server:
        server.send(f"<db:result from='{remote.domain}' to='verona.example'>key</db:result>")
        if is_asked:
            wait_for(lambda: "<db:verify" in remote.heard, what="the question")
        else:
            assert "error" in server.until(r"<(?:db:)?result[^>]*type='(\w+)'").group(1)
            assert "<db:verify" not in remote.heard


# A server that calls, with the certificate of another case or its own: whether EXTERNAL is offered (RFC 7712 5.1).
CALLERS = {"ee-key": True, "ee-expired-other-name": True, "ee-direct-tls": True, "ta-certificate": True, "ta-host-name": True, "pkix-ee": True,
           "unusable-beside-a-good-one": True, "none-host-name": True, "ee-full": True, "plain-srv-host-name": False, "plain-host-name": False,
           "ta-other-name": False, "ta-expired": False, "pkix-ee-self-signed": False, "pkix-ta-unknown": False, "unusable-self-signed": False,
           "none-self-signed": False, "plain-self-signed": False, "plain-srv": False, "plain-address": False}


@pytest.mark.parametrize("name, is_believed", CALLERS.items())
def test_who_calls(world, name, is_believed):
    case = next(case for case in CASES if case.name == name)
    with world.call(case.domain, case.identity, case.chain) as caller:
        assert ("EXTERNAL" in caller.features) == is_believed, caller.features
        assert ("success" in caller.external()) == is_believed
        if is_believed:
            with Client(world.gateways["capulet.example"].tcp, timeout=20).login("juliet", domain="capulet.example") as juliet:
                caller.enter()
                caller.send(f"<message from='romeo@{case.domain}' to='{juliet.jid}' type='chat'><body>O Juliet</body></message>")
                juliet.until("O Juliet")


@pytest.mark.parametrize("name", ["ee-key", "ta-certificate", "bogus-tlsa"])
def test_who_calls_with_another_key(world, name):
    case = next(case for case in CASES if case.name == name)
    with world.call(case.domain, OTHER) as caller:
        assert "EXTERNAL" not in caller.features


def test_what_proves_one_domain_proves_no_other(world):
    """DANE-EE asks for no name: whom it is said of, DNS says."""
    one, another = (next(case for case in CASES if case.name == name) for name in ("ee-key", "ee-certificate"))
    with world.call(one.domain, one.identity) as caller:
        assert "EXTERNAL" in caller.features
        caller.send(f"<db:result from='{another.domain}' to='capulet.example'>key</db:result>")
        assert "error" in caller.until(r"<(?:db:)?result[^>]*type='(\w+)'").group(1)
        assert "not-authorized" in caller.external(another.domain)


def test_prosody(folder, gateways):
    """A stock Prosody that made its certificate itself."""
    ours, theirs = free_port(), free_port()
    montague = Identity("montague.example", ["montague.example"])
    dns = SignedDns(folder, {"example": [
        f"_xmpp-server._tcp.capulet.example. 60 IN SRV 0 0 {ours} a.example.", "a.example. 60 IN A 127.0.0.1",
        f"_xmpp-server._tcp.montague.example. 60 IN SRV 0 0 {theirs} b.example.", "b.example. 60 IN A 127.0.0.1",
        f"_{theirs}._tcp.b.example. 60 IN TLSA {tlsa(3, 1, 1, montague)}"]})
    authority = Authority(folder)
    prosody = Prosody(folder, "montague.example", dns, authority.path, montague, s2s_port=theirs)
    gateway = gateways(**settings(dns, authority.path, domain="capulet.example", **{
        **authority.issue("capulet.example").write(folder, "capulet.example"), "listen__s2s": f"127.0.0.1:{ours}", "dns__trust_anchor": dns.anchor}))
    try:
        juliet = Client(gateway.tcp, timeout=20).login("juliet", domain="capulet.example", resource="balcony")
        romeo = Client(prosody.c2s, timeout=20).login("romeo", domain="montague.example", resource="orchard")
        romeo.send("<message to='juliet@capulet.example/balcony' type='chat' id='m0'><body>She speaks</body></message>")
        juliet.until(r"She speaks.*?</message>")
        talk(juliet, romeo)
    finally:
        prosody.stop()
        dns.stop()
