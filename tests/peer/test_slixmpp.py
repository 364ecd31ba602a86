"""slixmpp, extension by extension, against one gateway of two workers: what its own plugins ask must get the answers that they
expect."""
import asyncio
import itertools
import shutil
import tempfile
import types

import conftest
import pytest
from slix import PLUGINS, Slix
from slixmpp.exceptions import IqError
from slixmpp.xmlstream import ET


@pytest.fixture(scope="module")
def server():
    folder = tempfile.mkdtemp(prefix="stanzabus-test-")
    redis = conftest.Redis(folder)
    gateway = conftest.Gateway(folder, redis, users=(), workers="2")
    yield gateway
    gateway.stop()
    redis.stop()
    shutil.rmtree(folder, ignore_errors=True)


class Stage:
    """Accounts of this test's own, and the clients that it logs in."""

    numbers = itertools.count(1)

    def __init__(self, server):
        self.server = server
        self.number = next(self.numbers)
        self.accounts = set()
        self.clients = []

    def jid(self, name):
        jid = f"{name}{self.number}@localhost"
        if jid not in self.accounts:
            self.accounts.add(jid)
            self.server.add_user(jid, "secret")
        return jid

    def client(self, name, resource="here", **options):
        client = Slix(self.server, f"{self.jid(name)}/{resource}", **options)
        self.clients.append(client)
        return client

    async def enter(self, name, resource="here", presence=True, **options):
        return await self.client(name, resource, **options).start(presence=presence)

    async def couple(self, **options):
        """Juliet and Romeo, each in the other's roster."""
        juliet, romeo = await self.enter("juliet", **options), await self.enter("romeo", **options)
        for one, other in ((juliet, romeo), (romeo, juliet)):
            one.ask(other.boundjid.bare)
            await one.presence(lambda p: p["type"] == "available" and p["from"].bare == other.boundjid.bare)
        return juliet, romeo


@pytest.fixture
def play(server):
    """Runs a scene: an async function of the stage."""

    def run(scene):
        async def whole():
            stage = Stage(server)
            try:
                await asyncio.wait_for(scene(stage), 60)
            finally:
                await asyncio.gather(*(client.leave() for client in stage.clients if client.transport), return_exceptions=True)

        asyncio.run(whole())

    return run


def features(info):
    return info["disco_info"]["features"]


def test_server(play):
    async def scene(stage):
        juliet = await stage.enter("juliet")
        await juliet["xep_0199"].ping("localhost", timeout=5)
        version = await juliet["xep_0092"].get_version("localhost")
        assert version["software_version"]["name"]
        time = await juliet["xep_0202"].get_entity_time("localhost")
        assert time.xml.find(".//{urn:xmpp:time}utc").text.endswith("Z")
        info = await juliet["xep_0030"].get_info(jid="localhost")
        assert ("server", "im") in {i[:2] for i in info["disco_info"]["identities"]}
        assert {"urn:xmpp:ping", "urn:xmpp:carbons:2", "vcard-temp", "urn:xmpp:blocking", "jabber:iq:last"} <= features(info)
        own = await juliet["xep_0030"].get_info(jid=juliet.boundjid.bare)
        assert ("account", "registered") in {i[:2] for i in own["disco_info"]["identities"]}
        assert "urn:xmpp:mam:2" in features(own)
        assert "http://jabber.org/protocol/pubsub#publish-options" in features(own)

    play(scene)


def test_roster(play):
    async def scene(stage):
        juliet, other = await stage.enter("juliet", "balcony"), await stage.enter("juliet", "garden")
        romeo = stage.jid("romeo")
        pushes = []
        other.add_event_handler("roster_update", lambda iq: pushes.append(iq))
        await juliet.update_roster(romeo, name="Romeo", groups=["Montagues", "Balls"])
        await other.settle()
        assert [dict(iq["roster"]["items"])[romeo]["name"] for iq in pushes] == ["Romeo"]
        item = juliet.client_roster[romeo]
        assert (item["name"], item["subscription"], sorted(item["groups"])) == ("Romeo", "none", ["Balls", "Montagues"])

        # a client that knows the version is told nothing that it knows (RFC 6121 2.6)
        version = juliet.client_roster.version
        assert version
        answer = await juliet.iq("get", f"<query xmlns='jabber:iq:roster' ver='{version}'/>")
        assert answer.find("{jabber:iq:roster}query") is None
        await juliet.del_roster_item(romeo)
        whole = await other.iq("get", "<query xmlns='jabber:iq:roster'/>")
        assert whole.find("{jabber:iq:roster}query") is not None and not list(whole.iter("{jabber:iq:roster}item"))

    play(scene)


