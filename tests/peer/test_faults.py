"""What is left after faults: rows, subscriptions and gauges go back to nothing, leases have one holder, live nodes keep
their sessions."""
import asyncio
import json
import os
import random
import re
import subprocess
import threading
import time

import pytest
import redis as redis_py

from chaos import Crowd
from conftest import Redis, free_port, wait_for
from xmpp import Closed, connect

CHAOS_SECONDS = float(os.environ.get("STANZABUS_TEST_CHAOS_SECONDS", "20"))
GAUGES = ("connections", "sessions", "requests_pending", "redis_queue_bytes", "work_queue")


def leftovers(client):
    """Rows and mailboxes that are still there; empty when everybody has gone."""
    rows = {key: client.hgetall(key) for key in client.scan_iter("xmpp:*:sessions", count=1000) if client.type(key) == "hash"}
    index = {key: client.smembers(key) for key in client.scan_iter("xmpp:node:*:sessions", count=1000) if client.type(key) == "set"}
    mailboxes = [name for name in client.pubsub_channels("xmpp:to:*") if "@" in name]
    return {key: value for key, value in {**rows, **index}.items() if value}, mailboxes


def assert_nothing_left(gateway, redis, seconds=15):
    client = redis.client()
    try:
        wait_for(lambda: leftovers(client) == ({}, []), seconds, "no rows, no mailboxes")
    except AssertionError:
        raise AssertionError(f"left behind: {leftovers(client)}") from None

    def are_zero():
        return all(gateway.metrics().get(name) == 0 for name in GAUGES)

    try:
        wait_for(are_zero, seconds, "gauges at zero")
    except AssertionError:
        raise AssertionError(f"gauges: {[(name, gateway.metrics().get(name)) for name in GAUGES]}") from None


class Echo(threading.Thread):
    """A service that answers everything, and outlives its Redis."""

    def __init__(self, redis, domain="echo.localhost"):
        super().__init__(daemon=True)
        self.redis, self.domain, self.is_over, self.answered = redis, domain, False, 0
        self.start()

    def run(self):
        while not self.is_over:
            try:
                self.serve(self.redis.client())
            except (redis_py.exceptions.RedisError, OSError):
                time.sleep(0.1)

    def serve(self, client):
        bus = client.pubsub(ignore_subscribe_messages=True)
        bus.subscribe(f"xmpp:to:{{{self.domain}}}")
        while not self.is_over:
            item = bus.get_message(timeout=0.2)
            if not item:
                continue
            event = json.loads(item["data"])
            data = event["data"]
            if data.get("kind") == "iq" and data.get("type") in ("get", "set"):
                answer = {"kind": "iq", "type": "result", "id": data["id"], "to": data["from"]}
            elif data.get("kind") == "message" and data.get("type") != "error":
                answer = {"kind": "message", "to": data["from"], "type": data.get("type", "normal"), "body": data.get("body", "")}
            else:
                continue
            client.publish(event.get("replyto") or f"xmpp:from:{{{self.domain}}}", json.dumps({"data": answer}))
            self.answered += 1

    def stop(self):
        self.is_over = True
        self.join(5)


@pytest.fixture
def lasting_redis(folder):
    """Keeps what it was told, over a kill -9."""
    server = Redis(folder, "--appendonly", "yes", "--appendfsync", "always")
    yield server
    server.stop()


async def break_redis(redis, gap=(2.0, 6.0)):
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(random.uniform(*gap))
        if random.random() < 0.5:
            redis.kill()
            await asyncio.sleep(random.choice([0.0, 0.5, 2.5]))
            await loop.run_in_executor(None, redis.start)
        else:
            redis.freeze()
            await asyncio.sleep(random.choice([0.5, 2.0, 4.5]))
            redis.thaw()


async def hang_up(gateway):
    while True:
        await asyncio.sleep(0.2)
        gateway.process.send_signal(1)


@pytest.fixture
def certificate(folder):
    path = folder / "localhost.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", str(path) + ".key",
                    "-out", str(path)], check=True, capture_output=True)
    path.write_text(path.read_text() + path.with_suffix(".pem.key").read_text())
    return path


def test_chaos(gateways, lasting_redis, certificate):
    """A crowd that breaks off at every point, while Redis dies, freezes and comes back, and certificates are read again and
    again: nothing crashes, and nothing is left when all have gone."""
    users = [f"u{i}" for i in range(12)]
    tls = free_port()
    gateway = gateways(redis=lasting_redis, users=users, tls__certificate=str(certificate), listen__tls=f"127.0.0.1:{tls}",
                       services__domains="echo.localhost,deaf.localhost", services__timeout="2", redis__wait="1",
                       limits__login_failures="1000")
    echo = Echo(lasting_redis)
    crowd = Crowd(gateway, users, tls)
    asyncio.run(crowd.run(int(os.environ.get("STANZABUS_TEST_CHAOS_PEOPLE", "60")), CHAOS_SECONDS, break_redis(lasting_redis),
                          hang_up(gateway)))
    lasting_redis.thaw()
    if lasting_redis.process.poll() is not None:
        lasting_redis.start()
    assert gateway.process.poll() is None, gateway.log()[-6000:]
    wait_for(gateway.is_ready, 30, "ready again")
    assert crowd.bound > 10
    assert_nothing_left(gateway, lasting_redis, 30)
    # and it still works
    with connect(gateway, "tcp").login(users[0]) as client:
        client.stanza("<message to='echo.localhost' type='chat'><body>still there?</body></message>")
        client.until("<body>still there", 10)
    echo.stop()
