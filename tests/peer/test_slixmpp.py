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
