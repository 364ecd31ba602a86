"""Other servers: a stock Prosody across STARTTLS with certificates both ways, by dialback, by direct TLS; wrong certificates,
hosts that are dead or do not exist, a server that dies while messages wait."""
import re
import threading

import pytest

from certificates import Identity
from conftest import Redis, free_port, wait_for
from test_components import echo, is_heard
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


def test_a_server_that_is_back_is_written_to(world):
    """What was given up for a while is tried as soon as that server has connected itself."""
    world.start(prosody=False, s2s__wait="3")
    juliet = world.juliet()
    juliet.send("<message to='romeo@montague.example' id='m1'><body>are you there?</body></message>")
    assert "remote-server-timeout" in juliet.until(r"<message.*?</message>").group(0)
    world.prosody = Prosody(world.folder, "montague.example", world.dns, world.authority.path,
                            identity=world.authority.issue("montague.example"), s2s_port=world.theirs)
    world.processes.append(world.prosody)
    romeo = world.romeo()
    juliet.send("<message to='romeo@montague.example' id='m2'><body>still given up</body></message>")
    assert "remote-server-timeout" in juliet.until(r"<message.*?</message>").group(0)
    romeo.send("<message to='juliet@capulet.example/balcony' type='chat'><body>I am</body></message>")
    juliet.until(r"I am</body>.*?</message>")
    wait_for(lambda: world.gateway.metrics()["peer_links"] == 0, 5, "a link that is forgotten")
    juliet.send("<message to='romeo@montague.example' id='m3'><body>at last</body></message>")
    romeo.until(r"at last</body>")


def test_direct_tls(world):
    """XEP-0368 on the way out: the SRV record says that this port speaks TLS at once."""
    direct = free_port()
    world.start(srv={"capulet.example": [("xmpp-server", "a.example", world.ours, 0)],
                     "montague.example": [("xmpps-server", "b.example", direct, 0), ("xmpp-server", "b.example", free_port(), 10)]},
                prosody={"direct": direct})
    talk(world.juliet(), world.romeo())


def test_one_stream_for_both_ways(world):
    """XEP-0288: the other server connected, and what goes back goes over the same stream."""
    world.start()
    juliet, romeo = world.juliet(), world.romeo()
    for number in range(3):
        romeo.send(f"<message to='juliet@capulet.example/balcony' type='chat' id='b{number}'><body>there {number}</body></message>")
        juliet.until(rf"there {number}</body>.*?</message>")
        juliet.send(f"<message to='romeo@montague.example/orchard' type='chat' id='c{number}'><body>back {number}</body></message>")
        romeo.until(rf"back {number}</body>.*?</message>")
    log = world.gateway.log()
    assert "role=incoming" in log and "role=outgoing" not in log, log
    # It ends: what follows takes a stream of its own.
    world.prosody.kill()
    world.prosody.start()
    romeo = world.romeo()
    juliet.send("<message to='romeo@montague.example/orchard' type='chat' id='d'><body>still there</body></message>")
    romeo.until(r"still there</body>.*?</message>", timeout=30)


def test_presence_and_subscriptions(world):
    """Two people of two servers add each other, see each other come and go, and remove each other."""
    world.start()
    juliet, romeo = world.juliet(), world.romeo()
    for client in (juliet, romeo):
        client.send("<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>")
        client.until(r"<iq[^>]*id='r'.*?(</iq>|/>)")
    juliet.send("<presence><show>chat</show></presence>")
    juliet.until(r"<presence[^>]*from='juliet@capulet.example/balcony'.*?</presence>")
    juliet.send("<presence to='romeo@montague.example' type='subscribe'/>")
    romeo.until(r"<presence[^>]*type='subscribe'[^>]*/?>")
    romeo.send("<presence to='juliet@capulet.example' type='subscribed'/>")
    romeo.send("<presence to='juliet@capulet.example' type='subscribe'/>")
    juliet.until(r"subscription='to'")
    juliet.until(r"<presence[^>]*from='romeo@montague.example/orchard'[^>]*>")
    juliet.until(r"<presence[^>]*type='subscribe'[^>]*>") if "type='subscribe'" in juliet.seen else None
    juliet.send("<presence to='romeo@montague.example' type='subscribed'/>")
    assert "chat" in romeo.until(r"<presence[^>]*from='juliet@capulet.example/balcony'[^>]*>.*?</presence>").group(0)
    romeo.send("<presence><show>away</show></presence>")
    juliet.until(r"<presence[^>]*from='romeo@montague.example/orchard'[^>]*>.*?away.*?</presence>")
    # One who comes later is told by a probe.
    late = Client(world.gateway.tcp, timeout=20).login("juliet", domain="capulet.example", resource="garden")
    late.send("<presence/>")
    late.until(r"<presence[^>]*from='romeo@montague.example/orchard'[^>]*>.*?away.*?</presence>")
    romeo.close()
    juliet.until(r"<presence[^>]*type='unavailable'[^>]*>")
    romeo = world.romeo()
    romeo.send("<iq type='set' id='rm'><query xmlns='jabber:iq:roster'><item jid='juliet@capulet.example' subscription='remove'/></query></iq>")
    juliet.until(r"subscription='none'")


