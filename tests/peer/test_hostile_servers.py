"""Servers that lie, flood or fall silent: each finds a limit, is told why, and nobody else notices."""
import re
import socket
import time

import pytest

from conftest import free_port, wait_for
from floods import pour, stanzas
from listener import Listener
from world import Authority, Dns, settings
from xmpp import STREAMS, Client

SERVER, DIALBACK = "jabber:server", "jabber:server:dialback"


class Server(Client):
    """The calling side of a stream between servers, without TLS."""

    def enter(self, own="evil.example", to="capulet.example", version=" version='1.0'"):
        self.send(f"<?xml version='1.0'?><stream:stream xmlns='{SERVER}' xmlns:db='{DIALBACK}' xmlns:stream='{STREAMS}' from='{own}' to='{to}'{version}>")
        self.id = self.until(r"<stream:stream[^>]* id='([^']*)'[^>]*>").group(1)
        if version:
            self.until(r"</stream:features>")
        return self


class Authoritative(Listener):
    """What a domain's own server says to <db:verify/>: always the same."""

    def __init__(self, port, verdict="valid"):
        super().__init__(port)
        self.verdict, self.calls = verdict, 0
        self.start()

    def serve(self, connection):
        self.calls += 1
        text = ""
        has_answered = False
        while True:
            try:
                data = connection.recv(4096)
            except OSError:
                return
            if not data:
                return
            text += data.decode(errors="replace")
            if self.verdict is None:
                continue  # never a word
            if not has_answered and "<stream:stream" in text:
                has_answered = True
                connection.sendall((f"<?xml version='1.0'?><stream:stream xmlns='{SERVER}' xmlns:db='{DIALBACK}' xmlns:stream='{STREAMS}' id='x1' "
                                    "from='evil.example' version='1.0'><stream:features/>").encode())
            asked = re.search(r"<(?:db:)?verify [^>]*>", text)
            if asked:
                stream_id = re.search(r"id='([^']*)'", asked.group(0)).group(1)
                connection.sendall(f"<db:verify from='evil.example' to='capulet.example' id='{stream_id}' type='{self.verdict}'/>".encode())
                text = ""


@pytest.fixture
def world(folder, gateways):
    class World:
        pass
    made = World()
    made.port, made.theirs = free_port(), free_port()
    made.dns = Dns(folder, {"evil.example": [("xmpp-server", "b.example", made.theirs, 0)]}, {"b.example": "127.0.0.1"})
    authority = Authority(folder)
    identity = authority.issue("capulet.example").write(folder, "capulet.example")
    made.gateway = gateways(**settings(made.dns, authority.path, domain="capulet.example", **{
        **identity, "listen__s2s": f"127.0.0.1:{made.port}", "s2s__tls": "off", "s2s__dialback": "on", "s2s__timeout": "2",
        "limits__login_seconds": "4", "limits__peers": "200", "services__domains": "echo.capulet.example", "s2s__wait": "2"}))
    made.connect = lambda: Server(made.port)
    made.helpers = []
    yield made
    for helper in made.helpers:
        helper.stop()
    made.dns.stop()


def prove(world, verdict="valid"):
    """A stream of evil.example whose key its own server calls right."""
    world.helpers.append(Authoritative(world.theirs, verdict))
    server = world.connect().enter()
    server.send("<db:result from='evil.example' to='capulet.example'>whatever</db:result>")
    return server


def alive(world):
    """Everybody else is served."""
    with Client(world.gateway.tcp).login("juliet", domain="capulet.example") as juliet:
        juliet.send("<iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>")
        juliet.until(r"<iq[^>]*id='p'[^>]*>")


def test_a_proved_domain_speaks(world):
    server = prove(world)
    assert "valid" in server.until(r"<db:result[^>]*/>|<result[^>]*/>").group(0)
    juliet = Client(world.gateway.tcp).login("juliet", domain="capulet.example", resource="balcony")
    server.send("<message from='tybalt@evil.example/x' to='juliet@capulet.example/balcony'><body>hate</body></message>")
    assert "hate" in juliet.until(r"<message.*?</message>").group(0)


