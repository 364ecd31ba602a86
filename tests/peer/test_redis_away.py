"""Redis goes away and comes back: killed, frozen, empty; sessions stay, nothing is silent, nothing hangs."""
import json
import time

import pytest

from conftest import wait_for
from xmpp import connect

KINDS = ["tcp", "websocket"]


def ping(client, number):
    client.stanza(f"<iq type='get' id='p{number}' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>")
    client.until(rf"<iq[^>]*id=['\"]p{number}['\"]", 3)


@pytest.mark.parametrize("kind", KINDS)
def test_killed_and_started_again(gateways, redis, kind):
    gateway = gateways(redis__wait="2")
    juliet = connect(gateway, kind).login("juliet", resource="balcony").present()
    romeo = connect(gateway, kind).login("romeo", resource="orchard").present()
    redis.kill()
    ping(juliet, 1)
    # waits for Redis at most redis.wait, then says so
    juliet.stanza("<message to='romeo@localhost' id='m1' type='chat'><body>lost?</body></message>")
    answer = juliet.until(r"<message[^>]*type=['\"]error.*?</message>", 6).group(0)
    assert "resource-constraint" in answer and "m1" in answer
    ping(juliet, 2)
    started = time.monotonic()
    juliet.stanza("<message to='echo.localhost' id='m2' type='chat'><body>lost?</body></message>")
    assert "resource-constraint" in juliet.until(r"<message[^>]*type=['\"]error.*?</message>", 6).group(0)
    assert time.monotonic() - started < 1.0
    assert gateway.get("/readyz")[0] == 503
    assert gateway.get("/healthz")[0] == 200
    redis.start()
    wait_for(gateway.is_ready, 20, "ready again")

    # rows are written again, though Redis came back empty
    def through():
        juliet.stanza("<message to='romeo@localhost' id='m3' type='chat'><body>found</body></message>")
        try:
            romeo.until("<body>found</body>", 0.5)
            return True
        except TimeoutError:
            return False

    wait_for(through, 15, "messages pass again")
    assert gateway.metrics()["bus_gaps_total"] >= 1
    juliet.close()
    romeo.close()


def test_login_while_away(gateways, redis):
    gateway = gateways(redis__wait="1")
    redis.kill()
    wait_for(lambda: gateway.get("/readyz")[0] == 503, 10)
    client = connect(gateway, "tcp")
    client.open()
    client.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGp1bGlldABzZWNyZXQ=</auth>")
    assert "temporary-auth-failure" in client.until(r"<failure.*?</failure>", 5).group(0)
    client.close()
    redis.start()


def test_short_outage_loses_nothing_that_waits(gateways, redis):
    """A message said while Redis restarts is delivered, or answered with an error: never silent."""
    gateway = gateways(redis__wait="10")
    juliet = connect(gateway, "tcp").login("juliet", resource="balcony")
    redis.kill()
    for i in range(20):
        juliet.stanza(f"<message to='echo.localhost' id='w{i}' type='chat'><body>{i}</body></message>")
    time.sleep(0.5)
    bus = redis.client().pubsub()
    redis.start()
    bus.subscribe("xmpp:to:{echo.localhost}")
    assert bus.get_message(timeout=5)["type"] == "subscribe"
    got, failed = [], []
    deadline = time.monotonic() + 15
    while len(got) + len(failed) < 20 and time.monotonic() < deadline:
        item = bus.get_message(timeout=0.1)
        if item and item["type"] == "message":
            got.append(json.loads(item["data"])["data"]["id"])
        juliet.sock.settimeout(0.01)
        try:
            juliet.fill()
        except TimeoutError:
            pass
        failed = [f"w{i}" for i in range(20) if f"id='w{i}'" in juliet.seen or f'id="w{i}"' in juliet.seen]
    assert sorted(got + failed) == sorted(f"w{i}" for i in range(20))
    assert got == sorted(got, key=lambda name: int(name[1:]))
    juliet.close()


def test_frozen_redis(gateways, redis):
    """Redis accepts and does not answer (SIGSTOP): noticed, answered, and over when it thaws."""
    gateway = gateways(redis__wait="3")
    juliet = connect(gateway, "tcp").login("juliet", resource="balcony")
    redis.freeze()
    try:
        ping(juliet, 1)
        juliet.stanza("<message to='echo.localhost' id='m1' type='chat'><body>?</body></message>")
        assert "error" in juliet.until(r"<message[^>]*id=['\"]m1['\"].*?</message>|<message[^>]*error.*?</message>", 15).group(0)
        ping(juliet, 2)
    finally:
        redis.thaw()
    wait_for(gateway.is_ready, 20)
    juliet.stanza("<message to='echo.localhost' id='m2' type='chat'><body>?</body></message>")
    assert "service-unavailable" in juliet.until(r"<message[^>]*error.*?</message>", 10).group(0)
    juliet.close()


def test_flood_while_away_is_bounded(gateways, redis):
    """A client that writes on and on while Redis is away: memory stays bounded, pings of others are answered."""
    gateway = gateways(redis__wait="2", limits__redis_queue="300000")
    juliet = connect(gateway, "tcp").login("juliet", resource="balcony")
    redis.kill()
    body = "x" * 1000
    juliet.sock.settimeout(1)
    sent = 0
    try:
        for i in range(5000):
            juliet.stanza(f"<message to='echo.localhost' id='f{i}' type='chat'><body>{body}</body></message>")
            sent += 1
    except TimeoutError:
        pass  # the gateway does not read on: that is the bound
    assert 300000 <= gateway.metrics()["redis_queue_bytes"] <= 300000 + 20000  # the stanza that filled it goes its way
    redis.start()
    juliet.close()
    wait_for(gateway.is_ready, 20)
    assert sent > 100


def test_wrong_url_says_what_to_do(gateways, redis, folder):
    gateway = gateways(start=False, users=(), redis__wait="1")
    gateway.settings["redis.url"] = "redis://127.0.0.1:1"
    done = gateway.command("serve", *gateway.sets(), timeout=20)
    assert done.returncode == 1
    assert "redis://127.0.0.1:1" in done.stderr and "redis.url" in done.stderr


def test_eviction_is_refused(gateways, redis):
    redis.client().config_set("maxmemory-policy", "allkeys-lru")
    gateway = gateways(start=False, users=(), redis__wait="1")
    done = gateway.command("serve", *gateway.sets(), timeout=20)
    assert done.returncode == 1
    assert "noeviction" in done.stderr
