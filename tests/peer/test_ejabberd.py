"""A stock ejabberd as the other side: between servers with certificates both ways, and with the gateway as its component."""
import re
import threading

import pytest

from conftest import free_port, wait_for
from test_abroad import JULIET, MOOD, ROMEO, TUNE, Kind, ask, await_stanza, befriend, never, publish
from test_components import echo, is_heard
from world import Authority, Dns, Ejabberd, settings
from xmpp import Client


@pytest.fixture
def world(folder, gateways):
    class World:
        pass
    made = World()
    authority, ours, theirs = Authority(folder), free_port(), free_port()
    made.dns = Dns(folder, {"capulet.example": [("xmpp-server", "localhost", ours, 0)], "montague.example": [("xmpp-server", "localhost", theirs, 0)]}, {"localhost": "127.0.0.1"})
    made.ejabberd = Ejabberd(folder, "montague.example", made.dns, authority.path, authority.issue("montague.example"), theirs)
    identity = authority.issue("capulet.example").write(folder, "capulet.example")
    made.gateway = gateways(**settings(made.dns, authority.path, domain="capulet.example", **{
        **identity, "listen__s2s": f"127.0.0.1:{ours}", "services__domains": "orders.montague.example",
        "components__connect": f"orders.montague.example:ink@127.0.0.1:{made.ejabberd.component}"}))
    yield made
    made.ejabberd.stop()
    made.dns.stop()


def test_ejabberd(world, redis):
    juliet = Client(world.gateway.tcp, timeout=20).login("juliet", domain="capulet.example", resource="balcony")
    romeo = Client(world.ejabberd.c2s, timeout=20).login("romeo", domain="montague.example", resource="orchard")
    romeo.send("<presence/>")
    romeo.until(r"<presence")
    juliet.send("<message to='romeo@montague.example/orchard' type='chat' id='m1'><body>O Romeo</body></message>")
    got = romeo.until(r"<message.*?</message>").group(0)
    assert "O Romeo" in got and "juliet@capulet.example/balcony" in got
    romeo.send("<message to='juliet@capulet.example/balcony' type='chat' id='m2'><body>Shall I hear more?</body></message>")
    got = juliet.until(r"<message.*?</message>").group(0)
    assert "Shall I hear more?" in got and "romeo@montague.example/orchard" in got
    juliet.send("<iq to='montague.example' type='get' id='q1'><query xmlns='jabber:iq:version'/></iq>")
    assert "ejabberd" in juliet.until(r"<iq.*?</iq>").group(0)
    romeo.send("<iq to='capulet.example' type='get' id='q2'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>")
    assert "stanzabus" in romeo.until(r"<iq.*?</iq>").group(0)
    juliet.send("<presence/>")
    juliet.send("<presence to='romeo@montague.example' type='subscribe'/>")
    romeo.until(r"<presence[^>]*type='subscribe'")
    romeo.send("<presence to='juliet@capulet.example' type='subscribed'/>")
    juliet.until(r"<presence[^>]*from='romeo@montague.example/orchard'")

    # The gateway is a component of the same server too, and a service stands behind it.
    stop = threading.Event()
    service = threading.Thread(target=echo, args=(redis.client(), "orders.montague.example", stop))
    service.start()
    try:
        wait_for(lambda: "role=upstream" in world.gateway.log(), 20, "the upstream link")
        wait_for(lambda: is_heard(redis.client(), "orders.montague.example"), what="the service")
        romeo.send("<message to='pen@orders.montague.example' type='chat' id='1'><body>ten quills</body></message>")
        got = romeo.until(r"<message[^>]*from='pen@orders.montague.example'.*?</message>").group(0)
        assert "ten quills" in got
    finally:
        stop.set()
        service.join()


def test_presence_and_personal_pubsub(world):
    """Each side tells the other's clients what they wish for, at their full addresses, by capabilities; vCards and probes."""
    tune, more = Kind(TUNE), Kind(TUNE, "urn:example:more")
    juliet = Client(world.gateway.tcp, timeout=20).login("juliet", domain="capulet.example", resource="balcony")
    romeo = Client(world.ejabberd.c2s, timeout=20).login("romeo", domain="montague.example", resource="orchard")
    publish(juliet, TUNE, "before")
    befriend(juliet, romeo, kinds=(more, tune))
    tune.answer(romeo, JULIET)
    askers = {re.search(r"from='([^']*)'", more.answer(juliet)).group(1).split("@")[-1].split("/")[0] for _ in range(2)}
    assert askers == {"capulet.example", "montague.example"}, askers
    got = await_stanza(romeo, "message", from_=JULIET)
    assert "before" in got and romeo.jid in got, got
    publish(juliet, TUNE, "nightingale")
    assert "nightingale" in await_stanza(romeo, "message", from_=JULIET)
    publish(juliet, MOOD, "merry")
    never(romeo, "merry")
    publish(romeo, TUNE, "lark")
    got = await_stanza(juliet, "message", from_=ROMEO)
    assert "lark" in got and juliet.jid in got, got
    assert "result" in ask(juliet, "set", "<vCard xmlns='vcard-temp'><FN>Juliet Capulet</FN></vCard>")
    assert "Juliet Capulet" in ask(romeo, "get", "<vCard xmlns='vcard-temp'/>", JULIET)
    late = Client(world.ejabberd.c2s, timeout=20).login("romeo", domain="montague.example", resource="garden")
    late.send(tune.presence)
    await_stanza(late, "presence", from_=juliet.jid)
    assert "nightingale" in await_stanza(late, "message", from_=JULIET)
    juliet.close()
    await_stanza(late, "presence", from_=juliet.jid, type="unavailable")
