"""Logging in: every failure that RFC 6120 6.5 names and that can happen here, what may be retried and how often, what tells
nobody who has an account; the old way of XEP-0078; resource binding (RFC 6120 7); what the features announce."""
import hashlib
import json
import os
import re
import statistics
import subprocess
import time

import pytest

from conftest import ROOT, wait_for
from sasl import Scram, begin, challenge, encoded, mechanisms, outcome, plain, respond, scram
from xmpp import BIND, SASL, STREAMS, Client, Closed, connect

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


# -- mechanisms --


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-1", "SCRAM-SHA-256"])
def test_scram(gateway, kind, mechanism):
    with connect(gateway, kind) as client:
        client.open()
        assert scram(client, mechanism, "juliet", "secret") == "success"
        client.open()
        assert "juliet@localhost/" in bind(client)


def test_initial_response_may_come_later(client):
    """RFC 6120 6.4.2: an empty challenge asks for what the client did not say at first."""
    begin(client, "PLAIN")
    assert challenge(client) == ""
    respond(client, plain("juliet", "secret"))
    assert outcome(client) == "success"


def test_names_and_passwords_are_prepared(gateways, redis):
    """RFC 8265: the name in any case and width, the password in any normal form; 'n=' of SCRAM escapes , and =."""
    gateway = gateways(users=())
    gateway.add_user("Müller=a,b@localhost", "pässword")  # composed
    for mechanism in ("PLAIN", "SCRAM-SHA-256"):
        with Client(gateway.tcp) as client:
            client.open()
            name = "MÜLLER=a,b"
            if mechanism == "PLAIN":
                begin(client, "PLAIN", plain(name, "pa\u0308ssword"))  # decomposed: OpaqueString composes it
                assert outcome(client) == "success"
            else:
                assert scram(client, mechanism, name, "pässword") == "success"
            client.open()
            assert "müller=a,b@localhost/" in bind(client)


# -- failures of RFC 6120 6.5 --


@pytest.mark.parametrize("mechanism, payload, condition", [
    ("PLAIN", plain("juliet", "wrong"), "not-authorized"),
    ("PLAIN", plain("nobody", "secret"), "not-authorized"),
    ("PLAIN", plain("juliet", ""), "malformed-request"),
    ("PLAIN", plain("", "secret"), "malformed-request"),
    ("PLAIN", encoded("juliet"), "malformed-request"),
    ("PLAIN", encoded("\0juliet\0secret\0more"), "malformed-request"),
    ("PLAIN", "=", "malformed-request"),
    ("PLAIN", encoded(b"\0jul\xffiet\0secret"), "not-authorized"),
    ("PLAIN", encoded(b"\0juliet\0sec\xffret"), "not-authorized"),
    ("PLAIN", plain("juliet@localhost", "secret"), "not-authorized"),
    ("PLAIN", plain("juliet", "secret", "romeo@localhost"), "invalid-authzid"),
    ("PLAIN", plain("juliet", "secret", "juliet@example.com"), "invalid-authzid"),
    ("PLAIN", plain("juliet", "secret", "juliet@localhost/balcony"), "invalid-authzid"),
    ("PLAIN", plain("juliet", "secret", "@@"), "invalid-authzid"),
    ("PLAIN", "AGp1bGlldABzZWNyZXQ", "incorrect-encoding"),     # no padding
    ("PLAIN", "AGp1bGlldABzZWNyZXQ=\n", "incorrect-encoding"),  # RFC 6120 6.4.2: nothing foreign
    ("PLAIN", "AGp1bGlldABzZWNyZ*Q=", "incorrect-encoding"),
    ("PLAIN", "=AGp1bGlldABzZWNyZXQ", "incorrect-encoding"),
    ("PLAIN", "AGp1bGlldABzZWNyZXR=", "incorrect-encoding"),    # stray bits
    ("SCRAM-SHA-256", encoded("n,,n=juliet"), "malformed-request"),
    ("SCRAM-SHA-256", encoded("n,,n=juliet,r="), "malformed-request"),
    ("SCRAM-SHA-256", encoded("juliet"), "malformed-request"),
    ("SCRAM-SHA-256", encoded("p=tls-exporter,,n=juliet,r=abc"), "malformed-request"),
    ("SCRAM-SHA-256", encoded("n,a=romeo@localhost,n=juliet,r=abc"), "invalid-authzid"),
    ("SCRAM-SHA-256", encoded("n,,m=ext,n=juliet,r=abc"), "malformed-request"),
    ("SCRAM-SHA-256", encoded("n,,n=jul=iet,r=abc"), "malformed-request"),
    ("SCRAM-SHA-256", "%%%", "incorrect-encoding"),
    ("SCRAM-SHA-256-PLUS", encoded("p=tls-exporter,,n=juliet,r=abc"), "invalid-mechanism"),  # no TLS, nothing to bind to
    ("EXTERNAL", "=", "invalid-mechanism"),
    ("ANONYMOUS", "=", "invalid-mechanism"),
    ("DIGEST-MD5", "=", "invalid-mechanism"),
    ("plain", plain("juliet", "secret"), "invalid-mechanism"),
    ("", plain("juliet", "secret"), "invalid-mechanism"),
])
def test_failure(gateway, mechanism, payload, condition):
    with Client(gateway.tcp) as client:
        client.open()
        begin(client, mechanism, payload)
        assert outcome(client) == condition
        still_works(client)