def test_subscription_and_presence(play):
    async def scene(stage):
        juliet, romeo = await stage.enter("juliet"), await stage.enter("romeo", answers=False)
        juliet.ask(romeo.boundjid.bare, status="It is I")
        asked = await romeo.presence(lambda p: p["type"] == "subscribe")
        assert (asked["from"], asked["status"]) == (juliet.boundjid.bare, "It is I")
        await juliet.settle()
        assert juliet.client_roster[romeo.boundjid.bare]["pending_out"]

        # not answered: shown again at the next login
        phone = await stage.enter("romeo", "phone", answers=False)
        assert (await phone.presence(lambda p: p["type"] == "subscribe"))["status"] == "It is I"
        romeo.ask(juliet.boundjid.bare, "subscribed")
        await juliet.presence(lambda p: p["type"] == "subscribed")
        for _ in range(2):
            seen = await juliet.presence(lambda p: p["type"] == "available" and p["from"].bare == romeo.boundjid.bare)
            assert seen["from"].resource in ("here", "phone")
        romeo.send_presence(pshow="away", pstatus="in the orchard")
        await juliet.presence(lambda p: p["type"] == "away" and p["status"] == "in the orchard")
        phone.cut()
        await juliet.presence(lambda p: p["type"] == "unavailable" and p["from"].resource == "phone")

        # who comes later sees who is there
        late = await stage.enter("juliet", "late")
        await late.presence(lambda p: p["type"] == "away" and p["from"] == romeo.boundjid)
        romeo.ask(juliet.boundjid.bare, "unsubscribed")
        await juliet.presence(lambda p: p["type"] == "unavailable" and p["from"] == romeo.boundjid)
        await juliet.settle()
        assert juliet.client_roster[romeo.boundjid.bare]["subscription"] == "none"

    play(scene)


def test_chat_and_its_extensions(play):
    async def scene(stage):
        juliet, romeo = await stage.couple()
        message = juliet.make_message(romeo.boundjid.bare, "Art thou not Romeo?", mtype="chat")
        message["request_receipt"] = True
        message["markable"] = True
        message["chat_state"] = "active"
        message["id"] = "m1"
        message["origin_id"]["id"] = "m1"
        message.send()
        got = await romeo.message("Art thou not Romeo?")
        assert (got["id"], got["chat_state"], got["origin_id"]["id"]) == ("m1", "active", "m1")
        assert got["stanza_id"]["by"] == romeo.boundjid.bare and got["stanza_id"]["id"]
        receipt = await juliet.message(lambda m: m["receipt"] == "m1")  # the plugin acknowledges by itself
        assert receipt["from"] == romeo.boundjid

        romeo["xep_0333"].send_marker(juliet.boundjid.bare, "m1", "displayed")
        await juliet.message(lambda m: m["displayed"]["id"] == "m1")
        correction = juliet.make_message(romeo.boundjid.bare, "Art thou Romeo?", mtype="chat")
        correction["replace"]["id"] = "m1"
        correction.send()
        assert (await romeo.message("Art thou Romeo?"))["replace"]["id"] == "m1"
        romeo["xep_0444"].send_reactions(juliet.boundjid, "m1", ["💘"])
        assert (await juliet.message(lambda m: m["reactions"]["id"] == "m1"))["reactions"]["values"] == {"💘"}
        composing = romeo.make_message(juliet.boundjid.bare, mtype="chat")
        composing["chat_state"] = "composing"
        composing.send()
        await juliet.message(lambda m: m["chat_state"] == "composing")

    play(scene)


def test_offline_messages(play):
    """XEP-0160, 0203: what came while nobody was there, in its order and with its time."""
    async def scene(stage):
        juliet = await stage.enter("juliet")
        romeo = stage.jid("romeo")
        for number in range(5):
            juliet.send_message(romeo, f"number {number}", mtype="chat")
        juliet.send_message(romeo, "not to keep", mtype="headline")
        await juliet.settle()
        await asyncio.sleep(1.2)  # less is no delay
        came = await stage.enter("romeo")
        for number in range(5):
            message = await came.message(lambda m: m["body"])
            assert message["body"] == f"number {number}" and message["delay"]["stamp"], str(message)
        await came.settle()
        assert not [m for m in came.messages if m["body"]]
        again = await stage.enter("romeo", "again")
        await again.settle()
        assert not [m for m in again.messages if m["body"]], "delivered once"

    play(scene)


