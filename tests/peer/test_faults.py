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
from xmpp import connect

CHAOS_SECONDS = float(os.environ.get("STANZABUS_TEST_CHAOS_SECONDS", "12"))
GAUGES = ("connections", "sessions", "requests_pending", "redis_queue_bytes", "work_queue")


def leftovers(client):
    """Rows and mailboxes that are still there; empty when everybody has gone."""
    rows = {key: client.hgetall(key) for key in client.scan_iter("xmpp:*:sessions", count=1000) if client.type(key) == "hash"}
    for row in rows.values():
        row.pop("", None)  # the account's flags, no row
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


# -- rows --


def rows_of(redis, user):
    return redis.client().hgetall(f"xmpp:{{{user}@localhost}}:sessions")


def test_sessions_that_end_while_redis_is_away_leave_no_rows(gateways, lasting_redis):
    gateway = gateways(redis=lasting_redis, redis__wait="1")
    people = [connect(gateway, "tcp").login("juliet", resource=f"r{i}").present() for i in range(5)]
    lasting_redis.kill()
    wait_for(lambda: gateway.get("/readyz")[0] == 503, 10)
    for person in people:
        person.close()
    wait_for(lambda: gateway.metrics()["connections"] == 0)
    lasting_redis.start()
    wait_for(gateway.is_ready, 20)
    assert_nothing_left(gateway, lasting_redis)


def test_a_lost_row_is_written_again(gateway, redis):
    juliet = connect(gateway, "tcp").login("juliet", resource="balcony").present()
    romeo = connect(gateway, "tcp").login("romeo", resource="orchard").present()
    redis.client().delete("xmpp:{juliet@localhost}:sessions", "xmpp:{romeo@localhost}:sessions", "xmpp:{romeo@localhost}:account")
    juliet.stanza("<presence><show>away</show></presence>")
    wait_for(lambda: rows_of(redis, "juliet").get("balcony", "").startswith("a"), what="juliet's row")
    romeo.stanza("<presence><show>away</show></presence>")
    assert "not-authorized" in romeo.until_closed()  # his account has gone with it
    assert not rows_of(redis, "romeo")
    juliet.stanza("<message to='juliet@localhost' type='chat'><body>to myself</body></message>")
    juliet.until("<body>to myself</body>")


def test_a_thousand_sessions_of_one_account(gateways, redis):
    gateway = gateways(limits__sessions_per_account="3")
    stays = connect(gateway, "tcp").login("juliet", resource="stays").present()
    started = time.monotonic()
    for i in range(int(os.environ.get("STANZABUS_TEST_BINDINGS", "300"))):
        kind = "websocket" if i % 3 == 2 else "tcp"
        other = connect(gateway, kind).login("juliet", resource="comes" if i % 2 else None)
        if i % 4 == 0:
            other.send("<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>" if kind == "websocket" else "</stream:stream>")
            other.until_closed()
        other.close()
        if i % 100 == 0:
            stays.stanza(f"<message to='juliet@localhost' type='chat'><body>still {i}</body></message>")
            stays.until(f"<body>still {i}</body>")
    print("bindings took", time.monotonic() - started)
    wait_for(lambda: list(rows_of(redis, "juliet")) == ["stays"])
    assert redis.client().pubsub_numsub("xmpp:to:{juliet@localhost}") == [("xmpp:to:{juliet@localhost}", 1)]
    assert gateway.metrics()["undeliverable_total"] == 0
    stays.close()
    assert_nothing_left(gateway, redis)


# -- nodes and leases --

SAID = "xmpp:from:{echo.localhost}"


def listeners(redis):
    return redis.client().pubsub_numsub(SAID)[0][1]


def holder(redis):
    return redis.client().get("xmpp:{echo.localhost}:lease")


def of_lease(nodes, redis):
    """The nodes, the holder of the lease first."""
    name = wait_for(lambda: holder(redis), 10)
    return sorted(nodes, key=lambda node: name not in node.log())


class Speaker(threading.Thread):
    """A service that says something again and again, and once more when nobody listened."""

    def __init__(self, redis, to):
        super().__init__(daemon=True)
        self.redis, self.to, self.said, self.is_over = redis, to, [], False
        self.start()

    def run(self):
        number = 0
        while not self.is_over:
            number += 1
            event = json.dumps({"data": {"kind": "message", "type": "chat", "to": self.to, "body": f"said {number}"}})
            try:
                receivers = self.redis.client().publish(SAID, event)
            except redis_py.exceptions.RedisError:
                receivers = 0
            if receivers:
                self.said.append((time.monotonic(), number, receivers))
            time.sleep(0.05)

    def stop(self):
        self.is_over = True
        self.join(30)


def heard_by(client):
    """Everything that has come, until half a second of silence."""
    client.sock.settimeout(0.5)
    try:
        while True:
            client.fill()
    except TimeoutError:
        return [int(number) for number in re.findall(r"<body>said (\d+)</body>", client.seen)]


