"""SASL2, Bind 2 and login tokens as @xmpp/client uses them, and by hand where it has no way: over two nodes, behind a proxy,
bound to the TLS channel, revoked."""
import base64
import hashlib
import hmac
import json
import pathlib
import re
import subprocess
import time

import pytest

from conftest import wait_for
from sasl import Scram, encoded, plain
from xmpp import Client, WebSocketClient, connect

SASL2, FAST, BIND2 = "urn:xmpp:sasl:2", "urn:xmpp:fast:0", "urn:xmpp:bind:0"
CLIENTS = pathlib.Path(__file__).parent / "clients"
AGENT = "<user-agent id='d4565fa7-4d72-4749-b3d3-740edbf87770'/>"


def authenticate(client, mechanism, initial, inner=""):
    client.send(f"<authenticate xmlns='{SASL2}' mechanism='{mechanism}'><initial-response>{initial}</initial-response>"
                f"{AGENT}{inner}</authenticate>")


def answer(client):
    """The whole <success/> or <failure/>."""
    return client.until(r"<(success|failure) .*?</\1>").group(0)


def ask(mechanism="HT-SHA-256-NONE"):
    return f"<request-token xmlns='{FAST}' mechanism='{mechanism}'/>"


def token_in(text):
    return re.search(r"<token [^>]*token='(.*?)'", text).group(1)


def ht(user, token, binding=b""):
    proof = hmac.new(token.encode(), b"Initiator" + binding, hashlib.sha256).digest()
    return encoded(user.encode() + b"\0" + proof)


def log_in_with_token(gateway, token, inner=f"<bind xmlns='{BIND2}'/>", kind="tcp"):
    with connect(gateway, kind) as client:
        client.open()
        authenticate(client, "HT-SHA-256-NONE", ht("juliet", token), f"<fast xmlns='{FAST}'/>{inner}")
        return answer(client)


@pytest.fixture
def nodes(gateways):
    first = gateways(node__name="one", auth__fast_unbound="on")
    return first, gateways(node__name="two", users=(), auth__fast_unbound="on")


def get_token(gateway):
    with Client(gateway.tcp) as client:
        client.open()
        authenticate(client, "PLAIN", plain("juliet", "secret"), ask())
        return token_in(answer(client))


@pytest.mark.parametrize("kind", ["tcp", "websocket"])
def test_xmpp_client(gateways, folder, kind):
    """The first login is by password, the next ones by the token that it brought; after `user revoke` by password again."""
    gateway = gateways(auth__fast_unbound="on")
    service = f"xmpp://127.0.0.1:{gateway.tcp}" if kind == "tcp" else f"ws://127.0.0.1:{gateway.http}/xmpp-websocket"
    file = folder / "token.json"

    def run():
        done = subprocess.run(["node", CLIENTS / "xmpp_fast.mjs", service, "juliet", "secret", file], capture_output=True,
                              text=True, timeout=60, cwd=CLIENTS.parent)
        assert done.returncode == 0 and "ping answered" in done.stdout, done.stdout + done.stderr
        wait_for(lambda: gateway.log().count("ended") == gateway.log().count(" bound "), what="the end of the session")
        mechanism = re.findall(r" bound .*?mechanism=(\S+)", gateway.log())[-1]
        return mechanism, re.search(r"online (\S+)", done.stdout).group(1), "token saved" in done.stdout

    mechanism, jid, is_saved = run()
    assert mechanism != "HT-SHA-256-NONE" and is_saved and jid.startswith("juliet@localhost/xmppjs/")
    assert json.loads(file.read_text())["mechanism"] == "HT-SHA-256-NONE"
    assert run() == ("HT-SHA-256-NONE", jid, False)  # the same resource for the same installation
    done = gateway.command("user", "revoke", "juliet@localhost", *gateway.sets("redis.url", "domain"))
    assert done.returncode == 0, done.stderr
    mechanism, _, is_saved = run()
    assert mechanism != "HT-SHA-256-NONE" and is_saved


