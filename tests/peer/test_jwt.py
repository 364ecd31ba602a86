"""Logins with JSON Web Tokens, signed by openssl(1) and by Python's hmac: OAUTHBEARER, PLAIN, keys from files that change,
sessions that end with their token."""
import base64
import hashlib
import hmac
import json
import signal
import subprocess
import time

import pytest

from conftest import wait_for
from sasl import begin, encoded, mechanisms, outcome, plain, respond
from xmpp import Client, WebSocketClient, connect

SECRET = b"a secret of thirty-two bytes ..."


def url64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def hs256(claims, secret=SECRET, header=None):
    part = ".".join(url64(json.dumps(value).encode()) for value in (header or {"alg": "HS256"}, claims))
    return f"{part}.{url64(hmac.new(secret, part.encode(), hashlib.sha256).digest())}"


def rs256(folder, claims, key, kid=None):
    part = ".".join(url64(json.dumps(value).encode()) for value in ({"alg": "RS256", **({"kid": kid} if kid else {})}, claims))
    done = subprocess.run(["openssl", "dgst", "-sha256", "-sign", folder / key], input=part.encode(), capture_output=True, check=True)
    return f"{part}.{url64(done.stdout)}"


def claims(user="juliet", life=60, **more):
    return {"sub": user, "exp": int(time.time()) + life, **more}


def make_rsa(folder, name):
    subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", folder / name],
                   check=True, capture_output=True)
    subprocess.run(["openssl", "pkey", "-in", folder / name, "-pubout", "-out", folder / (name + ".pub")], check=True)


def jwk(folder, name, kid):
    modulus = subprocess.run(["openssl", "rsa", "-pubin", "-in", folder / (name + ".pub"), "-modulus", "-noout"],
                             capture_output=True, text=True, check=True).stdout.strip().split("=")[1]
    return {"kty": "RSA", "kid": kid, "alg": "RS256", "use": "sig", "n": url64(bytes.fromhex(modulus)), "e": "AQAB"}


def bearer(client, token, authzid=""):
    begin(client, "OAUTHBEARER", encoded(f"n,{authzid},\x01auth=Bearer {token}\x01\x01"))
    match = client.until(r"<(success|challenge|failure)[^>]*>")
    if match.group(1) == "challenge":
        respond(client, encoded("\x01"))
        return outcome(client)
    return match.group(1)


def log_in(gateway, token, kind="tcp"):
    with connect(gateway, kind) as client:
        client.open()
        return bearer(client, token)


@pytest.fixture
def secret_file(folder):
    (folder / "secret").write_bytes(SECRET + b"\n")
    return str(folder / "secret")


@pytest.mark.parametrize("kind", ["tcp", "websocket"])
def test_secret(gateways, secret_file, kind):
    gateway = gateways(auth__jwt_key=secret_file)
    with connect(gateway, kind) as client:
        assert "OAUTHBEARER" in mechanisms(client.open())
    assert log_in(gateway, hs256(claims()), kind) == "success"
    assert log_in(gateway, hs256(claims(), b"another secret of thirty-two ..."), kind) == "not-authorized"
    assert log_in(gateway, hs256(claims(), b"", {"alg": "none"}), kind) == "not-authorized"
    assert log_in(gateway, hs256(claims(life=-60)), kind) == "credentials-expired"
    assert log_in(gateway, hs256(claims("nobody")), kind) == "not-authorized"
    assert log_in(gateway, hs256(claims(x="x" * 5000)), kind) == "success"
    assert "eyJ" not in gateway.log()


def test_public_key_and_set(gateways, folder):
    """The set is read again at SIGHUP; a broken file leaves it as it is."""
    for name in ("one", "two"):
        make_rsa(folder, name)
    keys = folder / "keys.json"
    keys.write_text(json.dumps({"keys": [jwk(folder, "one", "1")]}))
    gateway = gateways(auth__jwt_jwks=str(keys), auth__jwt_issuer="https://id.example", auth__jwt_audience="chat")
    good = claims(iss="https://id.example", aud=["chat", "mail"])
    assert log_in(gateway, rs256(folder, good, "one", "1")) == "success"
    assert log_in(gateway, rs256(folder, good, "one")) == "success"
    assert log_in(gateway, rs256(folder, good, "two", "2")) == "not-authorized"
    assert log_in(gateway, rs256(folder, good, "two", "1")) == "not-authorized"
    assert log_in(gateway, rs256(folder, {**good, "iss": "https://other.example"}, "one", "1")) == "not-authorized"
    assert log_in(gateway, rs256(folder, {**good, "aud": "mail"}, "one", "1")) == "not-authorized"
    public = (folder / "one.pub").read_bytes()
    assert log_in(gateway, hs256(good, public)) == "not-authorized"

    keys.write_text("{")
    gateway.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "keys-not-reloaded" in gateway.log())
    assert log_in(gateway, rs256(folder, good, "one", "1")) == "success"
    keys.write_text(json.dumps({"keys": [jwk(folder, "two", "2")]}))
    gateway.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "keys-reloaded" in gateway.log())
    assert log_in(gateway, rs256(folder, good, "two", "2")) == "success"
    assert log_in(gateway, rs256(folder, good, "one", "1")) == "not-authorized"


def test_session_ends_with_its_token(gateways, secret_file):
    gateway = gateways(auth__jwt_key=secret_file, auth__jwt_skew="0")
    with WebSocketClient(gateway.http) as client:
        client.open()
        assert bearer(client, hs256(claims(life=2))) == "success"
        client.open()
        client.stanza("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>")
        client.until("<jid>")
        assert "<reset " in client.until_closed(10) and "expired" in client.seen


def test_token_for_a_password(gateways, secret_file):
    """For clients that know nothing of OAUTHBEARER."""
    gateway = gateways(auth__jwt_key=secret_file, auth__jwt_plain="on", auth__jwt_create="on", users=("juliet",))
    for user, password, wanted in (("juliet", hs256(claims()), "success"), ("juliet", "secret", "success"),
                                   ("romeo", hs256(claims()), "not-authorized"), ("romeo", hs256(claims("romeo")), "success")):
        with Client(gateway.tcp) as client:
            client.open()
            begin(client, "PLAIN", plain(user, password))
            assert outcome(client) == wanted, (user, wanted)
    listed = gateway.command("user", "list", *gateway.sets("redis.url", "domain")).stdout
    assert sorted(listed.split()) == ["juliet@localhost", "romeo@localhost"]


@pytest.mark.parametrize("content, said", [(None, "cannot read"), ("short", "holds a secret of 5 bytes")])
def test_start_says_what_is_wrong(gateways, folder, content, said):
    if content:
        (folder / "key").write_text(content)
    gateway = gateways(auth__jwt_key=str(folder / "key"), start=False)
    gateway.start(wait=False)
    assert gateway.process.wait(20) == 1 and said in gateway.log()
    gateway.process = None