def test_what_an_account_publishes_is_read_from_the_other_server(world):
    """vCard and personal pubsub across domains, both ways."""
    world.start()
    juliet, romeo = world.juliet(), world.romeo()
    juliet.send("<iq type='set' id='v'><vCard xmlns='vcard-temp'><FN>Juliet Capulet</FN></vCard></iq>")
    juliet.until(r"<iq[^>]*id='v'[^>]*>")
    romeo.send("<iq to='juliet@capulet.example' type='get' id='v2'><vCard xmlns='vcard-temp'/></iq>")
    assert "Juliet Capulet" in romeo.until(r"<iq[^>]*id='v2'.*?</iq>|<iq.*?</iq>").group(0)
    juliet.send("<iq type='set' id='p'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='urn:xmpp:omemo:2:devices'><item id='current'>"
                "<devices xmlns='urn:xmpp:omemo:2'><device id='7'/></devices></item></publish><publish-options><x xmlns='jabber:x:data' type='submit'>"
                "<field var='FORM_TYPE' type='hidden'><value>http://jabber.org/protocol/pubsub#publish-options</value></field>"
                "<field var='pubsub#access_model'><value>open</value></field></x></publish-options></pubsub></iq>")
    assert "type='result'" in juliet.until(r"<iq[^>]*id='p'[^>]*>").group(0)
    romeo.send("<iq to='juliet@capulet.example' type='get' id='p2'><pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:omemo:2:devices'/></pubsub></iq>")
    assert "device id='7'" in romeo.until(r"<iq[^>]*p2.*?</iq>").group(0)


def test_another_node_takes_what_waits(world, gateways, redis):
    """The node that holds the link dies while the other server is away: a node that nobody speaks to finds the queue."""
    world.start()
    second = gateways(**{**{key.replace(".", "__"): value for key, value in world.gateway.settings.items()
                            if not key.startswith("listen.")}, "redis": world.gateway.redis, "users": (), "listen__s2s": f"127.0.0.1:{free_port()}"})
    assert second
    world.prosody.kill()
    juliet = world.juliet()
    for number in range(5):
        juliet.send(f"<message to='romeo@montague.example' type='chat' id='w{number}'><body>wait {number}</body></message>")
    wait_for(lambda: redis.client().xlen("xmpp:{capulet.example>montague.example}:log") == 5, what="the queue")
    world.gateway.process.kill()
    world.prosody.start()
    romeo = world.romeo()
    seen = [romeo.until(r"<body>wait (\d+)</body>.*?</message>", timeout=60).group(1) for _ in range(5)]
    assert seen == [str(number) for number in range(5)]


class Clusters:
    """capulet.example and montague.example, two nodes each, on a Redis each; a restart is a new node."""

    def __init__(self, folder, gateways, make_redis):
        self.folder, self.gateways = folder, gateways
        authority = Authority(folder)
        self.ports = {domain: [free_port(), free_port()] for domain in ("capulet.example", "montague.example")}
        hosts = {"capulet.example": "a.example", "montague.example": "b.example"}
        self.dns = Dns(folder, {domain: [("xmpp-server", hosts[domain], port, 0) for port in ports] for domain, ports in self.ports.items()},
                       {"a.example": "127.0.0.1", "b.example": "127.0.0.1"})
        self.nodes = {}
        for domain, ports in self.ports.items():
            redis = make_redis(domain)
            identity = authority.issue(domain).write(folder, domain)
            self.nodes[domain] = [gateways(redis=redis, **settings(self.dns, authority.path, domain=domain, **{
                **identity, "listen__s2s": f"127.0.0.1:{port}", "services__domains": ""})) for port in ports]

    def login(self, domain, node, user, resource):
        return Client(self.nodes[domain][node].tcp, timeout=30).login(user, domain=domain, resource=resource)


@pytest.fixture
def clusters(folder, gateways):
    servers = []

    def make_redis(name):
        place = folder / f"redis-{name}"
        place.mkdir()
        servers.append(Redis(place))
        return servers[-1]

    made = Clusters(folder, gateways, make_redis)
    yield made
    for node in made.nodes["capulet.example"] + made.nodes["montague.example"]:
        node.stop()
    made.dns.stop()
    for server in servers:
        server.stop()


