"""Several pairs of domains on one stream that the gateway opened (XEP-0220 2.5 and 2.6): with Prosody, ejabberd, another gateway;
and with servers that refuse, fall silent, acknowledge some of it, or die."""
import re
import threading

import pytest

from certificates import Identity
from conftest import Redis, free_port, wait_for
from scripted import Scripted
from world import Authority, Dns, Ejabberd, Prosody, settings
from xmpp import Client

OURS, THEIRS = ["capulet.example", "verona.example"], ["montague.example", "mantua.example"]


class World:
    """OURS are the gateway's two domains, THEIRS the other side's; each side has one certificate for both."""

    def __init__(self, folder, gateways):
        self.folder, self.gateways = folder, gateways
        self.authority = Authority(folder)
        self.processes = []
        self.ours, self.theirs = free_port(), free_port()

    def identity(self, names):
        return Identity(names[0], names, issuer=self.authority.identity)

    def start(self, host="a.example", **options):
        """host: how SRV records call the machine; ejabberd knows localhost only."""
        records = {domain: [("xmpp-server", host, port, 0)] for domains, port in ((OURS, self.ours), (THEIRS, self.theirs)) for domain in domains}
        self.dns = Dns(self.folder, records, {host: "127.0.0.1"})
        self.processes.append(self.dns)
        self.gateway = self.gateways(**settings(self.dns, self.authority.path, domain=",".join(OURS), **{
            **self.identity(OURS).write(self.folder, "ours"), "listen__s2s": f"127.0.0.1:{self.ours}", "services__domains": "",
            "s2s__timeout": "3", **options}))
        self.gateway.add_user("juliet@verona.example", "secret")
        return self

    def scripted(self, identity=None, **options):
        server = Scripted(self.folder, identity or self.identity(THEIRS), self.theirs, **options)
        self.processes.append(server)
        return server

    def juliet(self, domain=OURS[0]):
        return Client(self.gateway.tcp, timeout=30).login("juliet", domain=domain, resource="balcony")

    def outgoing(self):
        """Streams that the gateway opened and that became ready."""
        return len(re.findall(r"peer-ready.*role=outgoing", self.gateway.log()))

    def stop(self):
        for process in self.processes:
            process.stop()


@pytest.fixture
def world(folder, gateways):
    made = World(folder, gateways)
    yield made
    made.stop()


def say(client, to, text):
    client.send(f"<message to='{to}' type='chat' id='{text}'><body>{text}</body></message>")


def romeo_at(server, domain=THEIRS[0]):
    client = Client(server.c2s, timeout=30).login("romeo", domain=domain, resource="orchard")
    client.send("<presence/>")
    client.until(r"<presence")
    return client


def answers(juliet, romeo, text):
    """There and back."""
    say(juliet, romeo.jid, text)
    romeo.until(rf"<message[^>]*from=.{juliet.jid}.[^>]*>.*?<body>{text}</body>.*?</message>")
    say(romeo, juliet.jid, text)
    juliet.until(rf"<message[^>]*from=.{romeo.jid}.[^>]*>.*?<body>{text}</body>.*?</message>")


# -- real servers --


def prosody(world, hosts=THEIRS):
    made = Prosody(world.folder, hosts[0], world.dns, world.authority.path, identity=world.identity(hosts), s2s_port=world.theirs,
                   extra="".join(f'VirtualHost "{host}"\n' for host in hosts[1:]))
    world.processes.append(made)
    return made


def test_two_senders_to_prosody(world):
    world.start()
    romeo = romeo_at(prosody(world))
    capulet, verona = world.juliet(OURS[0]), world.juliet(OURS[1])
    for number in range(3):
        answers(capulet, romeo, f"capulet{number}")
        answers(verona, romeo, f"verona{number}")
    assert world.outgoing() == 1, world.gateway.log()
    assert world.gateway.metrics()["peer_piggybacks_total"] == 1


def test_two_targets_at_prosody(world):
    """It ends a stream for a domain that it does not know, and says so in its features: not asked."""
    world.start()
    server = prosody(world)
    juliet = world.juliet()
    for domain in THEIRS:
        say(juliet, f"nobody@{domain}", domain)
        juliet.until(rf"<message[^>]*from='nobody@{domain}'.*?</message>")
    assert world.outgoing() == 2
    assert "host-unknown" not in server.log()
    assert world.gateway.metrics()["peer_piggybacks_failed_total"] == 0


