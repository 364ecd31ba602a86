#!/usr/bin/env python3
"""A service for stanzabus that decides logins (auth.service): names and passwords come from a JSON file {"juliet@localhost": "secret"}.
In place of the file stands your own user database.  Needs Debian's python3-redis."""
import hmac
import json
import os
import sys

import redis

address, users = sys.argv[1], json.load(open(sys.argv[2]))
bus = redis.Redis.from_url(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"))
mailbox = bus.pubsub()
mailbox.subscribe(f"xmpp:to:{{{address}}}")

for item in mailbox.listen():
    event = json.loads(item["data"]) if item["type"] == "message" else {}
    said = event.get("data", {})
    for asked in said.get("extensions", []):
        if asked["xmlns"] != "urn:stanzabus:login" or "@" in said["from"]:
            continue  # only the server itself asks
        login = asked["attrs"]
        known = users.get(login.get("user"), "")
        answer = {"kind": "iq", "type": "result", "id": said["id"], "to": said["from"]}
        if not known or not hmac.compare_digest(known.encode(), login.get("password", "").encode()):
            answer.update(type="error", error={"type": "auth", "condition": "not-authorized"})
        bus.publish(event["replyto"], json.dumps({"data": answer}))
