"""Personal pubsub with slixmpp, two people on two nodes: OMEMO's device lists and bundles, pictures both ways, bookmarks, last
items at login, access."""
import asyncio
import base64
import hashlib

import pytest
from slix import Slix
from slixmpp.exceptions import IqError
from slixmpp.plugins.xep_0048.stanza import Bookmarks
from slixmpp.xmlstream import ET

DEVICES, BUNDLES = "urn:xmpp:omemo:2:devices", "urn:xmpp:omemo:2:bundles"
OLD_DEVICES, OLD_BUNDLE = "eu.siacs.conversations.axolotl.devicelist", "eu.siacs.conversations.axolotl.bundles:31415"
PIXEL = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII=")


@pytest.fixture
def play(gateways):
    """Runs a scene: an async function of a way to enter, at the first or the second node."""
    nodes = [gateways(), gateways()]
    nodes[0].add_user("nurse@localhost", "secret")
    clients = []

    async def enter(jid, node, **options):
        client = Slix(nodes[node], jid, **options)
        clients.append(client)
        return await client.start()

    def run(scene):
        async def whole():
            try:
                await asyncio.wait_for(scene(enter), 60)
            finally:
                await asyncio.gather(*(client.leave() for client in clients if client.transport), return_exceptions=True)

        asyncio.run(whole())

    return run


async def couple(enter):
    juliet, romeo = await enter("juliet@localhost/balcony", 0), await enter("romeo@localhost/orchard", 1)
    for one, other in ((juliet, romeo), (romeo, juliet)):
        one.ask(other.boundjid.bare)
        await one.presence(lambda p: p["type"] == "available" and p["from"].bare == other.boundjid.bare)
    return juliet, romeo


def options(client, **fields):
    form = client["xep_0004"].make_form("submit")
    form.add_field("FORM_TYPE", "hidden", value="http://jabber.org/protocol/pubsub#publish-options")
    for name, value in fields.items():
        form.add_field(f"pubsub#{name}", value=value)
    return form


async def publish(client, node, xml, id="current", **fields):
    return await client["xep_0060"].publish(None, node, id=id, payload=ET.fromstring(xml),
                                            options=options(client, **fields) if fields else None)


async def wishes(client, *nodes):
    for node in nodes:
        client["xep_0163"].add_interest(node)
    await client["xep_0115"].update_caps()
    client.send_presence()
    await client.settle()


def is_event(node, sender):
    def wanted(message):
        items = message.xml.find(f".//{{http://jabber.org/protocol/pubsub#event}}items[@node='{node}']")
        return items is not None and message["from"].bare == sender.boundjid.bare
    return wanted


async def items(client, jid, node, **more):
    answer = await client["xep_0060"].get_items(jid, node, **more)
    return answer["pubsub"]["items"]


def test_omemo(play):
    """XEP-0384, both generations: who starts a session finds device list and bundle, also of one who is offline, and a
    change is told at once to who is there, at login to who was not."""
    async def scene(enter):
        juliet, romeo = await couple(enter)
        await wishes(romeo, DEVICES, OLD_DEVICES)
        everybody = {"access_model": "open", "max_items": "max", "persist_items": "true"}
        await publish(juliet, DEVICES, f"<devices xmlns='urn:xmpp:omemo:2'><device id='31415'/></devices>", **everybody)
        await romeo.message(is_event(DEVICES, juliet))
        await publish(juliet, BUNDLES, "<bundle xmlns='urn:xmpp:omemo:2'><spk id='1'>a2V5</spk></bundle>", id="31415", **everybody)
        await publish(juliet, OLD_DEVICES, "<list xmlns='eu.siacs.conversations.axolotl'><device id='31415'/></list>",
                      access_model="open")
        await romeo.message(is_event(OLD_DEVICES, juliet))
        await publish(juliet, OLD_BUNDLE, "<bundle xmlns='eu.siacs.conversations.axolotl'/>", access_model="open")
        await juliet.leave()

        found = await items(romeo, "juliet@localhost", BUNDLES, item_ids=["31415"])
        assert found["item"]["payload"].find("{urn:xmpp:omemo:2}spk").text == "a2V5"
        stranger = await enter("nurse@localhost/room", 0)
        assert (await items(stranger, "juliet@localhost", DEVICES))["item"]["id"] == "current"
        assert (await items(stranger, "juliet@localhost", OLD_BUNDLE))["item"]["id"] == "current"

        again = await enter("romeo@localhost/phone", 0)
        await wishes(again, DEVICES)
        late = await again.message(is_event(DEVICES, juliet))
        assert late.xml.find("{urn:xmpp:delay}delay") is not None
        again.send_presence(pshow="away")
        await again.settle()
        assert not [m for m in again.messages if is_event(DEVICES, juliet)(m)]

    play(scene)