def test_authzid_that_is_the_address_itself(client):
    begin(client, "PLAIN", plain("juliet", "secret", "JULIET@localhost"))
    assert outcome(client) == "success"


def test_aborted(client):
    exchange = Scram("SCRAM-SHA-256", "juliet", "secret")
    begin(client, "SCRAM-SHA-256", exchange.first())
    challenge(client)
    client.send(f"<abort xmlns='{SASL}'/>")
    assert outcome(client) == "aborted"
    still_works(client)


@pytest.mark.parametrize("change, condition", [
    (lambda text: re.sub(",p=.{8}", ",p=AAAAAAAA", text), "not-authorized"),
    (lambda text: re.sub(",p=.*", "", text), "malformed-request"),
    (lambda text: re.sub(",r=[^,]*", ",r=other", text), "not-authorized"),
    (lambda text: re.sub("^c=[^,]*", "c=" + encoded("y,,"), text), "not-authorized"),
    (lambda text: text + ",x=1", "malformed-request"),
    (lambda text: "", "malformed-request"),
    (lambda text: "e=other-error", "malformed-request"),
])
def test_wrong_final_message_of_scram(gateway, change, condition):
    import base64

    with Client(gateway.tcp) as client:
        client.open()
        exchange = Scram("SCRAM-SHA-256", "juliet", "secret")
        begin(client, "SCRAM-SHA-256", exchange.first())
        final = exchange.final(challenge(client))
        respond(client, encoded(change(base64.b64decode(final).decode())))
        assert outcome(client) == condition
        still_works(client)


def test_disabled_account(gateway, redis):
    redis.client().hset("xmpp:{juliet@localhost}:account", "disabled", 1)
    for mechanism in ("PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256"):
        with Client(gateway.tcp) as client:
            client.open()
            if mechanism == "PLAIN":
                begin(client, "PLAIN", plain("juliet", "secret"))
                assert outcome(client) == "account-disabled"
            else:
                assert scram(client, mechanism, "juliet", "secret") == "account-disabled"
            # only who knows the password learns it
            begin(client, "PLAIN", plain("juliet", "wrong"))
            assert outcome(client) == "not-authorized"


def test_encryption_required(gateways):
    gateway = gateways(auth__allow_plaintext="off")
    for kind in KINDS:
        with connect(gateway, kind) as client:
            assert not mechanisms(client.open())
            begin(client, "PLAIN", plain("juliet", "secret"))
            assert outcome(client) == "encryption-required"


def test_switched_off_mechanisms(gateways):
    gateway = gateways(auth__mechanisms="SCRAM-SHA-1,SCRAM-SHA-256")
    with Client(gateway.tcp) as client:
        assert mechanisms(client.open()) == ["SCRAM-SHA-1", "SCRAM-SHA-256"]
        begin(client, "PLAIN", plain("juliet", "secret"))
        assert outcome(client) == "invalid-mechanism"
        assert scram(client, "SCRAM-SHA-256", "juliet", "secret") == "success"


@pytest.mark.parametrize("words", [
    "<response xmlns='{sasl}'>AAAA</response>", "<abort xmlns='{sasl}'/>", "<success xmlns='{sasl}'/>",
])
def test_sasl_out_of_order(client, words):
    client.send(words.format(sasl=SASL))
    assert re.search("policy-violation|not-authorized|unsupported-stanza-type", client.until_closed())


def test_second_login_on_one_stream(gateway):
    with logged_in(gateway) as client:
        begin(client, "PLAIN", plain("romeo", "secret"))
        assert "policy-violation" in client.until_closed()


