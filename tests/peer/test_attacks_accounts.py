"""Hostile accounts, guests and strangers: what they may not see they do not see, and what they fill hurts nobody else."""
import re

import pytest

from conftest import wait_for
from xmpp import Client

RSM = "http://jabber.org/protocol/rsm"
PUBSUB = "http://jabber.org/protocol/pubsub"


def asked(client, kind, payload, to=None):
    """The answer to a request."""
    client.count = getattr(client, "count", 0) + 1
    name = f"q{client.count}"
    client.send(f"<iq type='{kind}' id='{name}'" + (f" to='{to}'" if to else "") + f">{payload}</iq>")
    return client.until(rf"<iq[^>]*id='{name}'[^>]*(?:/>|>.*?</iq>)").group(0)


def is_alive(client):
    return "result" in asked(client, "get", "<ping xmlns='urn:xmpp:ping'/>", "localhost")


def publish_openly(client, node):
    assert "result" in asked(client, "set", f"<pubsub xmlns='{PUBSUB}'><publish node='{node}'><item id='1'><a xmlns='urn:a'/></item></publish>"
                             f"<publish-options><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>{PUBSUB}"
                             "#publish-options</value></field><field var='pubsub#access_model'><value>open</value></field></x>"
                             "</publish-options></pubsub>")


def test_guests_read_nothing_of_accounts(gateways):
    """Guests reach services only: not even what accounts show to everybody."""
    gateway = gateways(auth__anonymous_domain="guests.localhost")
    juliet = Client(gateway.tcp).login("juliet", resource="balcony")
    publish_openly(juliet, "open")
    asked(juliet, "set", "<vCard xmlns='vcard-temp'><FN>Juliet</FN></vCard>")
    guest = Client(gateway.tcp).login(mechanism="ANONYMOUS", domain="guests.localhost")
    for kind, payload in [("get", "<vCard xmlns='vcard-temp'/>"), ("get", f"<pubsub xmlns='{PUBSUB}'><items node='open'/></pubsub>"),
                          ("set", f"<pubsub xmlns='{PUBSUB}'><subscribe node='open' jid='{guest.jid}'/></pubsub>"),
                          ("get", "<query xmlns='http://jabber.org/protocol/disco#info'/>"),
                          ("get", "<query xmlns='http://jabber.org/protocol/disco#items'/>"), ("get", "<query xmlns='jabber:iq:last'/>")]:
        assert "<forbidden" in asked(guest, kind, payload, "juliet@localhost"), payload
        assert "<forbidden" in asked(guest, kind, payload, "nobody@localhost"), payload
    assert is_alive(guest)
    assert "result" in asked(guest, "get", "<query xmlns='http://jabber.org/protocol/disco#info'/>", guest.jid.split("/")[0])


@pytest.mark.parametrize("kind, payload", [
    ("get", f"<pubsub xmlns='{PUBSUB}'><items node='n'/></pubsub>"), ("set", f"<pubsub xmlns='{PUBSUB}'><publish node='n'><item/></publish></pubsub>"),
    ("set", f"<pubsub xmlns='{PUBSUB}'><subscribe node='n' jid='juliet@localhost'/></pubsub>"),
    ("set", f"<pubsub xmlns='{PUBSUB}'><unsubscribe node='n' jid='juliet@localhost'/></pubsub>"),
    ("get", f"<pubsub xmlns='{PUBSUB}'><subscriptions/></pubsub>"), ("get", "<query xmlns='jabber:iq:last'/>"), ("get", "<vCard xmlns='vcard-temp'/>"),
    ("get", "<query xmlns='http://jabber.org/protocol/disco#info'/>"), ("get", "<query xmlns='http://jabber.org/protocol/disco#items'/>"),
    ("get", "<query xmlns='http://jabber.org/protocol/disco#info' node='n'/>"), ("get", "<query xmlns='jabber:iq:roster'/>"),
    ("set", "<query xmlns='urn:xmpp:mam:2'/>"), ("get", "<blocklist xmlns='urn:xmpp:blocking'/>"), ("get", "<ping xmlns='urn:xmpp:ping'/>"),
    ("get", "<query xmlns='jabber:iq:private'><x xmlns='urn:x'/></query>")])
def test_who_has_an_account_is_not_told(gateway, kind, payload):
    juliet = Client(gateway.tcp).login("juliet", resource="balcony")
    answers = [re.sub(r" (id|from)='[^']*'", "", asked(juliet, kind, payload, f"{name}@localhost")) for name in ("romeo", "nobody")]
    assert answers[0] == answers[1] and "error" in answers[0]


def test_requests_of_strangers_lock_nobody_out(gateways, redis):
    """Contacts that nobody wants: what is added to a request is bounded, and so is what comes at a login."""
    strangers = [f"s{number}" for number in range(30)]
    gateway = gateways(users=("romeo", *strangers), limits__client_queue="512k", limits__roster_item_bytes="64k")
    for name, size in zip(strangers, [240000, *[60000] * 29]):
        stranger = Client(gateway.tcp).login(name)
        stranger.send(f"<presence to='romeo@localhost' type='subscribe'><x xmlns='urn:x'>{'y' * size}</x></presence>")
        assert is_alive(stranger)
        stranger.close()
    wait_for(lambda: redis.client().hlen("xmpp:{romeo@localhost}:requests") == 30, what="all requests")
    assert redis.client().memory_usage("xmpp:{romeo@localhost}:requests", samples=0) < 30 * 70000
    romeo = Client(gateway.tcp).login("romeo", resource="orchard").present()
    romeo.until(r"<presence[^>]*type='subscribe'")
    assert is_alive(romeo)


