"""Connections of one component on two nodes: they share the load (components.share), or all but one stand by.  A third node
has the senders, sixty addresses of a service."""
import collections
import json
import re
import signal
import socket
import time

import pytest

from component import Listening
from conftest import free_port, wait_for

SENDERS = [f"s{i}@senders.example" for i in range(60)]


class Nodes:
    """Two nodes where the component logs in, and one that the senders are on."""

    def __init__(self, redis, gateways, share="on", **settings):
        self.gateways, self.redis = [], redis.client()
        common = {"components__accept": "weather.example:sun", "components__share": share, "users": (), **settings}
        for name in ("first", "second"):
            port = free_port()
            gateway = gateways(node__name=name, listen__component=f"127.0.0.1:{port}", services__domains="other.example", **common)
            gateway.component = port
            self.gateways.append(gateway)
        self.first, self.second = self.gateways
        self.senders = gateways(services__domains="senders.example", **common)
        self.said = collections.defaultdict(list)
        wait_for(lambda: self.redis.pubsub_numsub("xmpp:from:{senders.example}")[0][1], what="the senders' node")

    def enter(self, gateway):
        component = Listening(gateway.component).enter("weather.example", "sun")
        component.until(r"<handshake/>")
        return component.listen()

    def holder(self):
        return (self.redis.get("xmpp:{weather.example}:lease") or "").split("-")[0]

    def enter_both(self):
        """The first node holds the queue, and knows that the second shares."""
        one = self.enter(self.first)
        wait_for(lambda: self.holder() == "first", what="the lease")
        two = self.enter(self.second)
        wait_for(lambda: re.search("node=second.*connections=1", self.first.log()), what="a share")
        return one, two

    def say(self, *senders, count=1, size=0):
        for _ in range(count):
            for sender in senders:
                body = f"{len(self.said[sender])}"
                event = {"data": {"kind": "message", "from": sender, "to": "rain@weather.example", "body": body.ljust(size, ".")}}
                assert self.redis.publish("xmpp:from:{senders.example}", json.dumps(event)) == 1
                self.said[sender].append(body)

    def all_said(self):
        return collections.Counter((sender, body) for sender, bodies in self.said.items() for body in bodies)

    def wait_for_all(self, *components, seconds=10):
        heard = lambda: collections.Counter(item for component in components for item in component.got)
        missing = lambda: self.all_said() - heard()
        try:
            wait_for(lambda: not missing(), seconds, "all that was said")
        except AssertionError:
            said = [{name: value for name, value in node.metrics().items() if value and ("peer" in name or "queue" in name or "drops" in name)}
                    for node in (self.first, self.second, self.senders) if node.process.poll() is None]
            raise AssertionError(f"missing: {sorted(missing())[:20]} of {len(self.all_said())}; {self.redis.xlen('xmpp:{weather.example}:log')} "
                                 f"wait; the nodes say {said}; read but no message: {[component.seen[-200:] for component in components]}") from None
        return heard() - self.all_said()


@pytest.fixture
def nodes(redis, gateways):
    return Nodes(redis, gateways)


def senders_of(component):
    return {sender for sender, _ in component.got}


def assert_in_order(nodes, *components):
    """What a sender said came to one of them, all of it and in order."""
    for sender in SENDERS:
        bodies = [[body for who, body in component.got if who == sender] for component in components]
        assert sorted(bodies, key=len)[-1] == nodes.said[sender] and sum(map(bool, bodies)) == 1, (sender, bodies)


def is_empty(nodes):
    return nodes.redis.xlen("xmpp:{weather.example}:log") == 0


def test_the_load_is_shared(nodes):
    one, two = nodes.enter_both()
    nodes.say(*SENDERS, count=10)
    assert not nodes.wait_for_all(one, two), "something came twice"
    assert_in_order(nodes, one, two)
    assert len(senders_of(one)) >= 15 and len(senders_of(two)) >= 15
    wait_for(lambda: is_empty(nodes), what="an empty queue")
    assert nodes.first.metrics()["peer_stanzas_lent_total"] == len(two.got)


