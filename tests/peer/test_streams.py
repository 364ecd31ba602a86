"""Stream management (XEP-0198) under bad conditions: connections are cut and resumed while messages flow, workers are killed,
the whole gateway is started again.  Every message arrives once, in order."""
import os
import random
import signal
import subprocess
import time

from conftest import wait_for
from resuming import Resuming
from xmpp import Client

USERS = ("anna", "bert", "carl", "dora")


def talk(people, count, disturb, seconds=90):
    """Each sends so many messages to the next; disturb is called between them.  Until all have all of them."""
    sent = {person.user: 0 for person in people}
    following = {person.user: people[(i + 1) % len(people)] for i, person in enumerate(people)}
    deadline = time.monotonic() + seconds
    while any(len(following[p.user].from_whom(p.user)) < count for p in people) or any(p.unacked for p in people):
        assert time.monotonic() < deadline, {p.user: (len(p.bodies), len(p.unacked), p.resumed) for p in people}
        moved = False
        for person in people:
            if person.connection is None:
                person.connect()
            if sent[person.user] < count:
                to = following[person.user]
                person.send(f"<message to='{to.user}@localhost/{to.resource}' type='chat' id='{sent[person.user]}'>"
                            f"<body>{sent[person.user]}</body></message>")
                sent[person.user] += 1
                moved = True
            while person.pump():
                moved = True
            disturb(person)
        if not moved:
            people[0].pump(0.01)
    quiet = time.monotonic() + 0.5
    while time.monotonic() < quiet:
        for person in people:
            person.pump(0.01)
    for person in people:
        got = following[person.user].from_whom(person.user)
        assert got == [str(i) for i in range(count)], (person.user, got)


def make_people(gateway, users=USERS):
    return [Resuming(gateway.tcp, user, "r") for user in users]


def test_cut_at_random(gateways, redis):
    gateway = gateways(workers="2", users=USERS)
    people = make_people(gateway)
    dice = random.Random(198)

    def disturb(person):
        if person.connection is not None and dice.random() < 0.04:
            person.cut()

    talk(people, 150, disturb)
    for person in people:
        if person.connection is None:  # cut behind the last message
            person.connect().pump(0.2)
    assert sum(person.resumed for person in people) > 10
    metrics = gateway.metrics()
    assert metrics["sm_resumed_total"] == sum(person.resumed for person in people)
    assert metrics["sm_not_resumed_total"] == 0
    for person in people:
        key = f"xmpp:{{{person.user}@localhost}}:log"
        person.connection.send(f"<a xmlns='urn:xmpp:sm:3' h='{person.handled}'/>")
        wait_for(lambda: redis.client().xlen(key) == 0, 5, f"{key} is empty")


def workers_of(gateway):
    return [int(pid) for pid in subprocess.run(["pgrep", "-P", str(gateway.process.pid)], capture_output=True, text=True).stdout.split()]


def test_workers_are_killed(gateways, redis):
    gateway = gateways(workers="2", users=USERS)
    people = make_people(gateway)
    rounds = iter(range(10 ** 6))
    killed = []

    def disturb(person):
        if next(rounds) in (80, 200) and person.connection is not None:
            killed.append(workers_of(gateway)[0])
            os.kill(killed[-1], signal.SIGKILL)
            time.sleep(0.2)
            wait_for(gateway.is_ready, 20)

    talk(people, 100, disturb)
    assert len(killed) == 2 and sum(person.resumed for person in people) > 0


def hears(person, condition):
    def heard():
        person.pump(0.05)
        return condition()

    wait_for(heard, 10)


def test_started_again(gateways, redis):
    """SIGTERM: what is to be resumed stays, and what comes meanwhile is there afterwards."""
    gateway = gateways(users=USERS)
    people = make_people(gateway)
    talk(people, 10, lambda person: None)
    anna, bert = people[0], people[1]
    anna.send("<message to='bert@localhost/r' type='chat' id='x'><body>last words</body></message>")
    time.sleep(0.2)
    gateway.stop()
    assert redis.client().hexists("xmpp:{bert@localhost}:sessions", "r")
    gateway.start()
    for person in (anna, bert):
        person.connection = None
        person.connect()
    hears(bert, lambda: "last words" in bert.from_whom("anna"))
    hears(anna, lambda: not anna.unacked)
    assert bert.from_whom("anna").count("last words") == 1


def test_nobody_comes_back(gateways, redis):
    """The worker dies, and its client never resumes: the row goes after the time for that, what it held is delivered."""
    gateway = gateways(workers="2", users=("anna", "bert"), sm__resume_seconds="20")
    anna = Resuming(gateway.tcp, "anna", "r")
    anna.connection.send("<presence/>")
    hears(anna, lambda: anna.handled >= 1)
    for pid in workers_of(gateway):
        os.kill(pid, signal.SIGKILL)
    time.sleep(0.3)
    wait_for(gateway.is_ready, 20)
    bert = Client(gateway.tcp).login("bert", resource="b")
    bert.stanza("<message to='anna@localhost' type='chat' id='1'><body>are you there</body></message>")
    time.sleep(0.5)
    later = Client(gateway.tcp).login("anna", resource="later").present()
    assert redis.client().hexists("xmpp:{anna@localhost}:sessions", "r")
    later.until("<body>are you there</body>", 75)
    assert not redis.client().hexists("xmpp:{anna@localhost}:sessions", "r")