def test_two_clusters(clusters):
    """Both nodes of each talk to both of the other, over one or two connections, and go on when a node is killed on either side."""
    juliets = [clusters.login("capulet.example", node, "juliet", f"r{node}") for node in (0, 1)]
    romeos = [clusters.login("montague.example", node, "romeo", f"r{node}") for node in (0, 1)]

    def cross(number):
        for i, juliet in enumerate(juliets):
            for j, romeo in enumerate(romeos):
                juliet.send(f"<message to='{romeo.jid}' id='a' type='chat'><body>to {number} {i} {j}</body></message>")
                romeo.until(rf"to {number} {i} {j}</body>.*?</message>")
                romeo.send(f"<message to='{juliet.jid}' id='b' type='chat'><body>back {number} {i} {j}</body></message>")
                juliet.until(rf"back {number} {i} {j}</body>.*?</message>")

    cross(1)
    connections = sum(node.metrics()["peers"] for nodes in clusters.nodes.values() for node in nodes)
    assert connections <= 4, connections  # two streams, each counted at both ends
    holder = next(i for i, node in enumerate(clusters.nodes["capulet.example"]) if "role=outgoing" in node.log())
    clusters.nodes["capulet.example"][holder].process.kill()
    other = juliets[1 - holder]
    for number in range(20):
        other.send(f"<message to='{romeos[0].jid}' id='k{number}' type='chat'><body>killed {number}</body></message>")
    seen = [romeos[0].until(r"<body>killed (\d+)</body>.*?</message>").group(1) for _ in range(20)]
    assert list(dict.fromkeys(seen)) == [str(number) for number in range(20)]
    # And on the other side: the node that took the stream of the one that is left.
    reader = next(i for i, node in enumerate(clusters.nodes["montague.example"]) if "role=incoming" in node.log())
    clusters.nodes["montague.example"][reader].process.kill()
    left = romeos[1 - reader]
    for number in range(20):
        other.send(f"<message to='{left.jid}' id='l{number}' type='chat'><body>left {number}</body></message>")
    seen = [left.until(r"<body>left (\d+)</body>.*?</message>").group(1) for _ in range(20)]
    assert list(dict.fromkeys(seen)) == [str(number) for number in range(20)]


def test_services_take_part(world, redis):
    """A bot is written to from the other server, answers, and answers its requests; where the setting does not allow it, it is not there."""
    records = {domain: [("xmpp-server", "a.example", world.ours, 0)] for domain in ("capulet.example", "echo.capulet.example")}
    records["montague.example"] = [("xmpp-server", "b.example", world.theirs, 0)]
    names = world.authority.identity, ["capulet.example", "echo.capulet.example"]
    both = Identity("capulet.example", names[1], issuer=names[0]).write(world.folder, "both")
    world.start(srv=records, s2s__services="on", **both)
    stop = threading.Event()
    service = threading.Thread(target=echo, args=(redis.client(), "echo.capulet.example", stop))
    service.start()
    try:
        wait_for(lambda: is_heard(redis.client(), "echo.capulet.example"), what="the service")
        romeo = world.romeo()
        romeo.send("<message to='support@echo.capulet.example' type='chat' id='1'><body>help</body></message>")
        got = romeo.until(r"<message.*?</message>").group(0)
        assert "help" in got and "support@echo.capulet.example" in got, got
        romeo.send("<iq to='echo.capulet.example' type='get' id='2'><order xmlns='urn:example:order'/></iq>")
        assert "type='result'" in romeo.until(r"<iq[^>]*id='2'[^>]*>").group(0)
    finally:
        stop.set()
        service.join()


def test_services_are_not_there_by_default(world):
    world.start(srv={domain: [("xmpp-server", "a.example" if "capulet" in domain else "b.example", world.ours if "capulet" in domain else world.theirs, 0)]
                     for domain in ("capulet.example", "echo.capulet.example", "montague.example")})
    romeo = world.romeo()
    romeo.send("<message to='support@echo.capulet.example' type='chat' id='1'><body>help</body></message>")
    got = romeo.until(r"<message.*?</message>").group(0)
    assert "type='error'" in got, got


@pytest.mark.parametrize("setting", [{"s2s__block": "montague.example"}, {"s2s__allow": "verona.example"}])
def test_a_domain_that_is_not_talked_to(world, setting):
    world.start(**setting)
    juliet, romeo = world.juliet(), world.romeo()
    juliet.send("<message to='romeo@montague.example' type='chat' id='m1'><body>O Romeo</body></message>")
    assert "remote-server-not-found" in juliet.until(r"<message.*?</message>").group(0)
    romeo.send("<message to='juliet@capulet.example' type='chat' id='m2'><body>O Juliet</body></message>")
    assert "type='error'" in romeo.until(r"<message.*?</message>").group(0)
