"""Messages arrive: in order, each once, whoever is away, and whatever ends meanwhile.  Two nodes, people without XEP-0198."""
import re
import socket
import threading
import time

import pytest

from conftest import wait_for
from xmpp import Client, Closed


@pytest.fixture
def two_nodes(gateways):
    return gateways(archive__default="never"), gateways(archive__default="never", users=())


def person(gateway, user, resource, present=True):
    client = Client(gateway.tcp).login(user, resource=resource)
    return client.present() if present else client


def message(number, to="romeo@localhost", padding=""):
    return f"<message xmlns='jabber:client' to='{to}' type='chat'><body>n{number}.{padding}</body></message>"


def drain(client, last=None, seconds=30):
    """The numbers that come, until the last one, or until the connection ends."""
    numbers, deadline = [], time.monotonic() + seconds
    client.sock.settimeout(0.2)
    while time.monotonic() < deadline:
        found = list(re.finditer(r"<body>n(\d+)\.", client.seen))
        if found:
            numbers += [int(match.group(1)) for match in found]
            client.seen = client.seen[found[-1].end():]
        if last is not None and last in numbers:
            return numbers
        try:
            client.fill()
        except (socket.timeout, TimeoutError):
            pass
        except (Closed, OSError):
            found = re.findall(r"<body>n(\d+)\.", client.seen)
            return numbers + [int(number) for number in found]
    return numbers


def log_size(redis, user="romeo"):
    return redis.client().xlen(f"xmpp:{{{user}@localhost}}:log")


def no_errors(client):
    assert not re.search(r"type=['\"]error", client.seen), client.seen[-2000:]


def test_500_wait_and_others_come_meanwhile(two_nodes, redis):
    here, there = two_nodes
    juliet = person(here, "juliet", "balcony")
    for number in range(1, 501):
        juliet.send(message(number))
    wait_for(lambda: log_size(redis) == 500, what="500 that wait")
    romeo = Client(there.tcp).login("romeo", resource="orchard")

    def go_on():
        for number in range(501, 901):
            juliet.send(message(number))
            if number % 20 == 0:
                time.sleep(0.005)

    sender = threading.Thread(target=go_on)
    sender.start()
    romeo.send("<presence xmlns='jabber:client'/>")
    got = drain(romeo, 900)
    sender.join()
    assert got == list(range(1, 901))
    wait_for(lambda: log_size(redis) == 0, what="an empty log")
    assert redis.client().hget("xmpp:{romeo@localhost}:sessions", "") is None
    juliet.sock.settimeout(0.1)
    no_errors(juliet)


def test_what_a_dead_line_did_not_take_comes_at_the_next_login(two_nodes, redis):
    here, there = two_nodes
    juliet = person(here, "juliet", "balcony")
    romeo = person(there, "romeo", "orchard")
    romeo.send("<iq type='set' id='r'><query xmlns='jabber:iq:roster'><item jid='juliet@localhost'/></query></iq>")
    romeo.until("id='r'")  # no stranger: any number waits; and reads no more
    count = 3000
    for number in range(1, count + 1):
        juliet.send(message(number, padding="x" * 3000))
    wait_for(lambda: there.metrics()["bus_received_total"] > 100 and log_size(redis) > 0, what="some that do not get through")
    romeo.close()
    wait_for(lambda: "orchard" not in redis.client().hgetall("xmpp:{romeo@localhost}:sessions"), what="an ended session")
    wait_for(lambda: here.metrics()["stanzas_in_total"] >= count, 30)
    again = Client(here.tcp).login("romeo", resource="street")
    again.send("<presence xmlns='jabber:client'/>")
    got = drain(again, count)
    assert got == list(range(got[0], count + 1)), "in order, without a hole"
    assert got[0] > 1
    wait_for(lambda: log_size(redis) == 0, what="an empty log")


@pytest.mark.parametrize("resource", ["orchard", "street"])
def test_a_killed_node_loses_nothing(two_nodes, redis, resource):
    """The same resource takes its row over at once; another gets what the old one held when the dead node is swept."""
    here, there = two_nodes
    juliet = person(here, "juliet", "balcony")
    romeo = person(there, "romeo", "orchard")
    stop = threading.Event()
    sent = [0]

    def go_on():
        while not stop.is_set():
            sent[0] += 1
            juliet.send(message(sent[0]))
            time.sleep(0.002)

    sender = threading.Thread(target=go_on)
    sender.start()
    time.sleep(0.5)
    there.process.kill()
    there.process.wait()
    before = drain(romeo)
    again = Client(here.tcp).login("romeo", resource=resource)
    again.send("<presence xmlns='jabber:client'/>")
    time.sleep(0.5)
    stop.set()
    sender.join()
    after = drain(again, sent[0])
    deadline = time.monotonic() + 45
    while len(set(before + after)) < sent[0] and time.monotonic() < deadline:
        after += drain(again, seconds=1)
    assert sorted(set(before + after)) == list(range(1, sent[0] + 1))
    assert before == list(range(1, len(before) + 1))
    assert len(after) == len(set(after)), "not twice to the same client"
    if resource == "orchard":
        assert after == sorted(after)
    wait_for(lambda: log_size(redis) == 0, what="an empty log")


@pytest.mark.parametrize("way", ["resource taken", "not resumed"])
def test_a_request_to_a_killed_node_is_answered(two_nodes, way):
    """What was noted of its session's stream is nobody's any more (RFC 6120 8.3): long before a client gives up waiting."""
    here, there = two_nodes
    juliet = person(here, "juliet", "balcony")
    romeo = person(there, "romeo", "orchard")
    romeo.send("<enable xmlns='urn:xmpp:sm:3' resume='true' max='1'/>")
    romeo.until("<enabled ")
    juliet.send("<iq type='get' id='q' to='romeo@localhost/orchard'><ping xmlns='urn:xmpp:ping'/></iq>")
    romeo.until("id='q'")
    there.process.kill()
    there.process.wait()
    if way == "resource taken":
        person(here, "romeo", "orchard")
    juliet.until(r"<iq[^>]* type='error'[^>]*>.*?<service-unavailable ", timeout=45)


@pytest.mark.parametrize("link", ["pubsub", "normal"])
def test_lost_links_to_redis(two_nodes, redis, link):
    here, there = two_nodes
    juliet = person(here, "juliet", "balcony")
    romeo = person(there, "romeo", "orchard")
    client = redis.client()
    stop = threading.Event()

    def cut():
        while not stop.is_set():
            time.sleep(0.4)
            client.execute_command("CLIENT", "KILL", "TYPE", link, "SKIPME", "yes")

    cutter = threading.Thread(target=cut)
    cutter.start()
    count = 1500
    for number in range(1, count + 1):
        juliet.send(message(number))
        time.sleep(0.002)
    stop.set()
    cutter.join()
    got = drain(romeo, count)
    assert got == list(range(1, count + 1))
    juliet.send("<iq xmlns='jabber:client' type='get' id='end' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>")
    assert "type='error'" not in juliet.until(r".*id=['\"]end['\"]").group(0)
    wait_for(lambda: log_size(redis) == 0, what="an empty log")
    assert here.metrics()["log_doubles_total"] == 0
    counted = "bus_gaps_total" if link == "pubsub" else "bus_reconnects_total"
    assert there.metrics()[counted] > 2, "links were lost"