def test_two_of_each_to_ejabberd(world):
    world.start(host="localhost")
    server = Ejabberd(world.folder, THEIRS[0], world.dns, world.authority.path, world.identity(THEIRS), world.theirs, hosts=THEIRS)
    world.processes.append(server)
    server.control("register", "romeo", THEIRS[1], "secret")
    for number in range(2):
        for ours in OURS:
            for theirs in THEIRS:
                with world.juliet(ours) as juliet, romeo_at(server, theirs) as romeo:
                    answers(juliet, romeo, f"{ours.split('.')[0]}{number}")
    assert world.outgoing() == 1, world.gateway.log()
    assert world.gateway.metrics()["peer_piggybacks_total"] == 3


def test_two_of_each_between_gateways(world, gateways):
    """With XEP-0288 one connection carries all four pairs, both ways."""
    world.start()
    place = world.folder / "redis-theirs"
    place.mkdir()
    redis = Redis(place)
    world.processes.append(redis)
    theirs = gateways(redis=redis, **settings(world.dns, world.authority.path, domain=",".join(THEIRS), **{
        **world.identity(THEIRS).write(world.folder, "theirs"), "listen__s2s": f"127.0.0.1:{world.theirs}", "services__domains": ""}))
    theirs.add_user("romeo@mantua.example", "secret")
    for number in range(2):
        for ours in OURS:
            for domain in THEIRS:
                with world.juliet(ours) as juliet, Client(theirs.tcp, timeout=20).login("romeo", domain=domain) as romeo:
                    answers(juliet, romeo, f"{ours.split('.')[0]}{number}")
    assert world.gateway.metrics()["peers"] == theirs.metrics()["peers"] == 1
    theirs.stop()


# -- scripted ones --


def send_numbered(world, count):
    """count messages of each of our domains, by turns."""
    clients = {domain: world.juliet(domain) for domain in OURS}
    for number in range(count):
        for domain, client in clients.items():
            say(client, "romeo@montague.example", f"{number}")
            client.send("<iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>")
            client.until(r"<iq[^>]*id='p'[^>]*>")
    return clients


def of(messages, domain):
    return [int(body) for sender, body in messages if sender == domain]


def begin(world, server):
    """Both pairs are on one stream before the test goes on."""
    for domain in OURS:
        say(world.juliet(domain), "romeo@montague.example", "first")
        wait_for(lambda: (domain, "first") in server.heard(), what=f"{domain}'s first message\n" + world.gateway.log())
    assert len(server.conversations) == 1
    server.conversations[0].heard.clear()


@pytest.mark.parametrize("verdict", ["error", "invalid", None, "cut"])
def test_a_pair_that_is_refused(world, verdict):
    """It gets a connection of its own; nothing is lost, or sent back, on either, and the pair is not shown again at once."""
    world.start()
    server = world.scripted(acknowledges=False)

    def on_key(conversation, own, theirs):
        if verdict == "cut":
            conversation.cut()
        elif verdict:
            conversation.answer(own, theirs, verdict)

    server.on_key = on_key
    say(world.juliet(), "romeo@montague.example", "0")
    wait_for(lambda: server.heard(), what="the first stream")
    clients = {domain: world.juliet(domain) for domain in OURS}
    for number in range(1, 20):
        for domain, client in clients.items():
            say(client, "romeo@montague.example", f"{number}")
    wait_for(lambda: len(server.heard()) == 39, 20, "all of them\n" + world.gateway.log())
    assert of(server.heard(), OURS[0]) == list(range(20))
    assert of(server.heard(), OURS[1]) == list(range(1, 20))
    assert sum(len(conversation.keys) for conversation in server.conversations) == 1
    assert world.gateway.metrics()["peer_piggybacks_failed_total"] == 1
    for client in clients.values():
        assert client.silent(0.5), client.seen


def test_answers_that_nobody_waits_for(world):
    """A pair is not proved by the other side's word alone (XEP-0220 5)."""
    world.start()
    server = world.scripted(acknowledges=False)
    juliet = world.juliet()
    say(juliet, "romeo@montague.example", "0")
    wait_for(lambda: server.heard(), what="the first stream")
    conversation = server.conversations[0]
    conversation.answer(OURS[1], THEIRS[0], "valid")
    conversation.answer(OURS[0], "elsewhere.example", "valid")
    conversation.say("<message from='tybalt@elsewhere.example' to='juliet@capulet.example/balcony'><body>hate</body></message>")
    wait_for(lambda: conversation.is_closed, what="the end")
    assert juliet.silent(0.5)


