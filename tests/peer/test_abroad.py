"""What people of another server, a stock Prosody, get of ours, and ours of theirs: presence and subscriptions, personal pubsub,
discovery, vCards, archives, blocking."""
import base64
import hashlib
import re
import time

import pytest

from conftest import free_port, wait_for
from test_federation import World
from xmpp import Client

JULIET, ROMEO = "juliet@capulet.example", "romeo@montague.example"
TUNE, MOOD = "http://jabber.org/protocol/tune", "http://jabber.org/protocol/mood"


@pytest.fixture
def world(folder, gateways):
    made = World(folder, gateways)
    yield made
    made.stop()


def stanzas(name, **attributes):
    """A pattern of one stanza with these attributes ("_" ends those that are words of Python)."""
    looks = "".join(rf"(?=[^>]*\s{key.rstrip('_')}=['\"]{re.escape(value)}['\"])" for key, value in attributes.items())
    return rf"<{name}\b{looks}(?:[^>]*/>|[^>]*>.*?</{name}>)"


def take(client, pattern, timeout=None):
    """The next of the kind, whatever else came before it, which is kept."""
    deadline = time.monotonic() + (timeout or client.timeout)
    while not (match := re.search(pattern, client.seen, re.S)):
        client.sock.settimeout(max(0.01, deadline - time.monotonic()))
        try:
            client.fill()
        except TimeoutError:
            raise TimeoutError(f"{pattern!r} did not come; seen: {client.seen[-2000:]!r}") from None
    client.seen = client.seen[:match.start()] + client.seen[match.end():]
    return match.group(0)


def await_stanza(client, name, timeout=None, **attributes):
    return take(client, stanzas(name, **attributes), timeout)