# -- bounds --


def test_retries_are_bounded(gateways):
    """RFC 6120 6.4.5: at least two, at most five retries; then the stream ends."""
    gateway = gateways(limits__login_failures="1000")
    for kind in KINDS:
        with connect(gateway, kind) as client:
            client.open()
            tried = 0
            try:
                for tried in range(1, 10):
                    begin(client, "PLAIN", plain("juliet", "wrong"))
                    assert outcome(client) == "not-authorized"
            except (Closed, BrokenPipeError, ConnectionResetError):
                pass
            assert 3 <= tried - 1 <= 6
            assert "policy-violation" in client.seen or "policy-violation" in client.until_closed()


def test_malformed_tries_are_bounded_too(gateway):
    with Client(gateway.tcp) as client:
        client.open()
        for _ in range(20):
            try:
                begin(client, "UNKNOWN", "=")
            except OSError:
                break
        assert "policy-violation" in client.until_closed()


def test_failures_slow_down_and_right_logins_do_not(gateways):
    gateway = gateways(limits__login_failures="3")

    def failure():
        with Client(gateway.tcp) as client:
            client.open()
            started = time.monotonic()
            begin(client, "PLAIN", plain("juliet", "wrong"))
            assert outcome(client) == "not-authorized"
            return time.monotonic() - started

    for _ in range(3):
        failure()
    slow = [failure() for _ in range(3)]
    assert slow[0] > 0.2 and slow[1] > 0.45 and slow[2] > 0.7, slow
    with Client(gateway.tcp) as client:
        client.open()
        begin(client, "PLAIN", plain("juliet", "secret"))
        assert outcome(client) == "success"
    metrics = gateway.metrics()
    assert metrics["logins_delayed_total"] == 3 and metrics["login_failures_total"] == 6 and metrics["logins_total"] == 1


def test_time_to_log_in_is_bounded(gateways):
    gateway = gateways(limits__login_seconds="1")
    for before in (lambda c: None, lambda c: c.open(), lambda c: (c.open(), begin(c, "PLAIN"))):
        with Client(gateway.tcp) as client:
            before(client)
            assert "connection-timeout" in client.until_closed(5)


# -- nobody learns who has an account --


def test_unknown_user_looks_like_a_wrong_password(gateway):
    def talk(user, mechanism):
        with Client(gateway.tcp) as client:
            client.open()
            if mechanism == "PLAIN":
                begin(client, "PLAIN", plain(user, "wrong"))
                return client.until("</failure>").string
            exchange = Scram(mechanism, user, "wrong")
            begin(client, mechanism, exchange.first())
            first = challenge(client)
            respond(client, exchange.final(first))
            values = dict(part.split("=", 1) for part in first.split(","))
            return len(values["r"]) - len(exchange.bare.split("r=")[1]), len(values["s"]), values["i"], client.until("</failure>").string

    for mechanism in ("PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256"):
        assert talk("juliet", mechanism) == talk("nobody", mechanism)


def test_salt_of_an_unknown_user_stays(gateways):
    """A salt that changes, or differs between nodes, would tell."""
    def salt(gateway, user):
        with Client(gateway.tcp) as client:
            client.open()
            begin(client, "SCRAM-SHA-256", Scram("SCRAM-SHA-256", user, "x").first())
            return re.search("s=([^,]*)", challenge(client)).group(1)

    one, two = gateways(), gateways()
    assert salt(one, "nobody") == salt(one, "nobody") == salt(two, "nobody") != salt(one, "nobody2")


def cpu_seconds_of(pid):
    """What all threads of a process have used; unlike the clock on the wall it does not mind other programs (clock_getcpuclockid(3))."""
    return time.clock_gettime((~pid << 3) | 2)


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256"])
def test_unknown_user_costs_as_much(gateways, mechanism):
    gateway = gateways(limits__login_failures="10000", auth__iterations="20000")

    def once(user):
        with Client(gateway.tcp) as client:
            client.open()
            started = cpu_seconds_of(gateway.process.pid)
            if mechanism == "PLAIN":
                begin(client, "PLAIN", plain(user, "wrong"))
            else:
                exchange = Scram(mechanism, user, "wrong")
                begin(client, mechanism, exchange.first())
                respond(client, exchange.final(challenge(client)))
            client.until("</failure>")
            return cpu_seconds_of(gateway.process.pid) - started

    known, unknown = [], []
    for _ in range(25):
        known.append(once("juliet"))
        unknown.append(once("nobody"))
    known, unknown = statistics.median(known), statistics.median(unknown)
    # hashing alone is some milliseconds: left out, it would show as a factor
    assert abs(known - unknown) < 0.3 * known + 0.001, (known, unknown)
    assert gateway.metrics()["logins_delayed_total"] == 0