def test_a_connection_more_and_one_less(nodes):
    """Who shares changes while messages flow: none is lost, none comes twice or in another order."""
    one, two = nodes.enter_both()
    nodes.say(*SENDERS, count=5)
    three = nodes.enter(nodes.second)
    nodes.say(*SENDERS, count=5)
    wait_for(lambda: re.search("node=second.*connections=2", nodes.first.log()), what="a share of two")
    nodes.say(*SENDERS, count=5)
    assert not nodes.wait_for_all(one, two, three)
    assert len(senders_of(three)) >= 8 and not senders_of(one) & senders_of(two)  # nobody moved but to the new one
    two.leave()
    nodes.say(*SENDERS, count=5)
    assert not nodes.wait_for_all(one, two, three)
    three.leave()
    nodes.say(*SENDERS, count=5)
    assert not nodes.wait_for_all(one, two, three)
    before = len(one.got)
    nodes.say(*SENDERS)
    nodes.wait_for_all(one, two, three)
    assert len(one.got) == before + len(SENDERS)
    wait_for(lambda: is_empty(nodes), what="an empty queue")


def test_the_holders_connection_goes(nodes):
    """The other node gets the queue with the lease: nobody hears that the component is away."""
    one, two = nodes.enter_both()
    nodes.say(*SENDERS, count=5)
    one.leave()
    nodes.say(*SENDERS, count=5)
    wait_for(lambda: nodes.holder() == "second", what="the lease at the second node")
    nodes.say(*SENDERS, count=5)
    assert not nodes.wait_for_all(one, two)
    again = nodes.enter(nodes.first)
    wait_for(lambda: re.search("node=first.*connections=1", nodes.second.log()), what="a share")
    nodes.say(*SENDERS, count=5)
    assert not nodes.wait_for_all(one, two, again)
    assert again.got


def test_the_holder_stops(nodes):
    one, two = nodes.enter_both()
    nodes.say(*SENDERS, count=5)
    nodes.first.process.terminate()
    nodes.say(*SENDERS, count=5)
    nodes.first.process.wait(10)
    nodes.say(*SENDERS, count=5)
    nodes.wait_for_all(one, two)
    assert nodes.holder() == "second"


def test_the_other_node_is_killed(nodes):
    """What it was lent and had not said to be carried goes again, to the one that is there."""
    one, two = nodes.enter_both()
    nodes.say(*SENDERS, count=5)
    nodes.second.process.kill()
    nodes.say(*SENDERS, count=5)
    nodes.wait_for_all(one, two)
    before = len(one.got)
    nodes.say(*SENDERS)
    nodes.wait_for_all(one, two)
    assert len(one.got) == before + len(SENDERS)
    wait_for(lambda: is_empty(nodes), what="an empty queue")


def test_the_other_node_hangs(nodes):
    """What it was lent goes to the one that answers, and not twice when the other wakes up."""
    one, two = nodes.enter_both()
    nodes.second.process.send_signal(signal.SIGSTOP)
    try:
        nodes.say(*SENDERS, count=5)
        nodes.wait_for_all(one)
        assert nodes.first.metrics()["peer_stanzas_again_total"] > 0
    finally:
        nodes.second.process.send_signal(signal.SIGCONT)
    wait_for(lambda: len(re.findall("node=second.*connections=1", nodes.first.log())) == 2, what="a share again")
    nodes.say(*SENDERS, count=5)
    assert not nodes.wait_for_all(one, two)
    assert two.got


def test_the_holder_is_killed(nodes):
    """Its lease ends after a quarter of a minute; what was queued meanwhile goes then."""
    one, two = nodes.enter_both()
    nodes.say(*SENDERS, count=5)
    nodes.first.process.kill()
    nodes.say(*SENDERS, count=5)
    nodes.wait_for_all(one, two, seconds=30)
    wait_for(lambda: is_empty(nodes), what="an empty queue")
    assert nodes.holder() == "second"


def stands_still(nodes):
    """What waits in the queue stays there."""
    def is_still():
        before = nodes.redis.xlen("xmpp:{weather.example}:log")
        time.sleep(0.5)
        return 20 < before == nodes.redis.xlen("xmpp:{weather.example}:log")
    wait_for(is_still, what="a queue that stands still")


