#!/usr/bin/env python3
"""The archive as slixmpp's plugins see it: pages, the whole by pages, with whom, metadata, fields, preferences.
The archive has 25 messages "1" to "25", every fifth with nurse@localhost, the others with romeo@localhost.
usage: PORT"""
import asyncio
import sys

import slixmpp
from slixmpp.exceptions import IqError

BARE = "juliet@localhost"


class Juliet(slixmpp.ClientXMPP):
    def __init__(self):
        super().__init__(f"{BARE}/slixmpp", "secret")
        for plugin in ("xep_0030", "xep_0059", "xep_0297", "xep_0313", "xep_0441"):
            self.register_plugin(plugin)
        self["feature_mechanisms"].unencrypted_scram = True
        self.use_ipv6 = False


def bodies(messages):
    return [int(message["mam_result"]["forwarded"]["stanza"]["body"]) for message in messages]


async def pages(juliet):
    answer = await juliet["xep_0313"].retrieve(rsm={"max": 10})
    first = list(answer["mam"]["results"])
    assert bodies(first) == list(range(1, 11)), bodies(first)
    fin = answer["mam_fin"]["rsm"]
    assert fin["count"] == "25" and fin["first_index"] == "0", fin
    assert fin["last"] == first[-1]["mam_result"]["id"]
    assert first[0]["mam_result"]["forwarded"]["delay"]["stamp"] is not None
    answer = await juliet["xep_0313"].retrieve(rsm={"max": 10, "after": fin["last"]})
    assert bodies(answer["mam"]["results"]) == list(range(11, 21))
    try:
        await juliet["xep_0313"].retrieve(rsm={"max": 10, "after": "no-such-id"})
    except IqError as error:
        assert error.condition == "item-not-found"
    else:
        raise AssertionError("not refused")


async def all_of_it(juliet):
    forwards = [message async for message in juliet["xep_0313"].iterate(rsm={"max": 7})]
    assert bodies(forwards) == list(range(1, 26)), bodies(forwards)
    backwards = [message async for message in juliet["xep_0313"].iterate(rsm={"max": 7}, reverse=True)]
    assert bodies(backwards) == list(range(25, 0, -1)), bodies(backwards)
    nurse = [message async for message in juliet["xep_0313"].iterate(with_jid=slixmpp.JID("nurse@localhost"), rsm={"max": 2})]
    assert bodies(nurse) == [5, 10, 15, 20, 25], bodies(nurse)
    when = forwards[2]["mam_result"]["forwarded"]["delay"]["stamp"]
    since = [message async for message in juliet["xep_0313"].iterate(start=when, with_jid=slixmpp.JID("romeo@localhost"))]
    assert bodies(since)[:2] == [3, 4] or bodies(since)[:3] == [2, 3, 4], bodies(since)
    return forwards


async def about(juliet, messages):
    metadata = (await juliet["xep_0313"].get_archive_metadata())["mam_metadata"]
    assert metadata["start"]["id"] == messages[0]["mam_result"]["id"]
    assert metadata["end"]["id"] == messages[-1]["mam_result"]["id"]
    assert metadata["end"]["timestamp"] == messages[-1]["mam_result"]["forwarded"]["delay"]["stamp"]
    fields = (await juliet["xep_0313"].get_fields())["fields"]
    assert {"with", "start", "end", "before-id", "after-id", "ids"} <= {field["var"] for field in fields}, fields
    info = await juliet["xep_0030"].get_info(jid=BARE)
    assert {"urn:xmpp:mam:2", "urn:xmpp:mam:2#extended", "urn:xmpp:sid:0"} <= set(info["disco_info"]["features"])


async def preferences(juliet):
    assert (await juliet["xep_0441"].get_preferences())[0] == "always"
    await juliet["xep_0441"].set_preferences(default="roster", always=["romeo@localhost"], never=["paris@localhost"])
    default, always, never = await juliet["xep_0441"].get_preferences()
    assert (default, set(always), set(never)) == ("roster", {"romeo@localhost"}, {"paris@localhost"}), (default, always, never)


async def play():
    juliet = Juliet()
    juliet.connect(("127.0.0.1", int(sys.argv[1])), disable_starttls=True)
    await juliet.wait_until("session_start", timeout=20)
    await pages(juliet)
    await about(juliet, await all_of_it(juliet))
    await preferences(juliet)
    await juliet.disconnect()
    print("all of it")


asyncio.get_event_loop().run_until_complete(asyncio.wait_for(play(), 60))
