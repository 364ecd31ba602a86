#!/usr/bin/env python3
"""aioxmpp, obeying a test by lines of JSON: usage: PORT USER PASSWORD"""
import asyncio
import datetime
import json
import sys

import aioxmpp
import aioxmpp.connector
import aioxmpp.structs

port, user, password = int(sys.argv[1]), *sys.argv[2:4]


def tell(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


async def main():
    jid = aioxmpp.JID.fromstr(f"{user}@localhost/aioxmpp")
    client = aioxmpp.PresenceManagedClient(
        jid, aioxmpp.make_security_layer(password, no_verify=True),
        override_peer=[("127.0.0.1", port, aioxmpp.connector.STARTTLSConnector())])
    client.backoff_start = datetime.timedelta(milliseconds=100)
    roster = client.summon(aioxmpp.RosterClient)
    client.on_stream_suspended.connect(lambda reason: (tell("cut"), None)[1])
    client.on_stream_resumed.connect(lambda: (tell("resumed"), None)[1])
    client.on_stream_established.connect(lambda: (tell("online", jid=str(client.local_jid)), None)[1])
    client.on_failure.connect(lambda error: (tell("error", text=str(error)), None)[1])
    roster.on_entry_added.connect(lambda item: (tell("push", jid=str(item.jid)), None)[1])
    dispatcher = client.summon(aioxmpp.dispatcher.SimpleMessageDispatcher)
    dispatcher.register_callback(None, None, lambda m: m.body and tell("message", **{"from": str(m.from_)}, body=m.body.any()))
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    client.presence = aioxmpp.PresenceState(available=True)
    while line := await lines.readline():
        order, value = json.loads(line), None
        if order["do"] == "send":
            message = aioxmpp.Message(type_=aioxmpp.MessageType.CHAT, to=aioxmpp.JID.fromstr(order["to"]))
            message.body[None] = order["body"]
            client.enqueue(message)
        elif order["do"] == "roster":
            value = [{"jid": str(item.jid), "name": item.name, "subscription": item.subscription} for item in roster.items.values()]
        elif order["do"] == "stop":
            client.stop()
            while client.running:
                await asyncio.sleep(0.02)
        tell("done", did=order["do"], value=value)
        if order["do"] == "stop":
            return


asyncio.run(main())
