"""A day with Profanity: two people at their terminals add each other, talk, keep bookmarks, block, and leave."""
import re

import pytest

from certificates import Identity
from conftest import wait_for
from profanity import Profanity


@pytest.fixture
def couple(gateways, folder):
    gateway = gateways(workers="2", services__domains="", **Identity("localhost", ["localhost"]).write(folder, "localhost"))
    people = []
    for name in ("juliet", "romeo"):
        people.append(Profanity(folder))
        people[-1].log_in(f"{name}@localhost", gateway.tcp)
    yield people
    for person in people:
        person.quit()


def test_a_day(couple):
    juliet, romeo = couple
    juliet.type("/roster add romeo@localhost Romeo")
    juliet.wait("Roster item added: romeo@localhost (Romeo)")
    juliet.type("/sub request romeo@localhost")
    romeo.wait("Received authorization request from juliet@localhost")
    romeo.type("/sub allow juliet@localhost")
    juliet.wait("Subscription received from romeo@localhost")
    romeo.type("/sub request juliet@localhost")
    juliet.wait("Received authorization request from romeo@localhost")
    juliet.type("/sub allow romeo@localhost")
    romeo.wait("Subscription received from juliet@localhost")
    romeo.type('/status set away "in the orchard"')
    juliet.wait('is away, "in the orchard"')

    juliet.type("/msg romeo@localhost Art thou not Romeo?")
    romeo.wait("juliet")
    romeo.type("/msg juliet@localhost Neither, fair saint")
    juliet.wait("Neither, fair saint")
    romeo.wait("Art thou not Romeo?")

    # what the account keeps
    juliet.type("/win 1")
    juliet.type("/bookmark add garden@conference.localhost")
    juliet.type("/bookmark list")
    juliet.wait("garden@conference.localhost", times=2)
    juliet.type("/blocked add tybalt@localhost")
    juliet.wait("tybalt@localhost")
    wait_for(lambda: re.search(r"RECV: <iq[^>]*type=['\"]set['\"].*<block ", juliet.log()), what="the push (XEP-0191 3.3) that its list is made of")
    juliet.type("/blocked")
    juliet.wait("tybalt@localhost", times=2)
    juliet.type("/lastactivity get romeo@localhost")
    juliet.type("/ping")
    juliet.wait("Ping response from server")
    juliet.type("/roster remove romeo@localhost")
    juliet.wait("Roster item removed: romeo@localhost")
    romeo.quit()
    refused = [re.search("error: (.*)", line).group(1) for line in juliet.log().splitlines() if "IQ error received" in line]
    assert refused in ([], ["item-not-found"]), refused  # there were no bookmarks yet
