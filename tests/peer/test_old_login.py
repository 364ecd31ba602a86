"""The old way to log in of XEP-0078."""
import hashlib
import re
import time

import pytest

from conftest import wait_for
from logins import KINDS, still_works
from sasl import begin, outcome, plain
from xmpp import Client, connect


OLD = "<stream:stream xmlns:stream='http://etherx.jabber.org/streams' xmlns='jabber:client' to='amessage.de'>"


@pytest.fixture
def old(gateways):
    gateway = gateways(users=(), domain="amessage.de", auth__legacy="on")
    gateway.add_user("kuusipuu@amessage.de", "mypassword")
    gateway.add_user("tero@amessage.de", "mypassword")
    return gateway


def old_login(client, user="kuusipuu", password="mypassword", resource="work", id="auth_2", extra=""):
    client.send(f"<iq type='set' id='{id}' to='amessage.de'><query xmlns='jabber:iq:auth'><username>{user}</username>"
                f"<password>{password}</password><resource>{resource}</resource>{extra}</query></iq>")
    return client.until(r"<iq [^>]*?(?:/>|>.*?</iq>)").group(0)


def test_the_session_of_an_old_client_to_the_letter(old, redis):
    """Written as the client writes it; nothing follows until the answer that it waits for is there."""
    with Client(old.tcp).login("tero", "mypassword", "amessage.de", "home").present() as tero, Client(old.tcp) as client:
        client.send(OLD)
        header = client.until(r"<stream:stream [^>]*>").group(0)
        assert re.search(r" id='[^']{16,}'", header) and "from='amessage.de'" in header
        assert "version" not in header, "RFC 6120 4.7.5: no version for a stream without one"
        assert client.silent(), "no features before 1.0"
        answer = old_login(client)
        assert answer == "<iq from='amessage.de' id='auth_2' type='result'/>"
        client.send("<message to='tero@amessage.de'><subject>test 1449</subject><body>test 1449</body></message>")
        message = tero.until(r"<message.*?</message>").group(0)
        assert "<subject>test 1449</subject><body>test 1449</body>" in message and "from='kuusipuu@amessage.de/work'" in message
        client.send("<presence type='unavailable'><status>Logged out</status></presence></stream:stream>")
        assert client.until_closed() == "</stream:stream>"
        wait_for(lambda: redis.client().hlen("xmpp:{kuusipuu@amessage.de}:sessions") == 0, what="the row goes")


def test_the_same_in_one_segment(old):
    """A client in a hurry writes all of it at once."""
    with Client(old.tcp).login("tero", "mypassword", "amessage.de", "home").present() as tero, Client(old.tcp) as client:
        client.send(OLD + "<iq type='set' id='auth_2' to='amessage.de'><query xmlns='jabber:iq:auth'><username>kuusipuu</username>"
                    "<password>mypassword</password><resource>work</resource></query></iq>"
                    "<message to='tero@amessage.de'><subject>test 1449</subject><body>test 1449</body></message>"
                    "<presence type='unavailable'><status>Logged out</status></presence></stream:stream>")
        assert re.fullmatch(r"<\?xml version='1.0'\?><stream:stream [^>]*><iq from='amessage.de' id='auth_2' type='result'/></stream:stream>",
                            client.until_closed())
        tero.until("<body>test 1449</body>")


def test_fields_query(old):
    with Client(old.tcp) as client:
        client.send(OLD)
        client.send("<iq type='get' id='auth_1' to='amessage.de'><query xmlns='jabber:iq:auth'><username>kuusipuu</username></query></iq>")
        answer = client.until(r"<iq .*?</iq>").group(0)
        assert "id='auth_1'" in answer and "type='result'" in answer
        query = re.search(r"<query xmlns='jabber:iq:auth'>(.*?)</query>", answer).group(1)
        assert {"<username/>", "<password/>", "<resource/>"} == set(re.findall("<[^>]*>", query))
        # nobody learns who has an account
        client.send("<iq type='get' id='auth_1' to='amessage.de'><query xmlns='jabber:iq:auth'><username>nobody</username></query></iq>")
        assert client.until(r"<iq .*?</iq>").group(0) == answer
        assert "type='result'" in old_login(client)


