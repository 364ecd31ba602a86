"""Resource binding (RFC 6120 7)."""
import re

import pytest

from conftest import wait_for
from logins import KINDS, bind, logged_in
from sasl import begin, outcome, plain
from xmpp import BIND, STREAMS, Client


@pytest.mark.parametrize("kind", KINDS)
def test_bind_variants(gateway, kind):
    with logged_in(gateway, kind) as client:
        answer = bind(client, id="b&lt;1")
        jid = re.search("<jid>(.*?)</jid>", answer).group(1)
        assert re.search("id=['\"]b&lt;1['\"]", answer) and "type='result'" in answer
        assert re.fullmatch(r"juliet@localhost/[a-z0-9]{10,}", jid)
        # one resource a stream
        again = bind(client, "other", "again")
        assert "not-allowed" in again and "id='again'" in again
    with logged_in(gateway, kind) as client:
        assert "<jid>juliet@localhost/the balcony</jid>" in bind(client, "the balcony")
    with logged_in(gateway, kind) as client:
        assert re.search("<jid>juliet@localhost/[a-z0-9]{10,}</jid>", bind(client, ""))


def test_bind_refused_and_tried_again(gateway):
    with logged_in(gateway) as client:
        assert "bad-request" in bind(client, "x" * 1024)
        assert "bad-request" in bind(client, "a\tb")
        client.stanza(f"<iq xmlns='jabber:client' type='get' id='g'><bind xmlns='{BIND}'/></iq>")
        assert "bad-request" in client.until("</iq>").string
        assert "/balcony</jid>" in bind(client, "balcony")


def test_stanzas_before_binding(gateway):
    for words in ("<message to='romeo@localhost'><body>x</body></message>", "<presence/>",
                  "<iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>"):
        with logged_in(gateway) as client:
            client.stanza(words)
            assert "not-authorized" in client.until_closed()


def test_conflict_replaces_the_older_session(gateway, redis):
    with Client(gateway.tcp).login("juliet", resource="balcony").present() as old:
        with Client(gateway.tcp).login("juliet", resource="balcony").present() as new:
            assert "conflict" in old.until_closed()
            with Client(gateway.tcp).login("romeo", resource="orchard") as romeo:
                romeo.stanza("<message to='juliet@localhost/balcony'><body>which?</body></message>")
                new.until("<body>which\\?</body>")
    wait_for(lambda: redis.client().hlen("xmpp:{juliet@localhost}:sessions") == 0, what="all rows go")


def test_nothing_waits_after_the_end(gateway, redis):
    """A client leaves at the moment it has got a message: that is out of the log before the row goes, so that no flag stays
    which says that something waits.  It depends on which of the two the gateway hears of first: hence often."""
    with Client(gateway.tcp).login("romeo", resource="orchard") as romeo:
        for i in range(60):
            with Client(gateway.tcp).login("juliet", resource="balcony").present() as juliet:
                romeo.stanza(f"<message to='juliet@localhost/balcony'><body>which {i}?</body></message>")
                juliet.until(f"<body>which {i}\\?</body>")
            wait_for(lambda: not redis.client().exists("xmpp:{juliet@localhost}:sessions"), what="row and flags go")


def test_too_many_sessions(gateways):
    gateway = gateways(limits__sessions_per_account="2")
    with Client(gateway.tcp).login("juliet", resource="a"), Client(gateway.tcp).login("juliet", resource="b"):
        with logged_in(gateway) as third:
            assert "resource-constraint" in bind(third, "c")
            # in the place of an own one it may
            assert "/b</jid>" in bind(third, "b")


def test_session_establishment(gateway):
    """RFC 3921 3: old clients ask for it; it costs nothing and is announced as optional."""
    with logged_in(gateway) as client:
        assert re.search(r"<session xmlns='urn:ietf:params:xml:ns:xmpp-session'>\s*<optional/>", client.features)
        bind(client, "balcony")
        for to in ("", " to='localhost'"):
            client.stanza(f"<iq type='set' id='s1'{to}><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>")
            assert "type='result'" in client.until(r"<iq [^>]*id='s1'[^>]*>").group(0)


def test_domain_of_the_second_header(gateways):
    gateway = gateways(domain="localhost,example.com")
    client = Client(gateway.tcp)
    client.open("localhost")
    begin(client, "PLAIN", plain("juliet", "secret"))
    outcome(client)
    client.send(f"<stream:stream xmlns='jabber:client' xmlns:stream='{STREAMS}' to='example.com' version='1.0'>")
    assert "not-authorized" in client.until_closed()