def test_archive(play):
    """XEP-0313, 0059, 0359."""
    async def scene(stage):
        juliet, romeo = await stage.couple()
        nurse = await stage.enter("nurse")
        for number in range(12):
            juliet.send_message(romeo.boundjid.bare, f"to romeo {number}", mtype="chat")
            juliet.send_message(nurse.boundjid.bare, f"to nurse {number}", mtype="chat")
        last = await romeo.message("to romeo 11")
        await nurse.message("to nurse 11")

        async def bodies(client, **query):
            found = []
            async for result in client["xep_0313"].iterate(**query):
                forwarded = result["mam_result"]["forwarded"]
                assert forwarded["delay"]["stamp"]
                found.append((forwarded["stanza"]["body"], result["mam_result"]["id"]))
            return found

        everything = await bodies(juliet, rsm={"max": 5})
        assert len(everything) == 24 and len({archive_id for _, archive_id in everything}) == 24
        with_nurse = await bodies(juliet, with_jid=nurse.boundjid.bare, rsm={"max": 5})
        assert [body for body, _ in with_nurse] == [f"to nurse {n}" for n in range(12)]
        of_romeo = await bodies(romeo)
        assert of_romeo[-1] == ("to romeo 11", last["stanza_id"]["id"]), "the id of the message is that of the archive"
        juliet.messages.clear()
        answer = await juliet.iq("set", "<query xmlns='urn:xmpp:mam:2'><x xmlns='jabber:x:data' type='submit'>"
                                 "<field var='FORM_TYPE'><value>urn:xmpp:mam:2</value></field><field var='with'><value>"
                                 f"{nurse.boundjid.bare}</value></field></x><set xmlns='http://jabber.org/protocol/rsm'><max>3</max>"
                                 "<before/></set></query>")
        page = [m["mam_result"]["forwarded"]["stanza"]["body"] for m in juliet.messages]
        assert page == [f"to nurse {n}" for n in (9, 10, 11)]
        assert answer.find("{urn:xmpp:mam:2}fin").get("complete") != "true"
        nothing = await romeo["xep_0313"].retrieve(with_jid="nobody@localhost")
        assert not nothing["mam"]["results"]
        form = await juliet["xep_0313"].get_fields()
        assert form
        preferences = await juliet.iq("get", "<prefs xmlns='urn:xmpp:mam:2'/>")
        assert preferences.find("{urn:xmpp:mam:2}prefs").get("default") in ("always", "roster", "never")
        meta = await juliet["xep_0313"].get_archive_metadata()
        assert meta["mam_metadata"]["start"]["id"] == everything[0][1]
        assert meta["mam_metadata"]["end"]["id"] == everything[-1][1]

    play(scene)


def test_carbons(play):
    """XEP-0280."""
    async def scene(stage):
        desk, phone = await stage.enter("juliet", "desk"), await stage.enter("juliet", "phone")
        romeo = await stage.enter("romeo")
        await phone["xep_0280"].enable()
        copies = []
        for kind in ("carbon_received", "carbon_sent"):
            phone.add_event_handler(kind, lambda m, kind=kind: copies.append((kind, m[kind]["body"])))
        romeo.send_message(desk.boundjid.full, "to the desk", mtype="chat")
        await desk.message("to the desk")
        desk.send_message(romeo.boundjid.bare, "from the desk", mtype="chat")
        await romeo.message("from the desk")
        private = romeo.make_message(desk.boundjid.full, "between us", mtype="chat")
        private["carbon_private"]
        private.enable("carbon_private")
        private.send()
        await desk.message("between us")
        await phone.settle()
        assert copies == [("carbon_received", "to the desk"), ("carbon_sent", "from the desk")]
        await phone["xep_0280"].disable()

    play(scene)


def test_csi(play):
    """XEP-0352: presence waits while nobody looks, messages do not."""
    async def scene(stage):
        juliet, romeo = await stage.couple()
        juliet["xep_0352"].send_inactive()
        await juliet.settle()
        romeo.send_presence(pshow="dnd")
        romeo.send_message(juliet.boundjid.bare, "wake up", mtype="chat")
        await juliet.message("wake up")
        juliet["xep_0352"].send_active()
        await juliet.presence(lambda p: p["type"] == "dnd")

    play(scene)