@pytest.mark.parametrize("fields, code, condition, type", [
    (dict(password="wrong"), "401", "not-authorized", "auth"),
    (dict(user="nobody"), "401", "not-authorized", "auth"),
    (dict(resource=""), "406", "not-acceptable", "modify"),
    (dict(user=""), "406", "not-acceptable", "modify"),
    (dict(password=""), "406", "not-acceptable", "modify"),
])
def test_old_errors_have_codes(old, fields, code, condition, type):
    with Client(old.tcp) as client:
        client.send(OLD)
        answer = old_login(client, **fields)
        assert re.search(rf"<error [^>]*code='{code}'", answer) and re.search(rf"<error [^>]*type='{type}'", answer)
        assert f"<{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'" in answer and "id='auth_2'" in answer
        assert "mypassword" not in answer
        assert "type='result'" in old_login(client)


def test_old_digest_form_is_refused(old):
    """Only keys are stored, so that the digest of XEP-0078 cannot be checked."""
    with Client(old.tcp) as client:
        client.send(OLD)
        digest = hashlib.sha1(b"xmypassword").hexdigest()
        client.send("<iq type='set' id='auth_2' to='amessage.de'><query xmlns='jabber:iq:auth'><username>kuusipuu</username>"
                    f"<digest>{digest}</digest><resource>work</resource></query></iq>")
        assert "code='406'" in client.until(r"<iq .*?</iq>").group(0)


def test_old_login_on_a_stream_of_today(old):
    for kind in KINDS:
        with connect(old, kind) as client:
            assert "<auth xmlns='http://jabber.org/features/iq-auth'/>" in client.open("amessage.de")
            client.stanza("<iq type='set' id='auth_2' to='amessage.de'><query xmlns='jabber:iq:auth'><username>kuusipuu</username>"
                          "<password>mypassword</password><resource>work</resource></query></iq>")
            assert "type='result'" in client.until(r"<iq [^>]*>").group(0)


def test_not_after_a_failure_of_sasl(old):
    """XEP-0078 3: a client must not fall back after SASL refused it."""
    with Client(old.tcp) as client:
        client.open("amessage.de")
        begin(client, "PLAIN", plain("kuusipuu", "wrong"))
        assert outcome(client) == "not-authorized"
        client.send("<iq type='set' id='auth_2' to='amessage.de'><query xmlns='jabber:iq:auth'><username>kuusipuu</username>"
                    "<password>mypassword</password><resource>work</resource></query></iq>")
        assert "policy-violation" in client.until_closed()


def test_closed_by_default(gateway):
    with Client(gateway.tcp) as client:
        assert "iq-auth" not in client.open()
        client.send("<iq type='set' id='auth_2' to='localhost'><query xmlns='jabber:iq:auth'><username>juliet</username>"
                    "<password>secret</password><resource>work</resource></query></iq>")
        answer = client.until(r"<iq .*?</iq>").group(0)
        assert "service-unavailable" in answer and "code='503'" in answer and "secret" not in answer
        still_works(client)


def test_old_login_wants_encryption(gateways):
    gateway = gateways(users=(), domain="amessage.de", auth__legacy="on", auth__allow_plaintext="off")
    gateway.add_user("kuusipuu@amessage.de", "mypassword")
    with Client(gateway.tcp) as client:
        client.send(OLD)
        answer = old_login(client)
        assert "policy-violation" in answer and "type='error'" in answer


def test_secrets_stay_off_the_bus_and_the_log(old, redis):
    """Tables of payloads that carry secrets: by name only, on every channel."""
    ear = redis.client().pubsub()
    ear.subscribe("xmpp:stanza:iq", "xmpp:session", "xmpp:dead", "xmpp:stanza:message")
    with Client(old.tcp) as client:
        client.send(OLD)
        old_login(client)
        old_login(client, user="kuusipuu", password="another-secret")  # bound: an ordinary request to the server by now
        client.send("<message to='tero@amessage.de'><body>x</body><query xmlns='jabber:iq:auth'><password>hidden-word</password></query></message>")
        time.sleep(0.3)
    said = ""
    while item := ear.get_message(timeout=0.3):
        said += str(item["data"])
    assert "mypassword" not in said and "another-secret" not in said and "hidden-word" not in said
    assert "jabber:iq:auth" in said
    assert not re.search("mypassword|another-secret|hidden-word", old.log())
