"""RFC 6121 appendix A against the real thing: every state of a subscription, with every stanza, in both directions.  The
tables below are the RFC's; the cases are made from them.  The contacts are addresses of a service, so that the test sees
what is routed to them, and says what they say."""
import json
import re

import pytest

from conftest import wait_for
from xmpp import Client

# Name, subscription, ask, and whether a request of the contact waits.
STATES = {
    "None": ("none", False, False),
    "None + Pending Out": ("none", True, False),
    "None + Pending In": ("none", False, True),
    "None + Pending Out+In": ("none", True, True),
    "To": ("to", False, False),
    "To + Pending In": ("to", False, True),
    "From": ("from", False, False),
    "From + Pending Out": ("from", True, False),
    "Both": ("both", False, False),
}

# Appendix A.2: does the stanza go to the contact, and the new state (None: no change).
OUTBOUND = {
    "subscribe": {
        "None": (True, "None + Pending Out"), "None + Pending Out": (True, None), "None + Pending In": (True, "None + Pending Out+In"),
        "None + Pending Out+In": (True, None), "To": (True, None), "To + Pending In": (True, None),
        "From": (True, "From + Pending Out"), "From + Pending Out": (True, None), "Both": (True, None)},
    "unsubscribe": {
        "None": (True, None), "None + Pending Out": (True, "None"), "None + Pending In": (True, None),
        "None + Pending Out+In": (True, "None + Pending In"), "To": (True, "None"), "To + Pending In": (True, "None + Pending In"),
        "From": (True, None), "From + Pending Out": (True, "From"), "Both": (True, "From")},
    "subscribed": {
        "None": (False, None), "None + Pending Out": (False, None), "None + Pending In": (True, "From"),
        "None + Pending Out+In": (True, "From + Pending Out"), "To": (False, None), "To + Pending In": (True, "Both"),
        "From": (False, None), "From + Pending Out": (False, None), "Both": (False, None)},
    "unsubscribed": {
        "None": (False, None), "None + Pending Out": (False, None), "None + Pending In": (True, "None"),
        "None + Pending Out+In": (True, "None + Pending Out"), "To": (False, None), "To + Pending In": (True, "To"),
        "From": (True, "None"), "From + Pending Out": (True, "None + Pending Out"), "Both": (True, "To")},
}

# Appendix A.3: is the stanza shown to the user, and the new state.
INBOUND = {
    "subscribe": {
        "None": (True, "None + Pending In"), "None + Pending Out": (True, "None + Pending Out+In"), "None + Pending In": (False, None),
        "None + Pending Out+In": (False, None), "To": (True, "To + Pending In"), "To + Pending In": (False, None),
        "From": (False, None), "From + Pending Out": (False, None), "Both": (False, None)},
    "unsubscribe": {
        "None": (False, None), "None + Pending Out": (False, None), "None + Pending In": (True, "None"),
        "None + Pending Out+In": (True, "None + Pending Out"), "To": (False, None), "To + Pending In": (True, "To"),
        "From": (True, "None"), "From + Pending Out": (True, "None + Pending Out"), "Both": (True, "To")},
    "subscribed": {
        "None": (False, None), "None + Pending Out": (True, "To"), "None + Pending In": (False, None),
        "None + Pending Out+In": (True, "To + Pending In"), "To": (False, None), "To + Pending In": (False, None),
        "From": (False, None), "From + Pending Out": (True, "Both"), "Both": (False, None)},
    "unsubscribed": {
        "None": (False, None), "None + Pending Out": (True, "None"), "None + Pending In": (False, None),
        "None + Pending Out+In": (True, "None + Pending In"), "To": (True, "None"), "To + Pending In": (True, "None + Pending In"),
        "From": (False, None), "From + Pending Out": (True, "From"), "Both": (True, "From")},
}

ROSTER, REQUESTS = "xmpp:{juliet@localhost}:roster", "xmpp:{juliet@localhost}:requests"
SERVICE = "xmpp:to:{echo.localhost}"


