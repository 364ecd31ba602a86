#!/usr/bin/env python3
"""A service for stanzabus: it answers every message with the same words.  Needs Debian's python3-redis."""
import json
import os
import sys

import redis

address = sys.argv[1] if len(sys.argv) > 1 else "echo.localhost"
bus = redis.Redis.from_url(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"))
mailbox = bus.pubsub()
mailbox.subscribe(f"xmpp:to:{{{address}}}")

for item in mailbox.listen():
    if item["type"] != "message":
        print(f"listening at {address}", flush=True)
        continue
    said = json.loads(item["data"])["data"]
    if said["kind"] == "message" and "body" in said and said.get("type") != "error":
        answer = {"kind": "message", "type": said.get("type", "normal"), "from": said["to"], "to": said["from"], "body": said["body"]}
        bus.publish(f"xmpp:from:{{{address}}}", json.dumps({"data": answer}))
