"""Logging in: every failure that RFC 6120 6.5 names and that can happen here, what may be retried and how often, what tells
nobody who has an account; what the features announce."""
import json
import os
import re
import statistics
import subprocess
import time

import pytest

from conftest import ROOT, wait_for
from logins import KINDS, client, bind, logged_in, still_works
from sasl import Scram, begin, challenge, encoded, mechanisms, outcome, plain, respond, scram
from xmpp import BIND, SASL, STREAMS, Client, Closed, connect


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


# -- a service decides --


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