def never(client, pattern, seconds=1.0):
    """Nothing of the kind comes; what comes is kept."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        client.sock.settimeout(max(0.01, deadline - time.monotonic()))
        try:
            client.fill()
        except TimeoutError:
            break
    assert not re.search(pattern, client.seen, re.S), client.seen


def ask(client, kind, payload, to=None, number=iter(range(10 ** 6))):
    id_ = f"ask-{next(number)}"
    client.send(f"<iq type='{kind}' id='{id_}'{f' to={to!r}' if to else ''}>{payload}</iq>")
    return await_stanza(client, "iq", id=id_)


def publish(client, node, text, **options):
    """An item whose payload is <note>text</note>."""
    fields = "".join(f"<field var='pubsub#{name}'><value>{value}</value></field>" for name, value in options.items())
    form = ("<publish-options><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>http://jabber.org/protocol/pubsub#publish-options"
            f"</value></field>{fields}</x></publish-options>") if options else ""
    got = ask(client, "set", f"<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='{node}'><item id='current'><note xmlns='urn:example:note'>{text}"
              f"</note></item></publish>{form}</pubsub>")
    assert "type='result'" in got or 'type="result"' in got, got


class Kind:
    """A kind of client (XEP-0115): what its presence says, and its answer when it is asked."""

    def __init__(self, *wishes):
        features = sorted([f"{node}+notify" for node in wishes] + ["http://jabber.org/protocol/disco#info"])
        self.ver = base64.b64encode(hashlib.sha1(("client/pc//test<" + "".join(f"{f}<" for f in features)).encode()).digest()).decode()
        self.query = (f"<query xmlns='http://jabber.org/protocol/disco#info' node='urn:test#{self.ver}'><identity category='client' type='pc' name='test'/>"
                      + "".join(f"<feature var='{f}'/>" for f in features) + "</query>")

    @property
    def presence(self):
        return f"<presence><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:test' ver='{self.ver}'/></presence>"

    def answer(self, client, who=None):
        """The next question that is about this (of that address)."""
        while True:
            question = await_stanza(client, "iq", type="get")
            id_, sender = (re.search(rf"^<iq[^>]*\s{name}=['\"]([^'\"]*)", question).group(1) for name in ("id", "from"))
            assert "disco#info" in question, question
            client.send(f"<iq type='result' id='{id_}' to='{sender}'>{self.query}</iq>")
            if who is None or sender.startswith(who):
                return question


def befriend(juliet, romeo, kinds=(None, None)):
    """Both see each other from now on."""
    for client in (juliet, romeo):
        ask(client, "get", "<query xmlns='jabber:iq:roster'/>")
    juliet.send(kinds[0].presence if kinds[0] else "<presence/>")
    romeo.send(kinds[1].presence if kinds[1] else "<presence/>")
    juliet.send(f"<presence to='{ROMEO}' type='subscribe'/>")
    await_stanza(romeo, "presence", type="subscribe")
    romeo.send(f"<presence to='{JULIET}' type='subscribed'/>")
    romeo.send(f"<presence to='{JULIET}' type='subscribe'/>")
    await_stanza(juliet, "presence", from_=romeo.jid)
    juliet.send(f"<presence to='{ROMEO}' type='subscribed'/>")
    await_stanza(romeo, "presence", from_=juliet.jid)


def enter_romeo(world, resource, kind=None):
    client = Client(world.prosody.c2s, timeout=20).login("romeo", domain="montague.example", resource=resource)
    client.send(kind.presence if kind else "<presence/>")
    return client


def enter_juliet(world, resource, kind=None, gateway=None):
    client = Client((gateway or world.gateway).tcp, timeout=20).login("juliet", domain="capulet.example", resource=resource)
    client.send(kind.presence if kind else "<presence/>")
    return client


# -- personal pubsub --

def test_their_clients_hear_what_they_wish_for(world, redis):
    """XEP-0163 4.3 toward another server: at full addresses, by capabilities; last items when they come; nothing to who has gone."""
    world.start()
    tune = Kind(TUNE)
    juliet, romeo = world.juliet(), world.romeo()
    publish(juliet, TUNE, "before")
    befriend(juliet, romeo, kinds=(None, tune))
    question = tune.answer(romeo, JULIET)
    assert f'from={JULIET!r}' in question.replace('"', "'"), question
    got = await_stanza(romeo, "message", from_=JULIET)
    assert "before" in got and f"to='{romeo.jid}'" in got.replace('"', "'") and "headline" in got, got
    publish(juliet, TUNE, "now")
    assert "now" in await_stanza(romeo, "message", from_=JULIET)
    publish(juliet, MOOD, "merry")
    never(romeo, "merry")

    other, plain = enter_romeo(world, "garden", Kind(MOOD)), enter_romeo(world, "cell")
    Kind(MOOD).answer(other, JULIET)
    assert "merry" in await_stanza(other, "message", from_=JULIET)
    publish(juliet, TUNE, "again")
    assert "again" in await_stanza(romeo, "message", from_=JULIET)
    never(other, "again", 0.5)
    never(plain, "<message", 0.1)

    # Another one of the first kind is not asked: the last item comes at once, though she is away.
    juliet.close()
    third = enter_romeo(world, "street", tune)
    assert "again" in await_stanza(third, "message", from_=JULIET)
    resources = lambda: redis.client().hget(f"xmpp:{{{JULIET}}}:pep:abroad", ROMEO) or ""
    assert "street" in resources()
    third.close()
    wait_for(lambda: "street" not in resources(), what="the resource to be forgotten")
    juliet = enter_juliet(world, "balcony")
    ask(juliet, "set", f"<query xmlns='jabber:iq:roster'><item jid='{ROMEO}' subscription='remove'/></query>")
    wait_for(lambda: not resources(), what="the contact to be forgotten")
    publish(juliet, TUNE, "alone")
    never(romeo, "alone")


def test_their_clients_on_two_nodes(world, gateways, redis):
    """What one node learned of their clients, the other knows, and it is there when the first has died."""
    world.start()
    second = gateways(**{**{key.replace(".", "__"): value for key, value in world.gateway.settings.items()
                            if not key.startswith("listen.")}, "redis": world.gateway.redis, "users": (), "listen__s2s": f"127.0.0.1:{free_port()}"})
    juliet, romeo = world.juliet(), world.romeo()
    befriend(juliet, romeo, kinds=(None, Kind(TUNE)))
    Kind(TUNE).answer(romeo, JULIET)
    wait_for(lambda: TUNE in (redis.client().hget(f"xmpp:{{{JULIET}}}:pep:abroad", ROMEO) or ""), what="the wish")
    late = enter_juliet(world, "garden", gateway=second)
    await_stanza(late, "presence", from_=romeo.jid)
    publish(late, TUNE, "from the second")
    assert "from the second" in await_stanza(romeo, "message", from_=JULIET)
    world.gateway.process.kill()
    publish(late, TUNE, "alone now")
    # What the first had sent, and Prosody had not acknowledged, may come again.
    while "alone now" not in await_stanza(romeo, "message", timeout=60, from_=JULIET):
        pass
    # RFC 6121 4.5.2: the resource that died with its node is seen to go.
    await_stanza(romeo, "presence", timeout=30, from_=juliet.jid, type="unavailable")
    romeo.send("<presence><show>away</show></presence>")
    while "away" not in await_stanza(late, "presence", timeout=30, from_=romeo.jid):
        pass  # answers to probes from before


def test_their_server_dies(world, redis):
    """Prosody dies and says of nobody that he went; who comes back is told the last items, though all he says is as before."""
    world.start()
    juliet, romeo = world.juliet(), world.romeo()
    publish(juliet, TUNE, "before")
    befriend(juliet, romeo, kinds=(None, Kind(TUNE)))
    Kind(TUNE).answer(romeo, JULIET)
    assert "before" in await_stanza(romeo, "message", from_=JULIET)
    wait_for(lambda: redis.client().xlen("xmpp:{capulet.example>montague.example}:log") == 0, 30, "acknowledgements: nothing comes again")
    world.prosody.kill()
    world.prosody.start()
    # As if he had been away for some minutes.
    key = f"xmpp:{{{JULIET}}}:pep:abroad"
    entry = redis.client().hget(key, ROMEO)
    assert "orchard" in entry
    redis.client().hset(key, ROMEO, re.sub("\x1e!(\\d+)\x1e", lambda match: f"\x1e!{int(match.group(1)) - 120}\x1e", entry))
    romeo = enter_romeo(world, "orchard", Kind(TUNE))
    assert "before" in await_stanza(romeo, "message", timeout=40, from_=JULIET)
    never(romeo, "<message", 0.5)


def test_our_clients_hear_what_they_wish_for(world):
    """Presence goes out as it was said, so that Prosody knows what our clients wish for; its notices reach the right one."""
    world.start()
    juliet, romeo = world.juliet(), world.romeo()
    tune = Kind(TUNE)
    befriend(juliet, romeo, kinds=(tune, None))
    tune.answer(juliet, ROMEO)
    plain = enter_juliet(world, "garden")
    publish(romeo, TUNE, "nightingale")
    got = await_stanza(juliet, "message", from_=ROMEO)
    assert "nightingale" in got and f"to='{juliet.jid}'" in got, got
    never(plain, "nightingale", 0.5)
    # The last item, for one who comes later, and through a change of its presence nothing more.
    late = enter_juliet(world, "cell", tune)
    assert "nightingale" in await_stanza(late, "message", from_=ROMEO)
    late.send(tune.presence.replace("<c ", "<show>away</show><c "))
    never(late, "<message", 0.5)


# -- presence --

def test_a_request_is_asked_again(world, redis):
    """RFC 6121 3.1.2: the request got lost on its way; the next login asks again."""
    world.start()
    world.prosody.kill()
    juliet = world.juliet()
    juliet.send(f"<presence to='{ROMEO}' type='subscribe'/>")
    wait_for(lambda: redis.client().delete("xmpp:{capulet.example>montague.example}:log") == 1, what="what waits for the other server")
    juliet.close()
    world.prosody.start()
    romeo = world.romeo()
    never(romeo, "subscribe", 0.5)
    juliet = enter_juliet(world, "balcony")
    await_stanza(romeo, "presence", timeout=40, from_=JULIET, type="subscribe")
    romeo.send(f"<presence to='{JULIET}' type='subscribed'/>")
    await_stanza(juliet, "presence", from_=romeo.jid)


def test_not_very_many_requests_are_asked_again(world, redis):
    world.start(prosody=False)
    roster = {f"n{number}@montague.example": f"{number + 1}\x1fns-\x1f" for number in range(150)}
    redis.client().hset(f"xmpp:{{{JULIET}}}:roster", mapping=roster)
    juliet = enter_juliet(world, "balcony")
    queued = lambda: redis.client().xlen("xmpp:{capulet.example>montague.example}:log")
    wait_for(lambda: queued() == 100, what="a hundred requests")
    juliet.send("<presence><show>away</show></presence>")
    ask(juliet, "get", "<ping xmlns='urn:xmpp:ping'/>")
    assert queued() == 100


def test_directed_presence(world):
    """RFC 6121 4.6: shown to one who is no contact, and taken back when the session ends, however it does."""
    world.start()
    romeo = world.romeo()
    for end in (lambda c: c.send("<presence type='unavailable'/>"), lambda c: c.send("</stream:stream>"), lambda c: c.close()):
        juliet = world.juliet()
        juliet.send(f"<presence to='{romeo.jid}'><status>here</status></presence>")
        assert "here" in await_stanza(romeo, "presence", from_=juliet.jid)
        end(juliet)
        await_stanza(romeo, "presence", from_=juliet.jid, type="unavailable")
        juliet.close()


def test_presence_when_the_other_server_dies(world):
    """Errors about presence disturb nobody; a new login asks again, and hears what is there when the other is back."""
    world.start()
    juliet, romeo = world.juliet(), world.romeo()
    befriend(juliet, romeo)
    world.prosody.kill()
    for show in ("away", "chat", "dnd"):
        juliet.send(f"<presence><show>{show}</show></presence>")
    time.sleep(4)
    never(juliet, "<message|type='error'|stream:error", 0.1)
    assert "type='result'" in ask(juliet, "get", "<ping xmlns='urn:xmpp:ping'/>")
    world.prosody.start()
    romeo = enter_romeo(world, "orchard")
    # Its probe finds her, and hers finds him.
    while "dnd" not in await_stanza(romeo, "presence", timeout=40, from_=juliet.jid):
        pass  # what waited comes in its order
    late = enter_juliet(world, "garden")
    await_stanza(late, "presence", timeout=40, from_=romeo.jid)


def test_probes(world):
    """RFC 6121 4.3.2: who comes there sees who is here, or that nobody is."""
    world.start()
    juliet, romeo = world.juliet(), world.romeo()
    befriend(juliet, romeo)
    late = enter_romeo(world, "garden")
    await_stanza(late, "presence", from_=juliet.jid)
    juliet.close()
    await_stanza(late, "presence", from_=juliet.jid, type="unavailable")
    last = enter_romeo(world, "cell")
    assert "unavailable" in await_stanza(last, "presence", from_=JULIET)


# -- what accounts and the server tell --

def test_discovery_and_what_is_nobody_elses(world):
    world.start()
    juliet, romeo = world.juliet(), world.romeo()
    info, items = "<query xmlns='http://jabber.org/protocol/disco#info'/>", "<query xmlns='http://jabber.org/protocol/disco#items'/>"
    got = ask(romeo, "get", info, "capulet.example")
    assert re.search(r"category=['\"]server['\"]", got) and "urn:xmpp:ping" in got, got
    assert "result" in ask(romeo, "get", items, "capulet.example")
    # A stranger gets what RFC 6121 and XEP-0030 let it have: nothing of what is there.
    got = ask(romeo, "get", info, JULIET)
    assert "error" in got and "service-unavailable" in got, got
    own = {
        "the archive": ("set", "<query xmlns='urn:xmpp:mam:2' queryid='q'/>"),
        "what the archive holds": ("get", "<metadata xmlns='urn:xmpp:mam:2'/>"),
        "preferences": ("get", "<prefs xmlns='urn:xmpp:mam:2'/>"),
        "the roster": ("get", "<query xmlns='jabber:iq:roster'/>"),
        "a contact of hers": ("set", "<query xmlns='jabber:iq:roster'><item jid='tybalt@capulet.example'/></query>"),
        "private XML": ("get", "<query xmlns='jabber:iq:private'><x xmlns='urn:x'/></query>"),
        "the block list": ("get", "<blocklist xmlns='urn:xmpp:blocking'/>"),
        "a block": ("set", "<block xmlns='urn:xmpp:blocking'><item jid='tybalt@capulet.example'/></block>"),
        "her vCard": ("set", "<vCard xmlns='vcard-temp'><FN>Nobody</FN></vCard>"),
        "a node": ("set", f"<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='{TUNE}'><item id='x'/></publish></pubsub>"),
        "carbons": ("set", "<enable xmlns='urn:xmpp:carbons:2'/>"),
        "last activity": ("get", "<query xmlns='jabber:iq:last'/>"),
    }
    for what, (kind, payload) in own.items():
        got = ask(romeo, kind, payload, JULIET)
        assert re.search(r"type=['\"]error['\"]", got), (what, got)
    befriend(juliet, romeo)
    got = ask(romeo, "get", info, JULIET)
    assert re.search(r"category=['\"]pubsub['\"]", got) and re.search(r"type=['\"]pep['\"]", got), got
    publish(juliet, TUNE, "x")
    assert TUNE in ask(romeo, "get", items, JULIET)
    got = ask(romeo, "get", "<query xmlns='jabber:iq:last'/>", JULIET)
    assert re.search(r"seconds=['\"]0['\"]", got), got
    for kind, payload in own["the archive"], own["private XML"], own["the block list"]:
        assert re.search(r"type=['\"]error['\"]", ask(romeo, kind, payload, JULIET))


def test_their_vcards_and_pictures(world):
    """XEP-0054, 0153 and 0084 of one there, as one here sees them, and the other way."""
    world.start()
    juliet, romeo = world.juliet(), world.romeo()
    befriend(juliet, romeo)
    picture = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII=")
    digest = hashlib.sha1(picture).hexdigest()
    card = f"<vCard xmlns='vcard-temp'><FN>Name</FN><PHOTO><TYPE>image/png</TYPE><BINVAL>{base64.b64encode(picture).decode()}</BINVAL></PHOTO></vCard>"
    for one, other, jid in ((romeo, juliet, ROMEO), (juliet, romeo, JULIET)):
        assert "result" in ask(one, "set", card)
        assert "Name" in ask(other, "get", "<vCard xmlns='vcard-temp'/>", jid)
        got = ask(other, "get", "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:avatar:metadata'/></pubsub>", jid)
        assert digest in got, got
        got = ask(other, "get", f"<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:avatar:data'><item id='{digest}'/></items></pubsub>", jid)
        assert base64.b64encode(picture).decode() in got.replace("\n", ""), got
    romeo.seen = juliet.seen = ""
    juliet.send("<presence><x xmlns='vcard-temp:x:update'/></presence>")
    assert digest in await_stanza(romeo, "presence", from_=juliet.jid)


# -- blocking --

@pytest.mark.parametrize("blocked", [ROMEO, "montague.example"])
def test_blocked(world, blocked):
    """XEP-0191 toward another server: she seems gone, nothing comes or goes, and all is as it was when it is taken back."""
    world.start()
    juliet, romeo = world.juliet(), world.romeo()
    befriend(juliet, romeo)
    assert "result" in ask(juliet, "set", f"<block xmlns='urn:xmpp:blocking'><item jid='{blocked}'/></block>")
    await_stanza(romeo, "presence", from_=juliet.jid, type="unavailable")
    romeo.send(f"<message to='{JULIET}' type='chat' id='b1'><body>hear me</body></message>")
    assert "service-unavailable" in await_stanza(romeo, "message", type="error")
    assert "error" in ask(romeo, "get", "<vCard xmlns='vcard-temp'/>", JULIET)
    romeo.send("<presence><show>away</show></presence>")
    never(juliet, "hear me|away", 0.5)
    juliet.send(f"<message to='{ROMEO}' type='chat' id='b2'><body>never</body></message>")
    got = await_stanza(juliet, "message", type="error")
    assert "urn:xmpp:blocking:errors" in got and "not-acceptable" in got, got
    juliet.send("<presence><show>dnd</show></presence>")
    never(romeo, "dnd|never", 0.5)
    assert "result" in ask(juliet, "set", f"<unblock xmlns='urn:xmpp:blocking'><item jid='{blocked}'/></unblock>")
    assert "dnd" in await_stanza(romeo, "presence", from_=juliet.jid)
    romeo.send(f"<message to='{JULIET}' type='chat' id='b3'><body>again</body></message>")
    assert "again" in await_stanza(juliet, "message", type="chat")


# -- messages --

def archive(client):
    id_ = f"mam-{time.monotonic_ns()}"
    client.send(f"<iq type='set' id='{id_}'><query xmlns='urn:xmpp:mam:2' queryid='{id_}'/></iq>")
    return client.until(rf"(.*)<iq[^>]*id='{id_}'.*?</iq>").group(1)


def test_messages_kept_copied_and_archived(world):
    """What waits for her bears its time (XEP-0203), all her clients have copies (XEP-0280), and the archive has both sides."""
    world.start()
    romeo = world.romeo()
    romeo.send(f"<message to='{JULIET}' type='chat' id='m1'><body>are you there</body></message>")
    romeo.send("<iq to='capulet.example' type='get' id='ping'><ping xmlns='urn:xmpp:ping'/></iq>")
    await_stanza(romeo, "iq", id="ping")
    time.sleep(2.5)
    juliet = enter_juliet(world, "balcony")
    got = await_stanza(juliet, "message", id="m1")
    assert "are you there" in got and re.search(r"<delay[^>]*xmlns='urn:xmpp:delay'[^>]*stamp='20|<delay[^>]*stamp='20[^>]*xmlns='urn:xmpp:delay'", got), got
    other = enter_juliet(world, "garden")
    for client in (juliet, other):
        assert "result" in ask(client, "set", "<enable xmlns='urn:xmpp:carbons:2'/>")
    juliet.send(f"<message to='{ROMEO}' type='chat' id='m2'><body>here</body></message>")
    assert "here" in await_stanza(romeo, "message", id="m2")
    got = other.until(r"<message[^>]*>\s*<sent xmlns='urn:xmpp:carbons:2'>.*?</message>\s*</forwarded>\s*</sent>\s*</message>").group(0)
    assert "here" in got and ROMEO in got, got
    romeo.send(f"<message to='{juliet.jid}' type='chat' id='m3'><body>at last</body></message>")
    assert "at last" in await_stanza(juliet, "message", id="m3")
    got = other.until(r"<message[^>]*>\s*<received xmlns='urn:xmpp:carbons:2'>.*?</message>\s*</forwarded>\s*</received>\s*</message>").group(0)
    assert "at last" in got and f"from='{romeo.jid}'" in got, got
    got = archive(juliet)
    bodies = re.findall(r"<body>(.*?)</body>", got)
    assert bodies == ["are you there", "here", "at last"], got