class Scene:
    """Juliet, who has asked for her roster and is available, and the service that her contacts live at."""

    def __init__(self, gateway, redis):
        self.redis = redis.client()
        self.bus = redis.client().pubsub()
        self.bus.subscribe(SERVICE)
        self.bus.get_message(timeout=5)
        self.juliet = Client(gateway.tcp).login("juliet", resource="balcony")
        self.juliet.stanza("<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>")
        self.juliet.until(r"<iq[^>]*id='r'.*?</iq>")
        self.juliet.present()
        self.numbers = iter(range(1, 10000))

    def contact(self, state, approved, is_item):
        subscription, ask, waits = STATES[state]
        contact = f"c{next(self.numbers)}@echo.localhost"
        if is_item:
            letters = {"none": "n", "to": "t", "from": "f", "both": "b"}[subscription] + "-s"[ask] + "-a"[approved]
            head = self.redis.hget(ROSTER, "").split(" ")
            head[1], head[3] = str(int(head[1]) + 1), str(int(head[3]) + 1)
            self.redis.hset(ROSTER, contact, f"{head[1]}\x1f{letters}\x1f")
            self.redis.hset(ROSTER, "", " ".join(head))
        if waits:
            self.redis.hset(REQUESTS, contact, json.dumps({
                "specversion": "1.0", "id": "x", "source": f"xmpp:{contact}", "type": "xmpp.presence", "time": "2026-01-01T00:00:00.000Z",
                "datacontenttype": "application/json", "data": {"kind": "presence", "type": "subscribe", "from": contact, "to": "juliet@localhost"}}))
        return contact

    def state_of(self, contact):
        item = self.redis.hget(ROSTER, contact)
        letters = item.split("\x1f")[1] if item else "n--"
        found = ({"n": "none", "t": "to", "f": "from", "b": "both"}[letters[0]], letters[1] == "s", self.redis.hexists(REQUESTS, contact))
        return next(name for name, is_it in STATES.items() if is_it == found), letters[2] == "a"

    def settle(self):
        """All that follows from what was said: what Juliet got, and the events that the service got."""
        number = next(self.numbers)
        self.juliet.stanza(f"<message to='{self.juliet.jid}' id='m{number}'><body>mark</body></message>")
        got = ""
        for _ in range(2):  # what a service is told is said once the roster is written
            mark = self.juliet.until(rf"(.*?)<message[^>]*id='m{number}'.*?</message>")
            got += mark.group(1)
            number = next(self.numbers)
            self.juliet.stanza(f"<message to='{self.juliet.jid}' id='m{number}'><body>mark</body></message>")
        got += self.juliet.until(rf"(.*?)<message[^>]*id='m{number}'.*?</message>").group(1)
        self.juliet.stanza(f"<message to='mark{number}@echo.localhost' id='e{number}'><body>mark</body></message>")
        events = []
        while True:
            message = self.bus.get_message(timeout=10)
            assert message, "the service hears nothing"
            if message["type"] != "message":
                continue
            data = json.loads(message["data"])["data"]
            if data.get("id") == f"e{number}":
                return got, events
            events.append((data.get("type", "available"), data["from"], data["to"]))


@pytest.fixture(scope="module")
def scene():
    import pathlib
    import tempfile

    from conftest import Gateway, Redis

    with tempfile.TemporaryDirectory(prefix="stanzabus-test-") as folder:
        redis = Redis(pathlib.Path(folder))
        gateway = Gateway(pathlib.Path(folder), redis)
        try:
            yield Scene(gateway, redis)
        finally:
            gateway.stop()
            redis.stop()


def push_of(got, contact):
    found = re.search(rf"<item[^>]*jid='{re.escape(contact)}'[^>]*>", got)
    return found.group(0) if found else None


def check_push(got, contact, before, after, approved_before, approved_after):
    shown_before, shown_after = STATES[before][:2] + (approved_before,), STATES[after][:2] + (approved_after,)
    push = push_of(got, contact)
    if shown_before == shown_after:
        assert push is None
        return
    assert push is not None
    assert f"subscription='{STATES[after][0]}'" in push
    assert ("ask='subscribe'" in push) == STATES[after][1]
    assert ("approved='true'" in push) == approved_after


def sees(state):
    return STATES[state][0] in ("from", "both")


def as_items(states):
    """A state without subscription and question may also be one of somebody who is not in the roster."""
    for state in states:
        yield state, True
        if STATES[state][:2] == ("none", False):
            yield state, False


@pytest.mark.parametrize("kind", OUTBOUND)
@pytest.mark.parametrize("state,is_item", as_items(STATES))
def test_outbound(scene, kind, state, is_item):
    passes, after = OUTBOUND[kind][state]
    after = after or state
    contact = scene.contact(state, False, is_item)
    scene.juliet.stanza(f"<presence to='{contact}/x' type='{kind}'/>")
    got, events = scene.settle()
    told = [event for event in events if event[2] == contact]
    # 3.4.2: approval of what was not asked is kept for later
    approved = kind == "subscribed" and state in ("None", "None + Pending Out", "To")
    expected = []
    if sees(state) and not sees(after):
        expected.append(("unavailable", "juliet@localhost/balcony", contact))
    if passes:
        expected.append((kind, "juliet@localhost", contact))
    if sees(after) and not sees(state):
        expected.append(("available", "juliet@localhost/balcony", contact))
    assert told == expected
    assert scene.state_of(contact) == (after, approved)
    check_push(got, contact, state, after, False, approved)