@pytest.mark.parametrize("lie", ["romeo@montague.example/x", "juliet@capulet.example", "evil.example.example"])
def test_wrong_from(world, lie):
    server = prove(world)
    server.until(r"valid")
    server.send(f"<message from='{lie}' to='juliet@capulet.example'><body>hate</body></message>")
    assert "invalid-from" in server.until_closed()
    alive(world)


def test_wrong_to(world):
    server = prove(world)
    server.until(r"valid")
    server.send("<message from='tybalt@evil.example' to='romeo@montague.example'><body>relay me</body></message>")
    assert "invalid-from" in server.until_closed() or "host-unknown" in server.seen


def test_no_addresses(world):
    server = prove(world)
    server.until(r"valid")
    server.send("<message><body>hate</body></message>")
    assert "improper-addressing" in server.until_closed()


@pytest.mark.parametrize("verdict", ["invalid", "error"])
def test_unproved_dialback(world, verdict):
    server = prove(world, verdict)
    assert verdict in server.until(r"<(?:db:)?result[^>]*type='(\w+)'").group(1)
    if verdict == "error":
        server.send("<message from='tybalt@evil.example' to='juliet@capulet.example'><body>hate</body></message>")
    assert verdict == "invalid" or "not-authorized" in server.until_closed()
    alive(world)


def test_stanza_before_proof(world):
    server = world.connect().enter()
    server.send("<message from='tybalt@evil.example' to='juliet@capulet.example'><body>hate</body></message>")
    assert "not-authorized" in server.until_closed()


def test_claims_to_be_us(world):
    server = world.connect()
    server.send(f"<?xml version='1.0'?><stream:stream xmlns='{SERVER}' xmlns:stream='{STREAMS}' from='capulet.example' to='capulet.example' version='1.0'>")
    assert "invalid-from" in server.until_closed()
    server = world.connect().enter()
    server.send("<db:result from='capulet.example' to='capulet.example'>key</db:result>")
    assert "not-allowed" in server.until(r"</(?:db:)?result>|result.*?/>").group(0) or "not-allowed" in server.seen


def test_a_client_at_the_wrong_port(world):
    server = world.connect()
    server.send(f"<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='{STREAMS}' to='capulet.example' version='1.0'>")
    assert "invalid-namespace" in server.until_closed()


def test_endless_header(world):
    server = world.connect()
    server.send("<?xml version='1.0'?><stream:stream ")
    for number in range(20):
        server.send(f"a{number}='{'x' * 1000}' ")
    assert "policy-violation" in server.until_closed()
    alive(world)


def test_silence(world):
    server = world.connect()
    assert "connection-timeout" in server.until_closed(timeout=8)


def test_a_server_that_never_answers(world):
    """What waits for it comes back, and a key that it would have to judge is not believed."""
    world.helpers.append(Authoritative(world.theirs, None))
    juliet = Client(world.gateway.tcp, timeout=20).login("juliet", domain="capulet.example", resource="balcony")
    juliet.send("<message to='tybalt@evil.example' id='m1'><body>peace</body></message>")
    server = world.connect().enter()
    server.send("<db:result from='evil.example' to='capulet.example'>key</db:result>")
    assert "error" in server.until(r"<(?:db:)?result[^>]*type='(\w+)'").group(1)
    got = juliet.until(r"<message.*?</message>").group(0)
    assert "remote-server" in got and "id='m1'" in got


def test_reflection(world):
    """Keys for one domain, over and over on one stream: not a call each to its server."""
    world.helpers.append(Authoritative(world.theirs, None))
    server = world.connect().enter()
    for _ in range(500):
        server.send("<db:result from='evil.example' to='capulet.example'>key</db:result>")
    time.sleep(1)
    assert world.helpers[0].calls <= 60, world.helpers[0].calls
    alive(world)


def test_thousands_of_domains(world):
    """Each does not exist: the senders hear so, links are bounded, and go again."""
    juliet = Client(world.gateway.tcp, timeout=30).login("juliet", domain="capulet.example", resource="balcony")
    for number in range(1000):
        juliet.send(f"<message to='x@d{number}.example' id='d{number}'><body>hello</body></message>")
    answered = set()
    while len(answered) < 1000:
        got = juliet.until(r"<message.*?</message>")
        assert "type='error'" in got.group(0)
        answered.add(re.search(r"id='(d\d+)'", got.group(0)).group(1))
    assert world.gateway.metrics()["peer_links"] <= 200
    alive(world)


