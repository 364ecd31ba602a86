"""Clients on the way to a session, for the tests of logging in."""
import pytest

from sasl import begin, outcome, plain
from xmpp import BIND, connect


KINDS = ["tcp", "websocket"]


@pytest.fixture(params=KINDS)
def client(request, gateway):
    with connect(gateway, request.param) as made:
        made.features = made.open()
        yield made


def bind(client, resource=None, id="bind"):
    wanted = f"<resource>{resource}</resource>" if resource is not None else ""
    client.stanza(f"<iq xmlns='jabber:client' type='set' id='{id}'><bind xmlns='{BIND}'>{wanted}</bind></iq>")
    return client.until(r"<iq [^>]*?(?:/>|>.*?</iq>)").group(0)


def logged_in(gateway, kind="tcp", user="juliet", domain="localhost"):
    """A client that waits to be bound."""
    client = connect(gateway, kind)
    client.open(domain)
    begin(client, "PLAIN", plain(user, "secret"))
    assert outcome(client) == "success"
    client.features = client.open(domain)
    return client


def still_works(client):
    """After a failure the same stream may try again (RFC 6120 6.4.5)."""
    begin(client, "PLAIN", plain("juliet", "secret"))
    assert outcome(client) == "success"