@pytest.mark.parametrize("kind", INBOUND)
@pytest.mark.parametrize("state,is_item", as_items(STATES))
def test_inbound(scene, kind, state, is_item):
    passes, after = INBOUND[kind][state]
    after = after or state
    contact = scene.contact(state, False, is_item)
    said = {"data": {"kind": "presence", "type": kind, "from": contact, "to": "juliet@localhost"}}
    assert scene.redis.publish("xmpp:from:{echo.localhost}", json.dumps(said)) == 1
    got, events = scene.settle()
    shown = re.search(rf"<presence[^>]*from='{re.escape(contact)}'[^>]*>", got)
    assert (shown is not None) == passes
    if passes:
        assert f"type='{kind}'" in shown.group(0) and "to='juliet@localhost'" in shown.group(0)
    told = [event for event in events if event[2] == contact]
    expected = []
    if sees(state) and not sees(after):
        expected.append(("unavailable", "juliet@localhost/balcony", contact))
    if kind == "subscribe" and sees(state):
        expected.append(("subscribed", "juliet@localhost", contact))
    assert told == expected
    assert scene.state_of(contact) == (after, False)
    check_push(got, contact, state, after, False, False)
    if passes and push_of(got, contact):
        assert got.index(shown.group(0)) < got.index(push_of(got, contact))


@pytest.mark.parametrize("state,after", [("None", "From"), ("None + Pending Out", "From + Pending Out"), ("To", "Both")])
def test_a_request_that_was_approved_before(scene, state, after):
    contact = scene.contact(state, True, True)
    said = {"data": {"kind": "presence", "type": "subscribe", "from": contact, "to": "juliet@localhost"}}
    assert scene.redis.publish("xmpp:from:{echo.localhost}", json.dumps(said)) == 1
    got, events = scene.settle()
    assert not re.search(rf"<presence[^>]*from='{re.escape(contact)}'", got)
    assert [event for event in events if event[2] == contact] == [
        ("subscribed", "juliet@localhost", contact), ("available", "juliet@localhost/balcony", contact)]
    assert scene.state_of(contact) == (after, True)
    check_push(got, contact, state, after, True, True)


@pytest.mark.parametrize("state,is_item", [(state, True) for state in STATES])
def test_removal_cancels_both_ways(scene, state, is_item):
    subscription, ask, waits = STATES[state]
    contact = scene.contact(state, False, is_item)
    scene.juliet.stanza(f"<iq type='set' id='x'><query xmlns='jabber:iq:roster'><item jid='{contact}' subscription='remove'/></query></iq>")
    got, events = scene.settle()
    assert re.search(r"<iq[^>]*type='result'", got) and "subscription='remove'" in push_of(got, contact)
    expected = []
    if sees(state):
        expected.append(("unavailable", "juliet@localhost/balcony", contact))
    if subscription in ("to", "both") or ask:
        expected.append(("unsubscribe", "juliet@localhost", contact))
    if sees(state) or waits:
        expected.append(("unsubscribed", "juliet@localhost", contact))
    assert [event for event in events if event[2] == contact] == expected
    assert not scene.redis.hexists(REQUESTS, contact)


def test_removals_are_remembered_up_to_a_number(scene):
    """RFC 6121 2.6.3: who was away for a few hears of the removals; who was away for more gets the whole roster."""
    def ask(version):
        number = next(scene.numbers)
        scene.juliet.stanza(f"<iq type='get' id='v{number}'><query xmlns='jabber:iq:roster' ver='{version}'/></iq>")
        return scene.juliet.until(rf"<iq[^>]*id='v{number}'[^>]*?(/>|>.*?</iq>)").group(0)

    def change(contact, more=""):
        scene.juliet.stanza(f"<iq type='set' id='x'><query xmlns='jabber:iq:roster'><item jid='{contact}'{more}/></query></iq>")
        return scene.juliet.until(r"<query[^>]*ver='([^']*)'[^>]*><item").group(1)

    first = change("stays@echo.localhost")
    for i in range(3):
        change(f"goes{i}@echo.localhost")
        version = change(f"goes{i}@echo.localhost", " subscription='remove'")
    assert "<query" not in ask(first)
    got, _ = scene.settle()
    assert re.findall(r"jid='(goes\d+)@echo.localhost' subscription='remove'", got) == ["goes0", "goes1", "goes2"]
    assert "<query" not in ask(version) and "<item" not in scene.settle()[0]
    for i in range(70):
        change(f"more{i}@echo.localhost")
        version = change(f"more{i}@echo.localhost", " subscription='remove'")
    whole = ask(first)
    assert f"ver='{version}'" in whole and "stays@echo.localhost" in whole and "goes" not in whole and "more" not in whole
    assert len([value for value in scene.redis.hvals(ROSTER) if value.split("\x1f")[1:2] == ["x--"]]) <= 64


def test_many_at_once(gateway):
    """What a client asks in the moment of its login is all heard, however much it is."""
    with Client(gateway.tcp) as juliet:
        juliet.login("juliet", "secret", resource="balcony")
        juliet.send("<presence/>" + "".join(f"<presence type='subscribe' to='n{number}@localhost'/>" for number in range(60)))
        juliet.send("<iq type='get' id='all'><ping xmlns='urn:xmpp:ping'/></iq>")
        juliet.until("id='all'")
        roster = gateway.redis.client()
        wait_for(lambda: sum(key.startswith("n") for key in roster.hkeys("xmpp:{juliet@localhost}:roster")) == 60, 5, "60 contacts")
