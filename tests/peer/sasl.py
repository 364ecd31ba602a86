"""SASL as a client does it, one message at a time, so that a test can say the wrong thing at any point: RFC 4616, RFC 5802,
RFC 7677, with channel binding (RFC 5929, RFC 9266)."""
import base64
import hashlib
import hmac
import os
import re

from xmpp import SASL


def encoded(data):
    return base64.b64encode(data if isinstance(data, bytes) else data.encode()).decode()


def plain(user, password, authzid=""):
    return encoded(f"{authzid}\0{user}\0{password}")


def begin(client, mechanism, initial=None):
    """<auth/>; initial is sent as it is, so that it may be wrong."""
    body = "/>" if initial is None else f">{initial}</auth>"
    client.send(f"<auth xmlns='{SASL}' mechanism='{mechanism}'{body}")


def respond(client, data):
    client.send(f"<response xmlns='{SASL}'>{data}</response>")


def challenge(client):
    match = client.until(r"<challenge xmlns=['\"][^'\"]*['\"](?:/>|>(.*?)</challenge>)")
    return base64.b64decode(match.group(1) or "").decode()


def outcome(client, timeout=10):
    """success, or the failure's condition."""
    match = client.until(r"<(success)\b[^>]*?(?:/>|>.*?</success>)|<failure [^>]*>\s*<([a-z-]+)[^>]*/>.*?</failure>", timeout)
    return match.group(1) or match.group(2)


def mechanisms(features):
    """Those of SASL; SASL2 has its own."""
    offered = re.search(r"<mechanisms .*?</mechanisms>", features, re.S)
    return re.findall(r"<mechanism>(.*?)</mechanism>", offered.group(0)) if offered else []


def bindings(features):
    return set(re.findall(r"<channel-binding type=['\"](.*?)['\"]/>", features))


class Scram:
    """first() -> the server's first -> final() -> the server's final.  flag: the first part of the GS2 header, "n", "y" or
    "p=tls-exporter"; binding: the bytes that the connection gives for it."""

    def __init__(self, mechanism, user, password, flag="n", binding=b"", authzid=None):
        self.hash = "sha256" if "256" in mechanism else "sha1"
        self.password = password
        self.gs2 = f"{flag},{'a=' + authzid if authzid is not None else ''},"
        self.binding = binding
        self.bare = f"n={user.replace('=', '=3D').replace(',', '=2C')},r={encoded(os.urandom(18))}"

    def mac(self, key, data):
        return hmac.new(key, data, self.hash).digest()

    def first(self):
        return encoded(self.gs2 + self.bare)

    def final(self, server_first):
        values = dict(part.split("=", 1) for part in server_first.split(","))
        salted = hashlib.pbkdf2_hmac(self.hash, self.password.encode(), base64.b64decode(values["s"]), int(values["i"]))
        client_key = self.mac(salted, b"Client Key")
        without_proof = f"c={encoded(self.gs2.encode() + self.binding)},r={values['r']}"
        message = f"{self.bare},{server_first},{without_proof}".encode()
        signature = self.mac(hashlib.new(self.hash, client_key).digest(), message)
        self.server_signature = self.mac(self.mac(salted, b"Server Key"), message)
        proof = bytes(a ^ b for a, b in zip(client_key, signature))
        return encoded(f"{without_proof},p={encoded(proof)}")


def scram(client, mechanism, user, password, **options):
    """The whole exchange; the outcome, after the server's own proof was checked."""
    exchange = Scram(mechanism, user, password, **options)
    begin(client, mechanism, exchange.first())
    answer = client.until(r"<challenge[^>]*>(.*?)</challenge>|(?=<failure)")
    if answer.group(1) is None:
        return outcome(client)
    respond(client, exchange.final(base64.b64decode(answer.group(1)).decode()))
    answer = client.until(r"<success[^>]*>(.*?)</success>|(?=<failure)")
    if answer.group(1) is None:
        return outcome(client)
    assert base64.b64decode(answer.group(1)).decode() == "v=" + encoded(exchange.server_signature), "the server's proof is wrong"
    return "success"