def test_vcard_and_avatars(play):
    """XEP-0054, 0084, 0153, 0163."""
    async def scene(stage):
        juliet, romeo = await stage.couple(plugins=[p for p in PLUGINS if p != "xep_0153"])
        rose = b"\x89PNG\r\n\x1a\n" + b"rose" * 50
        seen = asyncio.get_running_loop().create_future()
        romeo.add_event_handler("avatar_metadata_publish", lambda m: seen.done() or seen.set_result(m))
        romeo["xep_0163"].add_interest("urn:xmpp:avatar:metadata")
        await romeo["xep_0115"].update_caps()
        romeo.send_presence()
        card = juliet["xep_0054"].make_vcard()
        card["FN"] = "Juliet Capulet"
        await juliet["xep_0054"].publish_vcard(card)
        found = await romeo["xep_0054"].get_vcard(juliet.boundjid.bare)
        assert found["vcard_temp"]["FN"] == "Juliet Capulet"

        await juliet["xep_0084"].publish_avatar(rose)
        name = juliet["xep_0084"].generate_id(rose)
        await juliet["xep_0084"].publish_avatar_metadata([{"id": name, "type": "image/png", "bytes": len(rose)}])
        event = await asyncio.wait_for(seen, 10)
        assert event["pubsub_event"]["items"]["item"]["avatar_metadata"]["items"][0]["id"] == name
        data = await romeo["xep_0084"].retrieve_avatar(juliet.boundjid.bare, name)
        assert data["pubsub"]["items"]["item"]["avatar_data"]["value"] == rose
        # both ways (XEP-0398): the old kind of client finds it in the vCard, and its hash in the presence
        found = await romeo["xep_0054"].get_vcard(juliet.boundjid.bare)
        assert found["vcard_temp"]["PHOTO"]["BINVAL"] == rose
        juliet.send_presence(pstatus="look at me")
        there = await romeo.presence(lambda p: p["status"] == "look at me")
        assert there.xml.find("{vcard-temp:x:update}x/{vcard-temp:x:update}photo").text == name

    play(scene)


def test_pep(play):
    """XEP-0163, 0060, 0172, 0223: personal things are published, told to those who want them, and kept."""
    async def scene(stage):
        juliet, romeo = await stage.couple()
        told = asyncio.get_running_loop().create_future()
        romeo.add_event_handler("user_nick_publish", lambda m: told.done() or told.set_result(m))
        romeo["xep_0163"].add_interest("http://jabber.org/protocol/nick")
        await romeo["xep_0115"].update_caps()
        romeo.send_presence()
        await romeo.settle()
        await juliet["xep_0172"].publish_nick("Jule")
        event = await asyncio.wait_for(told, 10)
        assert event["from"].bare == juliet.boundjid.bare
        assert event["pubsub_event"]["items"]["item"]["nick"]["nick"] == "Jule"

        # private storage: kept, and only for its owner
        secret = ET.fromstring("<bag xmlns='urn:example:bag'>potion</bag>")
        await juliet["xep_0223"].store(types.SimpleNamespace(xml=secret), node="urn:example:bag", id="current")
        kept = await juliet["xep_0060"].get_items(juliet.boundjid.bare, "urn:example:bag")
        assert kept["pubsub"]["items"]["item"]["payload"].text == "potion"
        with pytest.raises(IqError) as refused:
            await romeo["xep_0060"].get_items(juliet.boundjid.bare, "urn:example:bag")
        assert refused.value.condition in ("forbidden", "not-authorized", "not-allowed")
        await juliet["xep_0060"].retract(juliet.boundjid.bare, "urn:example:bag", "current")
        empty = await juliet["xep_0060"].get_items(juliet.boundjid.bare, "urn:example:bag")
        assert not list(empty["pubsub"]["items"])

    play(scene)


def test_bookmarks(play):
    """XEP-0402, and the old places of the same thing (0048 in 0049)."""
    async def scene(stage):
        juliet = await stage.enter("juliet")
        await juliet.iq("set", "<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='urn:xmpp:bookmarks:1'>"
                        "<item id='garden@conference.localhost'><conference xmlns='urn:xmpp:bookmarks:1' name='Garden' autojoin='true'>"
                        "<nick>Jule</nick></conference></item></publish><publish-options><x xmlns='jabber:x:data' type='submit'>"
                        "<field var='FORM_TYPE' type='hidden'><value>http://jabber.org/protocol/pubsub#publish-options</value></field>"
                        "<field var='pubsub#persist_items'><value>true</value></field><field var='pubsub#max_items'><value>max</value></field>"
                        "<field var='pubsub#send_last_published_item'><value>never</value></field>"
                        "<field var='pubsub#access_model'><value>whitelist</value></field></x></publish-options></pubsub>")
        old = await juliet["xep_0048"].get_bookmarks(method="xep_0049")
        rooms = old["private"]["bookmarks"]["conferences"]
        assert [(r["jid"], r["name"], r["autojoin"], r["nick"]) for r in rooms] == [("garden@conference.localhost", "Garden", True, "Jule")]
        items = await juliet["xep_0060"].get_items(juliet.boundjid.bare, "urn:xmpp:bookmarks:1")
        assert [item["id"] for item in items["pubsub"]["items"]] == ["garden@conference.localhost"]

    play(scene)


