"""Accounts made in band (XEP-0077)."""
import re

import pytest

from logins import KINDS, still_works
from sasl import begin, outcome, plain
from xmpp import Client, connect


def register(client, user, password, id="r"):
    client.stanza(f"<iq xmlns='jabber:client' type='set' id='{id}'><query xmlns='jabber:iq:register'><username>{user}</username>"
                  f"<password>{password}</password></query></iq>")
    answer = client.until(rf"<iq [^>]*id='{id}'[^>]*?(?:/>|>.*?</iq>)").group(0)
    return "result" if "type='result'" in answer else re.search(r"<error[^>]*><([a-z-]+)", answer).group(1)


def test_registration_is_off_by_default(gateway):
    with Client(gateway.tcp) as client:
        assert "iq-register" not in client.open()
        assert register(client, "nurse", "secret") == "service-unavailable"
        still_works(client)


@pytest.mark.parametrize("kind", KINDS)
def test_registration(gateways, redis, kind):
    """So many tries of an address in a day, on whatever connection; passwords as anywhere (RFC 8265)."""
    gateway = gateways(auth__registration="on", limits__registrations="3")
    with connect(gateway, kind) as client:
        assert "iq-register" in client.open()
        assert register(client, "Nurse", "pa\u0308ssword") == "result"
        assert register(client, "nurse", "mine") == "conflict"
        assert register(client, "peter", "\u200b") == "not-acceptable"
    with connect(gateway, kind) as client:
        client.open()
        assert register(client, "peter", "secret") == "resource-constraint"
        begin(client, "PLAIN", plain("nurse", "pässword"))
        assert outcome(client) == "success"
    assert gateway.metrics()["registrations_total"] == 1
    assert 0 < redis.client().ttl("xmpp:count:registrations:127.0.0.1") <= 86400
    assert "pässword" not in gateway.log()


def test_no_registration_in_the_open(gateways):
    gateway = gateways(auth__registration="on", auth__allow_plaintext="off")
    with Client(gateway.tcp) as client:
        assert "iq-register" not in client.open()
        assert register(client, "nurse", "secret") == "service-unavailable"