def test_the_other_side_asks_on_our_stream(world):
    """XEP-0288 3: where both agreed on both ways, it may have keys judged, and show its own, though it was called."""
    world.start()
    server = world.scripted(acknowledges=False, goes_both_ways=True)
    say(world.juliet(), "romeo@montague.example", "0")
    wait_for(lambda: server.heard(), what="the first stream")
    conversation = server.conversations[0]
    conversation.say("<db:verify from='montague.example' to='capulet.example' id='another'>key</db:verify>")
    wait_for(lambda: conversation.answers, what="a judgement")
    assert "type='invalid'" in conversation.answers.pop() and not conversation.is_closed
    conversation.say("<db:result from='elsewhere.example' to='verona.example'>key</db:result>")
    wait_for(lambda: conversation.answers, what="a refusal")
    assert "type='error'" in conversation.answers.pop() and not conversation.is_closed
    conversation.say("<db:result from='mantua.example' to='verona.example'>key</db:result>")
    wait_for(lambda: conversation.answers, what="an answer")
    assert "type='valid'" in conversation.answers.pop()
    verona = world.juliet("verona.example")
    conversation.say("<message from='paris@mantua.example' to='juliet@verona.example/balcony'><body>hear me</body></message>")
    verona.until(r"hear me</body>")
    say(verona, "paris@mantua.example", "there")
    wait_for(lambda: ("verona.example", "there") in server.heard(), what="what goes back")
    assert len(server.conversations) == 1 and not conversation.keys


def test_a_target_of_another_certificate(world):
    """Only what the certificate names is asked for on a stream to somebody else."""
    world.start()
    server = world.scripted(identity=world.identity(THEIRS[:1]))
    juliet = world.juliet()
    say(juliet, "romeo@montague.example", "0")
    wait_for(lambda: server.heard(), what="the first stream")
    say(juliet, "paris@mantua.example", "1")
    got = juliet.until(r"<message.*?</message>").group(0)
    assert "remote-server-not-found" in got, got
    assert not server.conversations[0].keys


def test_it_dies_while_both_fly(world):
    """Nothing was acknowledged: all goes again, in order, and once on the new stream."""
    world.start()
    server = world.scripted()
    begin(world, server)
    server.on_message = lambda conversation: conversation.cut() if len(conversation.heard) == 30 and len(server.conversations) == 1 else None
    clients = send_numbered(world, 50)
    wait_for(lambda: sum(len(conversation.heard) for conversation in server.conversations[1:]) >= 102, 30, "the rest\n" + world.gateway.log())
    again = [message for conversation in server.conversations[1:] for message in conversation.heard if message[1] != "first"]
    for domain in OURS:
        assert of(again, domain) == list(range(50))
    assert all(client.silent(0.3) for client in clients.values())


def test_acknowledged_in_part(world):
    """An acknowledgement counts stanzas of both links: each link sends again what was not counted, and only that."""
    world.start()
    server = world.scripted()
    begin(world, server)
    taken = 21

    def on_message(conversation):
        if len(server.conversations) == 1 and len(conversation.heard) == 40:
            conversation.say(f"<a xmlns='urn:xmpp:sm:3' h='{2 + taken}'/>")
            wait_for(lambda: world.gateway.metrics()["bytes_in_total"] > before, what="the acknowledgement")
            conversation.cut()

    before = world.gateway.metrics()["bytes_in_total"]
    server.on_message = on_message
    send_numbered(world, 40)
    wait_for(lambda: sum(len(conversation.heard) for conversation in server.conversations[1:]) == 80 - taken, 30, "the rest\n" + world.gateway.log())
    counted = {domain: of(server.conversations[0].heard[:taken], domain) for domain in OURS}
    again = [message for conversation in server.conversations[1:] for message in conversation.heard]
    for domain in OURS:
        assert counted[domain] and counted[domain] + of(again, domain) == list(range(40))


def test_a_server_that_does_not_read_for_a_while(world):
    """What waited for room on the connection goes when there is room, though nothing new comes."""
    world.start(limits__client_queue="300000")
    server = world.scripted(acknowledges=False)
    reads_on = threading.Event()
    server.on_message = lambda conversation: reads_on.wait(30)
    juliet = world.juliet()
    for number in range(300):
        juliet.send(f"<message to='romeo@montague.example'><body>{number}</body><subject>{'x' * 60000}</subject></message>")
    juliet.send("<iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>")
    juliet.until(r"<iq[^>]*id='p'[^>]*>")
    wait_for(lambda: server.heard() and world.gateway.metrics()["peer_stanzas_out_total"] < 300, what="a queue")
    reads_on.set()
    wait_for(lambda: len(server.heard()) == 300, 30, "all of them")
    assert of(server.heard(), OURS[0]) == list(range(300))