def test_private_xml(play):
    """XEP-0049."""
    async def scene(stage):
        juliet = await stage.enter("juliet")
        await juliet.iq("set", "<query xmlns='jabber:iq:private'><prefs xmlns='urn:example:prefs'><colour>red</colour></prefs></query>")
        answer = await juliet.iq("get", "<query xmlns='jabber:iq:private'><prefs xmlns='urn:example:prefs'/></query>")
        assert answer.find(".//{urn:example:prefs}colour").text == "red"

    play(scene)


def test_blocking(play):
    """XEP-0191."""
    async def scene(stage):
        juliet, romeo = await stage.couple()
        juliet.presences.clear()
        await romeo["xep_0191"].block(juliet.boundjid.bare)
        blocked = await romeo["xep_0191"].get_blocked()
        assert [jid.bare for jid in blocked["blocklist"]["items"]] == [juliet.boundjid.bare]
        await juliet.presence(lambda p: p["type"] == "unavailable" and p["from"] == romeo.boundjid)
        juliet.send_message(romeo.boundjid.bare, "hear me", mtype="chat")
        error = await juliet.message(lambda m: m["type"] == "error")
        assert error["error"]["condition"] == "service-unavailable"
        with pytest.raises(IqError) as refused:
            await romeo["xep_0199"].ping(juliet.boundjid.full, timeout=5)
        assert refused.value.condition == "not-acceptable"
        await romeo.settle()
        assert not [m for m in romeo.messages if m["body"] == "hear me"]
        await romeo["xep_0191"].unblock(juliet.boundjid.bare)
        await juliet.presence(lambda p: p["type"] == "available" and p["from"] == romeo.boundjid)
        juliet.send_message(romeo.boundjid.bare, "hear me now", mtype="chat")
        await romeo.message("hear me now")

    play(scene)


def test_last_activity(play):
    """XEP-0012."""
    async def scene(stage):
        juliet, romeo = await stage.couple()
        uptime = await juliet["xep_0012"].get_last_activity("localhost")
        assert uptime["last_activity"]["seconds"] >= 0
        await romeo.leave()
        await juliet.presence(lambda p: p["type"] == "unavailable" and p["from"].bare == romeo.boundjid.bare)
        last = await juliet["xep_0012"].get_last_activity(romeo.boundjid.bare)
        assert 0 <= last["last_activity"]["seconds"] < 60
        stranger = await stage.enter("tybalt")
        with pytest.raises(IqError):
            await stranger["xep_0012"].get_last_activity(romeo.boundjid.bare)

    play(scene)


def test_password_change(play):
    """XEP-0077 3.3."""
    async def scene(stage):
        juliet = await stage.enter("juliet")
        await juliet["xep_0077"].change_password("rosemary", jid="localhost")
        with pytest.raises(AssertionError):
            await stage.client("juliet", "old").start()
        await stage.client("juliet", "new", password="rosemary").start()

    play(scene)


def test_resumption(play):
    """XEP-0198: the line is cut, and nothing is lost, and nothing comes twice."""
    async def scene(stage):
        juliet = await stage.enter("juliet", resumes=True)
        romeo = await stage.enter("romeo")
        for number in range(5):
            romeo.send_message(juliet.boundjid.bare, f"before {number}", mtype="chat")
        await juliet.message("before 4")
        session = juliet["xep_0198"].sm_id
        assert session
        cut = asyncio.get_running_loop().create_future()
        juliet.add_event_handler("disconnected", lambda _: cut.done() or cut.set_result(True), disposable=True)
        juliet.cut()
        await asyncio.wait_for(cut, 10)
        for number in range(5):
            romeo.send_message(juliet.boundjid.bare, f"meanwhile {number}", mtype="chat")
        await romeo.settle()
        await juliet.start(presence=False, roster=False, event="session_resumed")
        for number in range(5):
            romeo.send_message(juliet.boundjid.bare, f"after {number}", mtype="chat")
        await juliet.message("after 4")
        juliet.send_message(romeo.boundjid.bare, "all of it is here", mtype="chat")
        await romeo.message("all of it is here")
        bodies = [m["body"] for m in juliet.messages if m["body"]]
        assert bodies == [f"before {n}" for n in range(4)] + [f"meanwhile {n}" for n in range(5)] + [f"after {n}" for n in range(4)]

    play(scene)