@pytest.mark.parametrize("where", ["the same node", "another node"])
def test_a_component_that_is_slow(redis, gateways, where):
    """It is given no more than it takes, and all of it comes when it reads again."""
    # the senders' node has all of it at once, some 17 MB, and may have to wait for Redis: more than that would be refused
    nodes = Nodes(redis, gateways, limits__client_queue="64k", limits__stanza_bytes="64k", limits__redis_queue="64M")
    one = nodes.enter(nodes.first)
    wait_for(lambda: nodes.holder() == "first", what="the lease")
    slow = Listening((nodes.first if where == "the same node" else nodes.second).component)
    slow.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 128 * 1024)
    slow.enter("weather.example", "sun").until(r"<handshake/>")
    if where == "another node":
        wait_for(lambda: re.search("node=second.*connections=1", nodes.first.log()), what="a share")
    nodes.say(*SENDERS, count=14, size=20000)
    stands_still(nodes)
    slow.listen()
    assert not nodes.wait_for_all(one, slow, seconds=30)
    assert_in_order(nodes, one, slow)
    assert nodes.first.metrics()["client_queue_overflows_total"] == nodes.second.metrics()["client_queue_overflows_total"] == 0


def test_the_other_node_hangs_just_too_long(nodes):
    """It wakes up before the holder gives up on it, but too late to write what it was lent: that goes again at once."""
    one, two = nodes.enter_both()
    nodes.second.process.send_signal(signal.SIGSTOP)
    nodes.say(*SENDERS, count=3)
    wait_for(lambda: nodes.first.metrics()["peer_stanzas_lent_total"] >= 40, what="a loan")
    time.sleep(3.4)
    nodes.second.process.send_signal(signal.SIGCONT)
    assert not nodes.wait_for_all(one, two)
    assert re.search("share-left.*node=second.*silent", nodes.first.log())
    nodes.say(*SENDERS, count=5)
    assert not nodes.wait_for_all(one, two)


def test_a_connection_of_the_holder_goes_while_something_is_lent(nodes):
    """The queue is read from its beginning for the one that takes its place, but for what another node has."""
    one, two = nodes.enter_both()
    nodes.second.process.send_signal(signal.SIGSTOP)
    nodes.say(*SENDERS, count=3)
    wait_for(lambda: nodes.first.metrics()["peer_stanzas_lent_total"] >= 40, what="a loan")
    other = nodes.enter(nodes.first)
    one.leave()
    nodes.second.process.send_signal(signal.SIGCONT)
    assert not nodes.wait_for_all(one, two, other)


@pytest.mark.parametrize("where", ["the same node", "another node"])
def test_a_component_that_does_not_read(redis, gateways, where):
    """It is let go after limits.client_stall, and the others go on."""
    nodes = Nodes(redis, gateways, limits__client_queue="64k", limits__stanza_bytes="64k", limits__client_stall="1",
                  limits__redis_queue="64M")
    one = nodes.enter(nodes.first)
    wait_for(lambda: nodes.holder() == "first", what="the lease")
    where = nodes.first if where == "the same node" else nodes.second
    slow = Listening(where.component).enter("weather.example", "sun")
    slow.until(r"<handshake/>")
    time.sleep(1)
    nodes.say(*SENDERS, count=14, size=20000)
    wait_for(lambda: where.metrics()["client_queue_overflows_total"] == 1, what="an end")
    nodes.say(*SENDERS)
    for sender in SENDERS:
        wait_for(lambda: (sender, nodes.said[sender][-1]) in one.got, what=sender)


def test_without_sharing_others_stand_by(redis, gateways):
    nodes = Nodes(redis, gateways, share="off")
    one = nodes.enter(nodes.first)
    wait_for(lambda: nodes.holder() == "first", what="the lease")
    two = nodes.enter(nodes.second)
    time.sleep(1.2)
    nodes.say(*SENDERS, count=3)
    assert not nodes.wait_for_all(one)
    assert not two.got and nodes.first.metrics()["peer_stanzas_lent_total"] == 0
    one.leave()
    wait_for(lambda: nodes.holder() == "second", what="the lease")
    nodes.say(*SENDERS)
    nodes.wait_for_all(one, two)


def test_a_node_without_the_component_leaves_the_queue_alone(nodes):
    """The holder is dead: what is queued waits for a node that has a connection of the component."""
    nodes.enter(nodes.first)
    wait_for(lambda: nodes.holder() == "first", what="the lease")
    nodes.first.process.kill()
    nodes.first.process.wait()
    nodes.say(*SENDERS[:3])
    wait_for(lambda: nodes.redis.xlen("xmpp:{weather.example}:log") == 3, what="a queue")
    nodes.redis.delete("xmpp:{weather.example}:lease")  # as its end of life does later
    time.sleep(2.5)
    assert nodes.holder() == ""
    nodes.wait_for_all(nodes.enter(nodes.second))