def test_preconditions(play):
    """What a client asks of a node is had, or the publication is refused and nothing has changed (XEP-0060 7.1.5)."""
    async def scene(enter):
        juliet = await enter("juliet@localhost/balcony", 0)
        await publish(juliet, "urn:example:bag", "<bag xmlns='urn:example:bag'>potion</bag>", access_model="whitelist")
        with pytest.raises(IqError) as refused:
            await publish(juliet, "urn:example:bag", "<bag xmlns='urn:example:bag'>letter</bag>", access_model="open")
        assert refused.value.condition == "conflict"
        assert (await items(juliet, None, "urn:example:bag"))["item"]["payload"].text == "potion"
        config = await juliet["xep_0060"].get_node_config(None, "urn:example:bag")
        form = config["pubsub_owner"]["configure"]["form"]
        assert form["values"]["pubsub#access_model"] == "whitelist"
        answer = juliet["xep_0004"].make_form("submit")
        answer.add_field("FORM_TYPE", "hidden", value="http://jabber.org/protocol/pubsub#node_config")
        answer.add_field("pubsub#access_model", value="open")
        await juliet["xep_0060"].set_node_config(None, "urn:example:bag", answer)
        await publish(juliet, "urn:example:bag", "<bag xmlns='urn:example:bag'>letter</bag>", access_model="open")
        await juliet["xep_0060"].delete_node(None, "urn:example:bag")
        with pytest.raises(IqError) as gone:
            await items(juliet, None, "urn:example:bag")
        assert gone.value.condition == "item-not-found"

    play(scene)


def test_pictures(play):
    """A picture published on the nodes is in the vCard and in presence; one set in the vCard is on the nodes."""
    async def scene(enter):
        juliet, romeo = await couple(enter)
        await wishes(romeo, "urn:xmpp:avatar:metadata")
        romeo.presences.clear()
        digest = hashlib.sha1(PIXEL).hexdigest()
        await juliet["xep_0084"].publish_avatar(PIXEL)
        await juliet["xep_0084"].publish_avatar_metadata([{"id": digest, "type": "image/png", "bytes": len(PIXEL)}])
        await romeo.message(is_event("urn:xmpp:avatar:metadata", juliet))
        await romeo.presence(lambda p: p["from"] == juliet.boundjid and p["vcard_temp_update"]["photo"] == digest)
        got = await romeo["xep_0084"].retrieve_avatar(juliet.boundjid.bare, digest)
        assert got["pubsub"]["items"]["item"]["avatar_data"]["value"] == PIXEL
        card = await romeo["xep_0054"].get_vcard(juliet.boundjid.bare)
        assert card["vcard_temp"]["PHOTO"]["BINVAL"] == PIXEL

        other = PIXEL + b"more"
        card = juliet["xep_0054"].make_vcard()
        card["FN"] = "Juliet"
        card["PHOTO"]["TYPE"], card["PHOTO"]["BINVAL"] = "image/png", other
        await juliet["xep_0054"].publish_vcard(card)
        told = await romeo.message(is_event("urn:xmpp:avatar:metadata", juliet))
        digest = hashlib.sha1(other).hexdigest()
        assert told.xml.find(".//{urn:xmpp:avatar:metadata}info").get("id") == digest
        await romeo.presence(lambda p: p["from"] == juliet.boundjid and p["vcard_temp_update"]["photo"] == digest)
        got = await romeo["xep_0084"].retrieve_avatar(juliet.boundjid.bare, digest)
        assert got["pubsub"]["items"]["item"]["avatar_data"]["value"] == other

    play(scene)


def test_bookmarks(play):
    """What one client keeps in the new way, another of the same account finds in the old one, and the other way round."""
    async def scene(enter):
        new, old = await enter("juliet@localhost/new", 0), await enter("juliet@localhost/old", 1)
        await wishes(new, "urn:xmpp:bookmarks:1")
        await publish(new, "urn:xmpp:bookmarks:1", "<conference xmlns='urn:xmpp:bookmarks:1' name='Ball' autojoin='true'/>",
                      id="ball@rooms.localhost", access_model="whitelist", max_items="max")
        await new.message(is_event("urn:xmpp:bookmarks:1", new))
        kept = await old["xep_0049"].retrieve("bookmarks")
        rooms = {str(room["jid"]): room for room in kept["private"]["bookmarks"]["conferences"]}
        assert list(rooms) == ["ball@rooms.localhost"] and rooms["ball@rooms.localhost"]["name"] == "Ball"
        bookmarks = Bookmarks()
        bookmarks.add_conference("tomb@rooms.localhost", "R", name="Tomb")
        await old["xep_0049"].store(bookmarks)
        await new.message(is_event("urn:xmpp:bookmarks:1", new))
        left = await items(new, None, "urn:xmpp:bookmarks:1")
        assert [item["id"] for item in left] == ["tomb@rooms.localhost"]

    play(scene)