@pytest.fixture
def two_nodes(gateways):
    nodes = [gateways(node__name="east"), gateways(node__name="west")]
    yield nodes
    for node in nodes:
        if node.process and node.process.poll() is None:
            node.process.send_signal(18)


def test_a_frozen_holder_of_a_lease(two_nodes, redis):
    """SIGSTOP for ten seconds: another node takes over, and what was said meanwhile is not handled twice after it wakes."""
    first, second = of_lease(two_nodes, redis)
    juliet = connect(second, "tcp").login("juliet", resource="balcony").present()
    name = holder(redis)
    speaker = Speaker(redis, juliet.jid)
    time.sleep(0.5)
    first.process.send_signal(19)
    frozen = time.monotonic()
    wait_for(lambda: holder(redis) not in (None, name), 10, "another holder")
    assert time.monotonic() - frozen < 8.5
    time.sleep(2)
    first.process.send_signal(18)
    wait_for(lambda: listeners(redis) == 1, 3, "one listener")
    speaker.stop()
    heard = heard_by(juliet)
    assert len(heard) == len(set(heard)), [n for n in heard if heard.count(n) > 1]
    by_both = {number for _, number, receivers in speaker.said if receivers == 2}
    assert by_both and by_both <= set(heard)
    assert holder(redis) != name


def test_a_killed_holder_of_a_lease(two_nodes, redis):
    first, second = of_lease(two_nodes, redis)
    juliet = connect(second, "tcp").login("juliet", resource="balcony").present()
    first.process.kill()
    first.process.wait()
    wait_for(lambda: listeners(redis) == 1, 9, "the other listens")
    assert redis.client().publish(SAID, json.dumps({"data": {"kind": "message", "to": juliet.jid, "body": "taken over"}})) == 1
    juliet.until("<body>taken over</body>")


def test_redis_comes_back_empty_to_two_nodes(two_nodes, redis):
    """One node listens to the service, and everybody is reached again."""
    east, west = two_nodes
    juliet = connect(east, "tcp").login("juliet", resource="balcony").present()
    romeo = connect(west, "websocket").login("romeo", resource="orchard").present()
    time.sleep(0.2)  # else their presence is asked again of a Redis that knows no accounts any more
    redis.kill()
    time.sleep(1)
    redis.start()
    wait_for(lambda: rows_of(redis, "juliet") and rows_of(redis, "romeo"), 10, "rows again", 0.01)
    wait_for(lambda: listeners(redis) == 1, 3, "one listener")
    time.sleep(2)
    assert listeners(redis) == 1
    juliet.stanza("<message to='romeo@localhost' type='chat'><body>found you</body></message>")
    romeo.until("<body>found you</body>")


def test_redis_stands_still_for_long(two_nodes, redis):
    """Every node looks dead then; none is swept, and nobody loses a session."""
    east, west = two_nodes
    juliet = connect(east, "tcp").login("juliet", resource="balcony").present()
    romeo = connect(west, "tcp").login("romeo", resource="orchard").present()
    redis.freeze()
    time.sleep(17)  # more than the life of a beat
    redis.thaw()
    wait_for(lambda: east.is_ready() and west.is_ready(), 20)
    time.sleep(6)  # a beat of each
    assert rows_of(redis, "juliet") and rows_of(redis, "romeo")
    assert "swept" not in east.log() + west.log() and "node-dead" not in east.log() + west.log()
    romeo.stanza("<message to='juliet@localhost' type='chat'><body>sweet sorrow</body></message>")
    juliet.until("<body>sweet sorrow</body>")
    wait_for(lambda: listeners(redis) == 1, 5)


def test_a_node_stands_still_for_long(two_nodes, redis):
    """Its rows are swept.  When it wakes it writes those again that nobody took, and ends the session that somebody did."""
    east, west = two_nodes
    time.sleep(14)  # who sweeps must have beaten for a whole life
    juliet = connect(east, "tcp").login("juliet", resource="balcony").present()
    romeo = connect(east, "tcp").login("romeo", resource="orchard").present()
    east.process.send_signal(19)
    wait_for(lambda: not rows_of(redis, "juliet") and not rows_of(redis, "romeo"), 45, "the rows are swept", 0.2)
    again = connect(west, "tcp").login("romeo", resource="orchard").present()
    east.process.send_signal(18)
    assert "conflict" in romeo.until_closed(15)
    wait_for(lambda: rows_of(redis, "juliet"), 10, "juliet's row")
    assert "west" in rows_of(redis, "romeo")["orchard"]
    again.stanza("<message to='juliet@localhost' type='chat'><body>awake</body></message>")
    juliet.until("<body>awake</body>")


# -- a Redis that answers with errors --


def deny_writes(client):
    client.config_set("maxmemory", "1mb")


def allow_writes(client):
    client.config_set("maxmemory", "0")


def make_replica(client):
    client.execute_command("REPLICAOF", "127.0.0.1", "1")


def make_master(client):
    client.execute_command("REPLICAOF", "NO", "ONE")


def take_scripts(client):
    client.execute_command("ACL", "SETUSER", "default", "-evalsha")


def give_scripts(client):
    client.execute_command("ACL", "SETUSER", "default", "+@all")


