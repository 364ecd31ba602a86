"""Two workers on the same ports, and two nodes on the same Redis: people on different ones reach each other; one that dies
costs its people a reconnect, nothing else."""
import json
import os
import signal
import subprocess
import time

from conftest import wait_for
from xmpp import Client, connect


def node_of(redis, jid):
    """The node that the session's row names."""
    bare, resource = jid.split("/", 1)
    row = redis.client().hget(f"xmpp:{{{bare}}}:sessions", resource)
    assert row, f"no row for {jid}"
    return row.split("\n")[1].split("/")[0]


def people_on_different_workers(gateway, redis):
    """Logs romeo in until he sits on another worker than juliet."""
    juliet = Client(gateway.tcp).login("juliet", resource="balcony").present()
    others = []
    for i in range(40):
        romeo = Client(gateway.tcp).login("romeo", resource=f"r{i}").present()
        if node_of(redis, juliet.jid) != node_of(redis, romeo.jid):
            return juliet, romeo
        others.append(romeo)
    raise AssertionError("forty connections all came to one worker")


def test_people_on_two_workers(gateways, redis):
    gateway = gateways(workers="2")
    juliet, romeo = people_on_different_workers(gateway, redis)
    for i in range(200):
        juliet.stanza(f"<message to='{romeo.jid}' id='a{i}' type='chat'><body>to {i}</body></message>")
        romeo.stanza(f"<message to='{juliet.jid}' id='b{i}' type='chat'><body>fro {i}</body></message>")
    for i in range(200):
        romeo.until(rf"<body>to {i}</body>")
        juliet.until(rf"<body>fro {i}</body>")


def test_service_and_request_across_workers(gateways, redis):
    gateway = gateways(workers="2")
    juliet, romeo = people_on_different_workers(gateway, redis)
    bus = redis.client().pubsub()
    bus.subscribe("xmpp:to:{echo.localhost}")
    bus.get_message(timeout=5)
    for person in (juliet, romeo):
        person.stanza("<iq to='echo.localhost' type='get' id='q1'><order xmlns='urn:example:order'/></iq>")
        item = wait_for(lambda: bus.get_message(timeout=1), 5)
        event = json.loads(item["data"])
        answer = {"data": {"kind": "iq", "type": "result", "id": "q1", "to": event["data"]["from"]}}
        assert redis.client().publish(event["replyto"], json.dumps(answer)) == 1
        person.until(r"<iq[^>]*type=['\"]result['\"]")
        # unasked, on the one channel that one node listens on
        said = {"data": {"kind": "message", "to": person.jid, "body": "unasked"}}
        assert redis.client().publish("xmpp:from:{echo.localhost}", json.dumps(said)) == 1
        person.until("<body>unasked</body>")


def test_a_killed_worker_is_started_again(gateways, redis):
    gateway = gateways(workers="2")
    juliet, romeo = people_on_different_workers(gateway, redis)
    children = subprocess.run(["pgrep", "-P", str(gateway.process.pid)], capture_output=True, text=True).stdout.split()
    assert len(children) == 2
    os.kill(int(children[0]), signal.SIGKILL)
    gone = wait_for(lambda: next((p for p in (juliet, romeo) if closed(p)), None), 5, "one of the two loses its connection")
    left = romeo if gone is juliet else juliet
    wait_for(lambda: gateway.metrics().get("worker_restarts_total", 0) >= 1, 10)
    wait_for(gateway.is_ready, 20)
    again = Client(gateway.tcp).login(gone.jid.split("@")[0], resource="again").present()
    left.stanza(f"<message to='{again.jid}' id='x' type='chat'><body>welcome back</body></message>")
    again.until("<body>welcome back</body>")
    # the dead worker's row goes, so that nobody is routed to it
    user = gone.jid.split("/")[0]
    wait_for(lambda: not redis.client().hexists(f"xmpp:{{{user}}}:sessions", gone.jid.split("/")[1]), 45, "the dead row goes", 0.5)


def closed(client):
    client.sock.settimeout(0.05)
    try:
        client.fill()
        return False
    except TimeoutError:
        return False
    except Exception:
        return True


def test_sigterm_ends_all_within_two_seconds_and_says_why(gateways, redis):
    gateway = gateways(workers="2")
    people = [connect(gateway, kind).login("juliet", resource=f"{kind}{i}") for i in range(4) for kind in ("tcp", "websocket")]
    started = time.monotonic()
    gateway.process.send_signal(signal.SIGTERM)
    for person in people:
        assert "system-shutdown" in person.until_closed(5)
    gateway.process.wait(5)
    assert time.monotonic() - started < 2.5
    assert redis.client().hlen("xmpp:{juliet@localhost}:sessions") == 0


def test_two_nodes(gateways, redis):
    one, two = gateways(), gateways()
    juliet = Client(one.tcp).login("juliet", resource="balcony").present()
    romeo = Client(two.tcp).login("romeo", resource="orchard").present()
    juliet.stanza("<message to='romeo@localhost' type='chat'><body>across</body></message>")
    romeo.until("<body>across</body>")
    # the same resource on the other node: the old one ends with a conflict
    again = Client(two.tcp).login("juliet", resource="balcony").present()
    assert "conflict" in juliet.until_closed(5)
    romeo.stanza(f"<message to='{again.jid}' type='chat'><body>moved</body></message>")
    again.until("<body>moved</body>")
    # the holder of the lease goes: the other listens
    one.stop()
    wait_for(lambda: redis.client().publish("xmpp:from:{echo.localhost}", '{"data":{"kind":"message","to":"%s","body":"x"}}' % again.jid) == 1, 10)
    again.until("<body>x</body>")