# -- guests --


def test_anonymous_on_its_domain_only(gateways):
    gateway = gateways(auth__anonymous_domain="guest.localhost")
    for kind in KINDS:
        with connect(gateway, kind) as client:
            assert mechanisms(client.open("guest.localhost")) == ["ANONYMOUS"]
            begin(client, "PLAIN", plain("juliet", "secret"))
            assert outcome(client) == "invalid-mechanism"
            begin(client, "ANONYMOUS", encoded("sirhc"))
            assert outcome(client) == "success"
            client.open("guest.localhost")
            first = re.search("<jid>(.*?)</jid>", bind(client)).group(1)
            assert re.fullmatch(r"[a-z0-9]{16,}@guest\.localhost/.+", first)
        with connect(gateway, kind) as client:
            assert "ANONYMOUS" not in mechanisms(client.open("localhost"))
            begin(client, "ANONYMOUS")
            assert outcome(client) == "invalid-mechanism"
        with connect(gateway, kind).login(domain="guest.localhost", mechanism="ANONYMOUS") as client:
            assert client.jid.split("@")[0] != first.split("@")[0]


def test_no_guests_by_default(gateway):
    with Client(gateway.tcp) as client:
        client.send(f"<stream:stream xmlns='jabber:client' xmlns:stream='{STREAMS}' to='guest.localhost' version='1.0'>")
        assert "host-unknown" in client.until_closed()


# -- binding --


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


# -- what is announced --


def test_features(gateways):
    gateway = gateways(limits__stanza_bytes="100000", ping__interval="60")
    with Client(gateway.tcp) as client:
        features = client.open()
        assert mechanisms(features) == ["SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"]
        # XEP-0478: what is taken before login, and after
        assert re.search(r"<limits xmlns='urn:xmpp:stream-limits:0'>.*<max-bytes>10000</max-bytes>.*</limits>", features)
        assert "sasl-channel-binding" not in features and "iq-auth" not in features
        begin(client, "PLAIN", plain("juliet", "secret"))
        outcome(client)
        features = client.open()
        assert f"<bind xmlns='{BIND}'" in features and "<mechanism" not in features
        assert "<max-bytes>100000</max-bytes>" in features and "<idle-seconds>60</idle-seconds>" in features


# -- XEP-0078 --


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


def test_login_decided_by_a_service(gateways, redis, folder):
    """deploy/examples/login.py has the passwords; without it nobody is let in, and nobody is told that it was wrong."""
    (folder / "users.json").write_text(json.dumps({"juliet@localhost": "R0m30", "romeo@localhost": "Jul13t"}))
    gateway = gateways(users=(), services__domains="login.localhost", auth__service="login.localhost", log__level="debug")

    def log_in(user, password):
        with Client(gateway.tcp) as client:
            client.open()
            begin(client, "PLAIN", plain(user, password))
            return outcome(client)

    assert log_in("juliet", "R0m30") == "temporary-auth-failure"
    process = subprocess.Popen(["/usr/bin/python3", str(ROOT / "deploy/examples/login.py"), "login.localhost",
                                str(folder / "users.json")], env={**os.environ, "REDIS_URL": redis.url})
    try:
        channel = "xmpp:to:{login.localhost}"
        wait_for(lambda: dict(redis.client().pubsub_numsub(channel))[channel] == 1, what="the service")
        assert log_in("juliet", "R0m30") == "success"
        assert log_in("juliet", "wrong") == "not-authorized"
        assert log_in("nobody", "R0m30") == "not-authorized"
        with Client(gateway.tcp) as juliet, Client(gateway.tcp) as romeo:
            juliet.login("juliet", "R0m30").present()
            romeo.login("romeo", "Jul13t").present()
            romeo.stanza(f"<message to='{juliet.jid}' type='chat'><body>hi</body></message>")
            juliet.until("<body>hi</body>")
    finally:
        process.terminate()
        process.wait(10)
    assert "R0m30" not in gateway.log() and "R0m30" not in str(redis.client().hgetall("xmpp:{juliet@localhost}:account"))


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
