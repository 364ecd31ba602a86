"""Guests who come back: on another node, for as long as they are kept; and not too many of one address."""
import base64
import re

import pytest

from conftest import wait_for
from sasl import begin, encoded
from xmpp import BIND, Client

DOMAIN = "guest.localhost"


@pytest.fixture
def nodes(gateways):
    settings = dict(users=(), auth__anonymous_domain=DOMAIN, auth__anonymous_keep="2", limits__guests_per_address="5")
    return gateways(node__name="one", **settings), gateways(node__name="two", **settings)


def come(gateway, token=""):
    """(client, token); the client is bound."""
    client = Client(gateway.tcp)
    client.open(DOMAIN)
    begin(client, "ANONYMOUS", encoded(f"guest:{token}"))
    match = client.until(r"<success[^>]*>(.*?)</success>|<failure .*?</failure>")
    if match.group(1) is None:
        return client, re.search("<([a-z-]+)/>", match.group(0)).group(1)
    client.open(DOMAIN)
    client.stanza(f"<iq xmlns='jabber:client' type='set' id='bind'><bind xmlns='{BIND}'/></iq>")
    client.jid = client.until("<jid>(.*?)</jid>.*?</iq>").group(1)
    return client, base64.b64decode(match.group(1)).decode()


def name(client):
    return client.jid.split("@")[0]


def keys(redis):
    return [key for key in redis.client().keys("xmpp:{*@guest.localhost}:*")]


def test_same_guest_on_another_node(nodes, redis):
    first, token = come(nodes[0])
    assert token.startswith(name(first) + ":")
    first.close()
    wait_for(lambda: not [key for key in keys(redis) if key.endswith(":sessions")], what="the end of the session")
    second, again = come(nodes[1], token)
    assert (name(second), again) == (name(first), token)
    # who is here is kept, however long it takes
    assert wait_for(lambda: redis.client().ttl(f"xmpp:{{{name(first)}@{DOMAIN}}}:tokens") == -1)
    second.close()
    wait_for(lambda: not keys(redis), 8, "the end of all that was kept")
    third, other = come(nodes[0], token)
    assert name(third) != name(first) and other != token
    third.close()


def test_a_session_that_is_left_keeps_the_guest(nodes, redis):
    first, token = come(nodes[0])
    second, _ = come(nodes[1], token)
    first.close()
    key = f"xmpp:{{{name(second)}@{DOMAIN}}}:sessions"
    wait_for(lambda: redis.client().hlen(key) == 1, what="the end of the first session")
    assert redis.client().ttl(key.replace(":sessions", ":tokens")) == -1
    second.close()


def test_guests_of_an_address_are_bounded(nodes):
    guests = [come(nodes[i % 2]) for i in range(6)]
    assert [said for _, said in guests].count("temporary-auth-failure") == 1 and guests[5][1] == "temporary-auth-failure"
    back, token = come(nodes[0], guests[0][1])  # who was here before is no new one
    assert token == guests[0][1]
    for client, _ in guests:
        client.close()
    back.close()