def test_many_connections(world):
    """The bound holds, and clients are served beside."""
    servers = []
    for _ in range(250):
        try:
            servers.append(world.connect())
        except OSError:
            break
    wait_for(lambda: world.gateway.metrics()["peers"] <= 200, what="the bound")
    alive(world)
    for server in servers:
        server.close()


def test_thousands_of_all_sorts(world):
    """Each is done with, whatever becomes of it: the server is read on, and its last word is heard."""
    server = prove(world)
    server.until(r"valid")
    juliet = Client(world.gateway.tcp, timeout=30).login("juliet", domain="capulet.example", resource="balcony")
    pouring = pour(server, stanzas(3300, "evil.example", "capulet.example", subdomains=False))
    pouring.join(60)
    server.send("<message from='tybalt@evil.example/x' to='juliet@capulet.example/balcony'><body>the last</body></message>")
    juliet.until(r"the last</body>", timeout=60)
    assert world.gateway.metrics()["peer_stanzas_in_total"] == 3301


def test_acknowledgements_count_from_where_they_were_asked_for(world):
    server = prove(world)
    server.until(r"valid")
    ping = "<message from='tybalt@evil.example/x' to='nobody@capulet.example' type='error'/>"
    server.send(ping * 3 + "<enable xmlns='urn:xmpp:sm:3'/>" + ping * 2)
    server.until(r"<enabled[^>]*/>")
    server.until(r"<a [^>]*h='2'/>")
    server.send(ping + "<r xmlns='urn:xmpp:sm:3'/>")
    server.until(r"<a [^>]*h='3'/>")


def test_several_streams_share_what_may_be_under_way(world, redis):
    """A server that opens more of them may say no more at once."""
    servers = [prove(world)] + [world.connect().enter() for _ in range(3)]
    for server in servers[1:]:
        server.send("<db:result from='evil.example' to='capulet.example'>whatever</db:result>")
    for server in servers:
        server.until(r"valid")
    said = world.gateway.metrics()["peer_stanzas_in_total"]
    redis.freeze()
    pouring = [pour(server, ["<message from='tybalt@evil.example/x' to='nobody@capulet.example'><body>x</body></message>"] * 5000) for server in servers]
    wait_for(lambda: world.gateway.metrics()["peer_pauses_total"] == 4, what="the pauses")
    time.sleep(0.5)
    assert world.gateway.metrics()["peer_stanzas_in_total"] - said <= 256 + 128 + 86 + 64
    redis.thaw()
    for thread in pouring:
        thread.join(60)
    wait_for(lambda: world.gateway.metrics()["peer_stanzas_in_total"] - said == 20000, 30, "all of them")


def resident_kilobytes(gateway):
    status = open(f"/proc/{gateway.process.pid}/status").read()
    return int(re.search(r"VmRSS:\s+(\d+)", status).group(1))


def test_a_flood_while_redis_stands_still(world, redis):
    """A server without acknowledgements is read no further than so many stanzas that are under way, and goes on afterwards."""
    server = prove(world)
    server.until(r"valid")
    juliet = Client(world.gateway.tcp, timeout=30).login("juliet", domain="capulet.example", resource="balcony")
    said = world.gateway.metrics()["peer_stanzas_in_total"]
    before = resident_kilobytes(world.gateway)
    redis.freeze()
    body = "x" * 2000
    pouring = pour(server, [f"<message from='tybalt@evil.example/x' to='nobody@capulet.example'><body>{n} {body}</body></message>"
                            if n % 2 else f"<presence from='t{n}@evil.example' to='juliet@capulet.example' type='subscribe'/>"
                            for n in range(20000)])
    wait_for(lambda: world.gateway.metrics()["peer_pauses_total"] == 1, what="the pause")
    time.sleep(1)
    assert world.gateway.metrics()["peer_stanzas_in_total"] - said == 256
    assert resident_kilobytes(world.gateway) - before < 30000
    assert pouring.is_alive()
    redis.thaw()
    pouring.join(60)
    server.send("<message from='tybalt@evil.example/x' to='juliet@capulet.example/balcony'><body>the last</body></message>")
    juliet.until(r"the last</body>", timeout=60)
    assert world.gateway.metrics()["peer_stanzas_in_total"] - said == 20001