@pytest.mark.parametrize("words", [("revoke",), ("disable",), ("passwd",), ("del",)])
def test_token_is_worthless_everywhere(nodes, words):
    token = get_token(nodes[0])
    assert "<bound" in log_in_with_token(nodes[1], token)
    done = nodes[0].command("user", *words, "juliet@localhost", *nodes[0].sets("redis.url", "domain", "auth.iterations"), input="x\n")
    assert done.returncode == 0, done.stderr
    assert re.search("<(not-authorized|account-disabled) ", log_in_with_token(nodes[1], token))


def test_token_survives_a_kick(nodes):
    token = get_token(nodes[0])
    nodes[0].command("user", "kick", "juliet@localhost", *nodes[0].sets("redis.url", "domain"))
    assert "<bound" in log_in_with_token(nodes[1], token, kind="websocket")


def test_token_expires(gateways):
    gateway = gateways(auth__fast_unbound="on", auth__fast="1")
    token = get_token(gateway)
    assert "<success" in log_in_with_token(gateway, token, "")
    time.sleep(1.2)
    assert re.search("<(credentials-expired|not-authorized) ", log_in_with_token(gateway, token, ""))


def test_token_stays_out_of_the_store_and_the_log(gateways, redis):
    gateway = gateways(auth__fast_unbound="on", log__level="debug")
    token = get_token(gateway)
    assert "<bound" in log_in_with_token(gateway, token)
    store = redis.client()
    assert token not in str(store.hgetall("xmpp:{juliet@localhost}:tokens"))
    assert 0 < store.ttl("xmpp:{juliet@localhost}:tokens") <= 14 * 86400
    assert token not in gateway.log()


def test_unbound_tokens_are_off_by_default(gateway):
    with Client(gateway.tcp) as client:
        assert "HT-SHA-256" not in client.open()
        authenticate(client, "PLAIN", plain("juliet", "secret"), ask())
        assert "<token" not in answer(client)


def test_behind_a_tls_proxy(gateways):
    """A trusted proxy counts as TLS: SASL2 is offered, and unbound tokens if the setting says so."""
    gateway = gateways(auth__allow_plaintext="off", auth__fast_unbound="on", http__trusted_proxies="127.0.0.1")
    with WebSocketClient(gateway.http, headers=["X-Forwarded-Proto: https"]) as client:
        features = client.open()
        assert "<authentication " in features and "HT-SHA-256-NONE" in features
        authenticate(client, "PLAIN", plain("juliet", "secret"), ask() + f"<bind xmlns='{BIND2}'/>")
        token = token_in(answer(client))
    with WebSocketClient(gateway.http, headers=["X-Forwarded-Proto: https"]) as client:
        client.open()
        authenticate(client, "HT-SHA-256-NONE", ht("juliet", token), f"<fast xmlns='{FAST}'/><bind xmlns='{BIND2}'/>")
        assert "<bound" in answer(client)
    with WebSocketClient(gateway.http) as client:
        assert "<authentication " not in client.open()


@pytest.mark.parametrize("kind", ["tcp", "websocket"])
def test_announced_is_told_again(gateway, kind):
    """XEP-0474 4.1, as a client would check it."""
    with connect(gateway, kind) as client:
        features = client.open()
        offered = re.search(r"<authentication .*?<inline>", features).group(0)
        announced = "\x1e".join(sorted(re.findall("<mechanism>(.*?)</mechanism>", offered)))
        exchange = Scram("SCRAM-SHA-256", "juliet", "secret")
        authenticate(client, "SCRAM-SHA-256", exchange.first())
        first = base64.b64decode(client.until(r"<challenge[^>]*>(.*?)</challenge>").group(1)).decode()
        assert first.split(",h=")[1] == encoded(hashlib.sha256(announced.encode()).digest())
        client.send(f"<response xmlns='{SASL2}'>{exchange.final(first)}</response>")
        assert "<success" in answer(client)


def test_second_login_of_an_installation_replaces_the_first(nodes):
    """Also on another node (XEP-0386 3.2)."""
    with Client(nodes[0].tcp) as old, Client(nodes[1].tcp) as new:
        for client in (old, new):
            client.open()
            authenticate(client, "PLAIN", plain("juliet", "secret"), f"<bind xmlns='{BIND2}'><tag>t</tag></bind>")
            assert "<bound" in answer(client)
        assert "<conflict " in old.until_closed()
        new.stanza("<iq type='get' id='p' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>")
        new.until("<iq[^>]*type='result'")
