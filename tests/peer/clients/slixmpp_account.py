#!/usr/bin/env python3
"""Two people with slixmpp, each at a node of their own: vCards, private XML, blocking, last activity, as its plugins do them.
usage: PORT OTHER_PORT"""
import asyncio
import sys

import slixmpp
from slixmpp.exceptions import IqError
from slixmpp.plugins.xep_0048 import Bookmarks

ports = [int(word) for word in sys.argv[1:3]]


class Person(slixmpp.ClientXMPP):
    def __init__(self, name):
        super().__init__(f"{name}@localhost/slixmpp", "secret")
        for plugin in ("xep_0012", "xep_0030", "xep_0048", "xep_0049", "xep_0054", "xep_0191"):
            self.register_plugin(plugin)
        self["feature_mechanisms"].unencrypted_scram = True
        self.use_ipv6 = False
        self.auto_subscribe = self.auto_authorize = True
        self.messages, self.pushes, self.gone, self.came = (asyncio.Queue() for _ in range(4))
        self.add_event_handler("message", self.messages.put_nowait)
        self.add_event_handler("message_error", self.messages.put_nowait)
        self.add_event_handler("blocked", self.pushes.put_nowait)
        self.add_event_handler("unblocked", self.pushes.put_nowait)
        self.add_event_handler("got_offline", self.gone.put_nowait)
        self.add_event_handler("got_online", self.came.put_nowait)

    async def start(self, port):
        self.connect(("127.0.0.1", port), disable_starttls=True)
        await self.wait_until("session_start", timeout=20)
        await self.get_roster()
        self.send_presence()


async def soon(queue, fits=lambda item: True):
    while True:
        item = await asyncio.wait_for(queue.get(), 10)
        if fits(item):
            return item


async def refused(coroutine):
    try:
        await coroutine
    except IqError as error:
        return error.condition
    raise AssertionError("not refused")


async def vcards(juliet, romeo):
    assert await refused(juliet["xep_0054"].get_vcard("juliet@localhost", cached=False)) == "item-not-found"
    card = juliet["xep_0054"].make_vcard()
    card["FN"], card["NICKNAME"] = "Juliet Capulet", "J"
    await juliet["xep_0054"].publish_vcard(card)
    seen = await romeo["xep_0054"].get_vcard("juliet@localhost", cached=False)
    assert seen["vcard_temp"]["FN"] == "Juliet Capulet", seen
    assert await refused(juliet["xep_0054"].get_vcard("romeo@localhost", cached=False)) == "service-unavailable"


async def private(juliet):
    kept = Bookmarks()
    kept.add_conference("tomb@rooms.localhost", "j", autojoin=True, name="Tomb")
    await juliet["xep_0048"].set_bookmarks(kept, method="xep_0049")
    found = await juliet["xep_0048"].get_bookmarks(method="xep_0049")
    assert found["private"]["bookmarks"]["conferences"][0]["jid"] == "tomb@rooms.localhost", found


async def see_each_other(juliet, romeo):
    for one, other in ((juliet, romeo), (romeo, juliet)):
        one.send_presence_subscription(other.boundjid.bare)
    for one, other in ((juliet, romeo), (romeo, juliet)):
        await soon(one.came, lambda presence: presence["from"] == other.boundjid.full)


async def blocking(juliet, romeo):
    assert len((await juliet["xep_0191"].get_blocked())["blocklist"]["items"]) == 0
    await juliet["xep_0191"].block("romeo@localhost")
    await soon(juliet.pushes)
    await soon(romeo.gone, lambda presence: presence["from"] == juliet.boundjid.full)
    romeo.send_message(juliet.boundjid.full, "But soft", mtype="chat")
    assert (await soon(romeo.messages))["error"]["condition"] == "service-unavailable"
    juliet.send_message(romeo.boundjid.full, "O Romeo", mtype="chat")
    assert (await soon(juliet.messages))["error"]["condition"] == "not-acceptable"
    assert await refused(romeo["xep_0012"].get_last_activity("juliet@localhost")) == "service-unavailable"
    assert (await juliet["xep_0191"].get_blocked())["blocklist"]["items"] == {"romeo@localhost"}
    await juliet["xep_0191"].unblock("romeo@localhost")
    await soon(juliet.pushes)
    await soon(romeo.came, lambda presence: presence["from"] == juliet.boundjid.full)
    romeo.send_message(juliet.boundjid.full, "What light", mtype="chat")
    assert (await soon(juliet.messages))["body"] == "What light"


async def last(juliet, romeo):
    assert (await juliet["xep_0012"].get_last_activity("localhost"))["last_activity"]["seconds"] >= 0
    assert (await romeo["xep_0012"].get_last_activity("juliet@localhost"))["last_activity"]["seconds"] == 0
    juliet.send_presence(ptype="unavailable", pstatus="good night")
    await soon(romeo.gone, lambda presence: presence["from"] == juliet.boundjid.full)
    await juliet.disconnect()
    for _ in range(50):
        seen = (await romeo["xep_0012"].get_last_activity("juliet@localhost"))["last_activity"]
        if seen["status"] == "good night":
            return
        await asyncio.sleep(0.1)
    raise AssertionError(seen)


async def play():
    juliet, romeo = Person("juliet"), Person("romeo")
    await asyncio.gather(juliet.start(ports[0]), romeo.start(ports[1]))
    await vcards(juliet, romeo)
    await private(juliet)
    await see_each_other(juliet, romeo)
    await blocking(juliet, romeo)
    await last(juliet, romeo)
    await romeo.disconnect()
    print("all of it")


asyncio.get_event_loop().run_until_complete(asyncio.wait_for(play(), 60))