def test_resources_that_come_and_go_leave_little(gateway, redis):
    for number in range(130):
        juliet = Client(gateway.tcp).login("juliet", resource=f"r{number}")
        juliet.send("<presence/><presence type='unavailable'/></stream:stream>")
        juliet.until_closed()
        juliet.close()
    assert 1 <= redis.client().hlen("xmpp:{juliet@localhost}:presence") <= 100


def test_what_waits_is_bounded_in_bytes(gateways, redis):
    gateway = gateways(limits__waiting_bytes="1M")
    juliet = Client(gateway.tcp).login("juliet", resource="balcony")
    for number in range(12):
        juliet.send(f"<message to='romeo@localhost' type='chat' id='m{number}'><body>{'z' * 200000}</body></message>")
    waiting = lambda: redis.client().xlen("xmpp:{romeo@localhost}:log")
    refused = 0
    while refused + waiting() < 12:
        juliet.until(r"<message[^>]*type='error'.*?<resource-constraint.*?</message>")
        refused += 1
    assert refused and is_alive(juliet)
    assert redis.client().memory_usage("xmpp:{romeo@localhost}:log", samples=0) < 1500000
    juliet.send("<message to='romeo@localhost' type='chat'><body>short</body></message>")
    wait_for(lambda: waiting() == 13 - refused, what="the short one, for which there is room")
    assert is_alive(juliet) and "error" not in juliet.seen


def test_forged_payloads_count_as_handled(gateway):
    """XEP-0198 4: what was refused was handled, too; else the stream stands still when enough of them came."""
    juliet = Client(gateway.tcp).login("juliet", resource="balcony")
    juliet.send("<enable xmlns='urn:xmpp:sm:3'/>")
    juliet.until("<enabled")
    count = 1500
    for number in range(count):
        juliet.send(f"<message to='romeo@localhost' id='f{number}'><received xmlns='urn:xmpp:carbons:2'/></message>")
    assert is_alive(juliet)
    juliet.send("<r xmlns='urn:xmpp:sm:3'/>")
    juliet.until(rf"<a [^>]*h='{count + 1}'")


def test_many_large_answers_are_asked_for_at_once(gateway, redis):
    """A few bytes ask for megabytes: Redis gathers only some of them for one client, and the neighbour does not wait for all."""
    juliet = Client(gateway.tcp).login("juliet", resource="balcony")
    options = (f"<publish-options><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>{PUBSUB}#publish-options"
               "</value></field><field var='pubsub#max_items'><value>max</value></field></x></publish-options>")
    for number in range(20):
        assert "result" in asked(juliet, "set", f"<pubsub xmlns='{PUBSUB}'><publish node='n'><item id='{number}'><a xmlns='urn:a'>{'x' * 180000}</a>"
                                 f"</item></publish>{options}</pubsub>")
    answer = asked(juliet, "get", f"<pubsub xmlns='{PUBSUB}'><items node='n'/></pubsub>")  # as much as fits, of the last
    assert re.findall(r"<item id='(\d+)'", answer) == ["15", "16", "17", "18", "19"]
    assert "<first index='15'>15</first><last>19</last><count>20</count>" in answer
    ids, which = [], ""
    while len(ids) < 20:  # and the rest in pages, forward and backward
        answer = asked(juliet, "get", f"<pubsub xmlns='{PUBSUB}'><items node='n'/><set xmlns='{RSM}'><max>100</max>{which}</set></pubsub>")
        ids += re.findall(r"<item id='(\d+)'", answer)
        which = f"<after>{ids[-1]}</after>"
    assert ids == [str(number) for number in range(20)]
    answer = asked(juliet, "get", f"<pubsub xmlns='{PUBSUB}'><items node='n'/><set xmlns='{RSM}'><max>100</max><before>15</before></set></pubsub>")
    assert re.findall(r"<item id='(\d+)'", answer) == ["10", "11", "12", "13", "14"]
    assert "<first index='10'>10</first>" in answer
    greedy = Client(gateway.tcp).login("juliet", resource="greedy")
    greedy.send("".join(f"<iq type='get' id='g{number}'><pubsub xmlns='{PUBSUB}'><items node='n'/></pubsub></iq>" for number in range(100)))
    neighbour = Client(gateway.tcp).login("romeo")
    assert "item-not-found" in asked(neighbour, "get", "<vCard xmlns='vcard-temp'/>")
    greedy.close()
    assert redis.client().info("memory")["used_memory_peak"] < 150e6


def test_many_requests_at_once_are_all_answered(gateway):
    juliet = Client(gateway.tcp).login("juliet", resource="balcony")
    juliet.send("".join(f"<iq type='get' id='a{number}'><vCard xmlns='vcard-temp'/></iq>" for number in range(500)))
    for number in range(500):
        juliet.until(rf"<iq[^>]*id='a{number}'")
    assert is_alive(juliet)