def take_channels(client):
    client.execute_command("ACL", "SETUSER", "default", "resetchannels")
    client.client_kill_filter(_type="pubsub")


def give_channels(client):
    client.execute_command("ACL", "SETUSER", "default", "allchannels")


def fill_places(client):
    client.config_set("maxclients", "1")
    client.client_kill_filter(_type="pubsub", skipme=True)
    client.client_kill_filter(_type="normal", skipme=True)


def empty_places(client):
    client.config_set("maxclients", "1000")


@pytest.mark.parametrize("breaks, mends, word", [
    (deny_writes, allow_writes, "OOM"),
    (make_replica, make_master, "set redis.url to the master"),
    (take_scripts, give_scripts, "NOPERM"),
    (take_channels, give_channels, "deploy/redis.acl"),
    (fill_places, empty_places, "raise maxclients"),
], ids=["out-of-memory", "replica", "no-scripts", "no-channels", "no-places"])
def test_a_redis_that_refuses(gateways, redis, breaks, mends, word):
    """The log says what to do, not too often; a login fails for now and not for ever; all is well when Redis is."""
    gateway = gateways(redis__wait="1")
    client = redis.client()
    client.ping()
    juliet = connect(gateway, "tcp").login("juliet", resource="balcony").present()
    before = len(gateway.log().splitlines())
    breaks(client)
    time.sleep(0.5)
    juliet.stanza("<presence><show>away</show></presence>")
    wait_for(lambda: word in gateway.log(), 15, word)
    romeo = connect(gateway, "tcp")
    with pytest.raises(TimeoutError):
        romeo.timeout = 2
        romeo.login("romeo")
    assert "not-authorized" not in romeo.seen
    juliet.stanza("<iq type='get' id='p' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>")
    juliet.until("id='p'")
    time.sleep(1)
    assert len(gateway.log().splitlines()) - before < 40
    mends(client)

    def reaches_herself():
        juliet.seen = ""
        juliet.stanza("<message to='juliet@localhost' type='chat'><body>here</body></message>")
        try:
            return juliet.until("<body>here</body>", 1)
        except TimeoutError:
            return None

    wait_for(reaches_herself, 20)
    connect(gateway, "tcp").login("romeo").close()
    # presence that could not be written is written after all
    wait_for(lambda: rows_of(redis, "juliet")["balcony"].startswith("a"), 12)
    juliet.close()
    romeo.close()
    assert_nothing_left(gateway, redis)


# -- Redis away, to the letter --


def test_every_stanza_has_its_end(gateways, redis):
    """Commands queue, then reading stops for a while, then what needs Redis is answered; nothing is without an answer."""
    gateway = gateways(redis__wait="2", limits__redis_queue="300000", services__timeout="3")
    mailbox = redis.client().pubsub(ignore_subscribe_messages=True)
    mailbox.subscribe("xmpp:to:{echo.localhost}")
    juliet = connect(gateway, "tcp").login("juliet", resource="balcony").present()
    juliet.stanza("<iq to='echo.localhost' type='get' id='waits'><ping xmlns='urn:xmpp:ping'/></iq>")
    wait_for(lambda: gateway.metrics()["requests_pending"] == 1)
    redis.freeze()
    frozen = time.monotonic()
    juliet.sock.settimeout(0.05)
    sent, text, stops, was_stopped = 0, b"", 0, None
    while time.monotonic() - frozen < 9:
        if not text and sent < 3000:
            body = "x" * 1000
            text, sent = f"<message to='echo.localhost' id='n{sent}.' type='chat'><body>{body}</body></message>".encode(), sent + 1
        try:
            text = text[juliet.sock.send(text):] if text else text
            was_stopped = None
        except TimeoutError:
            was_stopped = was_stopped or time.monotonic()
            stops = max(stops, time.monotonic() - was_stopped)
        juliet.sock.settimeout(0.001)
        try:
            juliet.fill()
        except TimeoutError:
            pass
        juliet.sock.settimeout(0.05)
    assert sent == 3000 and stops < 6
    assert gateway.metrics()["redis_queue_bytes"] < 2 * 300000 + 262144
    redis.thaw()
    wait_for(gateway.is_ready, 20)
    delivered, deadline = set(), time.monotonic() + 20
    failed = set()
    while time.monotonic() < deadline and len(delivered | failed) < sent:
        item = mailbox.get_message(timeout=0.05)
        if item:
            delivered.add(json.loads(item["data"])["data"]["id"])
        juliet.sock.settimeout(0.001)
        try:
            juliet.fill()
        except TimeoutError:
            failed = set(re.findall(r"<message[^>]*id='(n\d+\.)'[^>]*type='error'", juliet.seen))
    assert {f"n{i}." for i in range(sent)} <= delivered | failed, sorted({f"n{i}." for i in range(sent)} - delivered - failed)[:5]
    assert re.search(r"<iq[^>]*id='waits'[^>]*>.*?remote-server-timeout", juliet.seen)
    juliet.close()
    assert_nothing_left(gateway, redis)
