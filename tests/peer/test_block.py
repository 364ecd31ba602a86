"""Accounts blocked from the command line: sessions end at once, on every node, and nobody comes in again who must not."""
import pytest

from conftest import wait_for
from sasl import begin, outcome, plain
from xmpp import BIND, Client


@pytest.fixture
def nodes(gateways):
    """Two nodes on one Redis."""
    first = gateways(node__name="one")
    return first, gateways(node__name="two", users=())


def user(gateway, *words, input=None):
    done = gateway.command("user", *words, *gateway.sets("redis.url", "domain", "auth.iterations"), input=input)
    assert done.returncode == 0, done.stderr
    return done.stdout


def log_in(gateway, name="juliet", password="secret"):
    with Client(gateway.tcp) as client:
        client.open()
        begin(client, "PLAIN", plain(name, password))
        return outcome(client)


@pytest.mark.parametrize("words, condition, said, again", [
    (("kick", "juliet@localhost"), "policy-violation", "kicked juliet@localhost, sessions told to end: 2", "success"),
    (("revoke", "juliet@localhost"), "reset", "revoked the logins of juliet@localhost, sessions told to end: 2", "success"),
    (("disable", "juliet@localhost"), "not-authorized", "disabled juliet@localhost, sessions told to end: 2", "account-disabled"),
    (("passwd", "juliet@localhost"), "reset", "changed the password of juliet@localhost", "not-authorized"),
    (("del", "juliet@localhost"), "not-authorized", "deleted juliet@localhost", "not-authorized"),
])
def test_sessions_end_on_every_node(nodes, redis, words, condition, said, again):
    with Client(nodes[0].tcp) as here, Client(nodes[1].tcp) as there, Client(nodes[1].tcp) as romeo:
        here.login()
        there.login()
        romeo.login("romeo")
        assert user(nodes[0], *words, input="other\n" if words[0] == "passwd" else None).strip() == said
        for client in (here, there):
            assert f"<{condition} " in client.until_closed()
        assert romeo.silent()
        assert log_in(nodes[1]) == again
        wait_for(lambda: not redis.client().hgetall("xmpp:{juliet@localhost}:sessions"), what="the end of the rows")
        romeo.stanza("<iq type='get' id='p' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>")
        romeo.until("<iq[^>]*id=['\"]p['\"][^>]*type=['\"]result|<iq[^>]*type=['\"]result")


def test_enabled_again(gateway):
    user(gateway, "disable", "juliet@localhost")
    assert log_in(gateway) == "account-disabled"
    assert log_in(gateway, password="wrong") == "not-authorized"  # who has not the password learns nothing
    user(gateway, "enable", "juliet@localhost")
    assert log_in(gateway) == "success"


def test_blocked_between_login_and_binding(gateway):
    """The login was right when it was made."""
    with Client(gateway.tcp) as client:
        client.open()
        begin(client, "PLAIN", plain("juliet", "secret"))
        assert outcome(client) == "success"
        client.open()
        user(gateway, "disable", "juliet@localhost")
        client.stanza(f"<iq type='set' id='b'><bind xmlns='{BIND}'/></iq>")
        assert "<not-authorized " in client.until_closed()


def test_node_that_did_not_hear_of_it(gateway, redis):
    """Its subscriptions were lost at that moment: it finds out when it writes its rows again."""
    with Client(gateway.tcp) as client:
        client.login()
        store = redis.client()
        store.hset("xmpp:{juliet@localhost}:account", mapping={"generation": "99999999999999"})
        redis.freeze()
        redis.thaw()
        store.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        assert "<not-authorized " in client.until_closed(20)


def test_streams_that_wait_to_be_resumed_end_too(nodes, redis):
    """One that lost its connection; whoever logs in again finds nothing to resume (XEP-0198)."""
    with Client(nodes[0].tcp) as client:
        client.login(resource="phone")
        client.stanza("<enable xmlns='urn:xmpp:sm:3' resume='true'/>")
        stream = client.until("<enabled [^>]*id='(.*?)'").group(1)
    rows = lambda: redis.client().hgetall("xmpp:{juliet@localhost}:sessions")
    wait_for(lambda: "detached" in nodes[0].log() or any("h" in row.split("\n")[0][:4] for row in rows().values()),
             what="the row of a stream that waits")
    assert rows()
    assert "sessions told to end: 1" in user(nodes[1], "revoke", "juliet@localhost")
    wait_for(lambda: not rows(), what="the end of the row")
    with Client(nodes[1].tcp) as client:
        client.open()
        begin(client, "PLAIN", plain("juliet", "secret"))
        assert outcome(client) == "success"
        client.open()
        client.stanza(f"<resume xmlns='urn:xmpp:sm:3' h='0' previd='{stream}'/>")
        client.until("<failed ")
