"""TLS: asked for and direct, versions and ALPN, several domains by their own certificates, reload, logins bound to the
connection, and logins by certificate."""
import http.client
import re
import signal
import socket
import ssl
import time

import pytest
from OpenSSL import SSL

from certificates import Identity
from conftest import free_port, wait_for
from sasl import begin, bindings, encoded, mechanisms, outcome, plain, scram
from secure import DirectClient, Link, SecureWebSocketClient, StartTlsClient
from xmpp import BIND, STREAMS, Client, WebSocketClient

TLS12, TLS13 = (SSL.TLS1_2_VERSION,) * 2, (SSL.TLS1_3_VERSION,) * 2


@pytest.fixture(scope="module")
def pki():
    """Made once: an authority of the people here, one that nobody knows, and the server."""
    class Pki:
        people, strangers = Identity("people", is_authority=True), Identity("strangers", is_authority=True)
        server = Identity("localhost", ["localhost"])

    return Pki


@pytest.fixture
def make(gateways, folder, pki):
    """A gateway with everything of TLS on; plain-text logins are off unless said otherwise."""
    def gateway(**settings):
        (folder / "people.crt").write_bytes(pki.people.pem())
        tls, https = free_port(), free_port()
        made = gateways(**{"auth__allow_plaintext": "off", "listen__tls": f"127.0.0.1:{tls}", "listen__https": f"127.0.0.1:{https}",
                           **pki.server.write(folder, "server"), **settings})
        made.tls, made.https = tls, https
        return made

    return gateway


@pytest.fixture
def gateway(make):
    return make()


def connect(gateway, kind, domain="localhost", **tls):
    if kind == "starttls":
        return StartTlsClient(gateway.tcp, domain, **tls)
    if kind == "direct":
        return DirectClient(gateway.tls, **{"name": domain, **tls})
    return SecureWebSocketClient(gateway.https, **{"name": domain, **tls})


KINDS = ["starttls", "direct", "wss"]


def bind(client, domain="localhost"):
    client.open(domain)
    client.stanza(f"<iq xmlns='jabber:client' type='set' id='b'><bind xmlns='{BIND}'/></iq>")
    return client.until("<jid>(.*?)</jid>").group(1)


# -- STARTTLS --


def test_starttls_is_required(gateway):
    with Client(gateway.tcp) as client:
        features = client.open()
        assert re.search(r"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'>\s*<required/>", features)
        assert not mechanisms(features)
        begin(client, "PLAIN", plain("juliet", "secret"))
        assert outcome(client) == "encryption-required"
    with StartTlsClient(gateway.tcp) as client:
        features = client.open()
        assert "starttls" not in features and "SCRAM-SHA-256-PLUS" in mechanisms(features)
        client.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        assert re.search("policy-violation|<failure", client.until_closed())


def test_starttls_is_optional(make):
    gateway = make(auth__allow_plaintext="on")
    with Client(gateway.tcp) as client:
        features = client.open()
        assert "<starttls" in features and "<required/>" not in features
        assert {"PLAIN", "SCRAM-SHA-256"} <= set(mechanisms(features))


def test_without_certificate_there_is_no_starttls(gateways):
    gateway = gateways()
    with Client(gateway.tcp) as client:
        assert "starttls" not in client.open()
        client.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        assert "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>" in client.until_closed()


@pytest.mark.parametrize("injected", [
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>" + plain("juliet", "secret") + "</auth>",
    f"<stream:stream xmlns='jabber:client' xmlns:stream='{STREAMS}' to='localhost' version='1.0'>"
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>" + plain("juliet", "secret") + "</auth>",
    "<message to='romeo@localhost'><body>injected</body></message>",
    "<iq type='get' id='injected'><ping xmlns='urn:xmpp:ping'/></iq>",
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGp1",
    "</stream:stream>",
    " \n",
])
def test_what_was_said_in_the_open_is_forgotten(gateway, injected):
    """RFC 6120 5.4.3.3: somebody between could have put it there, behind <starttls/> in the same segment."""
    with Client(gateway.tcp) as client:
        client.open()
        client.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>" + injected)
        client.until("<proceed[^>]*/>")
        assert not client.seen
        client.sock = Link(client.sock)
        assert client.silent(0.3)
        features = client.open()
        assert mechanisms(features)
        client.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>" + plain("juliet", "wrong") + "</auth>")
        assert client.until(r"<failure.*?</failure>|<success").group(0).startswith("<failure")
        begin(client, "PLAIN", plain("juliet", "secret"))
        assert outcome(client) == "success"
        assert bind(client).startswith("juliet@localhost/")
        assert "injected" not in client.seen
    assert "injected" not in gateway.log()


def test_plain_bytes_after_proceed(gateway):
    """Not taken for TLS, and not for XMPP either."""
    with Client(gateway.tcp) as client:
        client.open()
        client.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        client.until("<proceed[^>]*/>")
        client.send(f"<stream:stream xmlns='jabber:client' xmlns:stream='{STREAMS}' to='localhost' version='1.0'>")
        assert "features" not in client.until_closed()
    wait_for(lambda: gateway.metrics()["tls_failures_total"] == 1)


def test_tls_on_the_wrong_port(gateway):
    with pytest.raises((SSL.Error, ConnectionResetError)):
        DirectClient(gateway.tcp)
    with Client(gateway.tls) as client:
        client.send(f"<stream:stream xmlns='jabber:client' xmlns:stream='{STREAMS}' to='localhost' version='1.0'>")
        assert "features" not in client.until_closed()


# -- versions, ciphers, ALPN --


@pytest.mark.parametrize("kind", KINDS)
def test_versions(gateway, kind):
    for versions, name in ((TLS12, "TLSv1.2"), (TLS13, "TLSv1.3")):
        with connect(gateway, kind, versions=versions) as client:
            assert client.sock.version == name
            assert mechanisms(client.open())
    for old in (SSL.TLS1_VERSION, SSL.TLS1_1_VERSION):
        with pytest.raises(SSL.Error) as refused:
            connect(gateway, kind, versions=(old, old), ciphers="ALL:@SECLEVEL=0")
        assert "version" in str(refused.value)


@pytest.mark.parametrize("kind", KINDS)
def test_weak_ciphers(gateway, kind):
    for cipher in ("ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384", "AES128-GCM-SHA256", "ECDHE-ECDSA-NULL-SHA", "AECDH-AES128-SHA"):
        with pytest.raises(SSL.Error) as refused:
            connect(gateway, kind, versions=TLS12, ciphers=cipher + ":@SECLEVEL=0")
        assert "handshake failure" in str(refused.value), cipher


def test_alpn(gateway):
    with DirectClient(gateway.tls, alpn=["xmpp-client"]) as client:
        assert client.sock.tls.get_alpn_proto_negotiated() == b"xmpp-client"
        assert mechanisms(client.open())
    with DirectClient(gateway.tls, alpn=["h2", "xmpp-client"]) as client:
        assert client.sock.tls.get_alpn_proto_negotiated() == b"xmpp-client"
    with DirectClient(gateway.tls) as client:
        assert client.sock.tls.get_alpn_proto_negotiated() == b""
    with pytest.raises(SSL.Error):
        DirectClient(gateway.tls, alpn=["h2", "http/1.1"])
    with SecureWebSocketClient(gateway.https, alpn=["h2", "http/1.1"]) as client:
        assert client.sock.tls.get_alpn_proto_negotiated() == b"http/1.1"
        assert mechanisms(client.open())


# -- logins and traffic --


@pytest.mark.parametrize("kind", KINDS)
def test_much_traffic(make, kind):
    """Records are cut and joined as they come; both directions at once, more than any buffer holds."""
    gateway = make(limits__client_queue="8M")
    with connect(gateway, kind).login("juliet", resource="balcony").present() as juliet:
        body = "".join(chr(97 + i % 26) for i in range(200_000))
        for i in range(20):
            juliet.stanza(f"<message to='{juliet.jid}' id='m{i}'><body>{body}{i}</body></message>")
        for i in range(20):
            assert juliet.until(rf"<body>([a-z]*){i}</body>").group(1) == body
        for size in (1, 16383, 16384, 16385, 65535):
            juliet.stanza(f"<message to='{juliet.jid}'><body>{body[:size]}</body></message>")
            assert juliet.until(r"<body>([a-z]*)</body>").group(1) == body[:size]


@pytest.mark.parametrize("kind", KINDS)
def test_bytes_one_by_one(gateway, kind):
    with connect(gateway, kind) as client:
        send = client.sock.sendall
        client.sock.sendall = lambda data: [send(data[i:i + 1]) for i in range(len(data))]
        assert mechanisms(client.open())
        begin(client, "PLAIN", plain("juliet", "secret"))
        assert outcome(client) == "success"


def test_the_end_is_said(gateway):
    """close_notify behind </stream:stream>: the client knows that nothing was cut off."""
    for kind in ("starttls", "direct"):
        with connect(gateway, kind).login("juliet") as client:
            client.send("</stream:stream>")
            assert client.until_closed().endswith("</stream:stream>") and client.is_closed


def test_stop_tells_over_tls(gateway):
    clients = [connect(gateway, kind).login("juliet", resource=kind) for kind in KINDS]
    gateway.process.send_signal(signal.SIGTERM)
    for client in clients:
        assert "system-shutdown" in client.until_closed()


def test_many_handshakes_at_once(gateway):
    """Half of them never go on."""
    stalled = [socket.create_connection(("127.0.0.1", gateway.tls)) for _ in range(50)]
    for one in stalled[:25]:
        one.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
    clients = [DirectClient(gateway.tls).login("juliet", resource=str(i)) for i in range(10)]
    assert gateway.metrics()["tls_handshakes_total"] == 10
    for one in stalled + clients:
        one.close()
    wait_for(lambda: gateway.metrics()["connections"] == 0)


def test_handshakes_that_stall_are_ended(make):
    gateway = make(limits__login_seconds="1")
    with socket.create_connection(("127.0.0.1", gateway.tls)) as sock:
        sock.settimeout(20)
        started = time.monotonic()
        try:
            while sock.recv(1000):
                pass
        except ConnectionResetError:
            pass
        assert time.monotonic() - started < 15


def test_a_trusted_proxy_counts_as_tls(make):
    """TLS ends at the proxy in front; only one that is trusted may say so."""
    trusting, other = make(http__trusted_proxies="127.0.0.1"), make()
    headers = ["X-Forwarded-Proto: https", "X-Forwarded-For: 192.0.2.7"]
    with WebSocketClient(trusting.http, headers=headers) as client:
        offered = mechanisms(client.open())
        assert "PLAIN" in offered and not [one for one in offered if one.endswith("-PLUS")]
        begin(client, "PLAIN", plain("juliet", "secret"))
        assert outcome(client) == "success"
        assert bind(client)
    wait_for(lambda: "peer=192.0.2.7" in trusting.log())
    for port, with_headers in ((other.http, headers), (trusting.http, ())):
        with WebSocketClient(port, headers=with_headers) as client:
            assert not mechanisms(client.open())


# -- several domains --


@pytest.fixture
def domains(make, folder):
    """localhost and example.com, each with a certificate of its own."""
    own = {name: Identity(name, [name]) for name in ("localhost", "example.com")}
    for name, identity in own.items():
        identity.write(folder, name)
    gateway = make(domain="localhost,example.com", tls__certificate=f"{folder}/{{domain}}.crt", tls__key=f"{folder}/{{domain}}.key")
    gateway.own = own
    return gateway


@pytest.mark.parametrize("kind", KINDS)
def test_certificates_by_name(domains, kind):
    for name in ("localhost", "example.com"):
        with connect(domains, kind, name) as client:
            assert client.sock.certificate == domains.own[name].der()
            assert mechanisms(client.open(name))
    with connect(domains, kind, name="EXAMPLE.COM") as client:
        assert client.sock.certificate == domains.own["example.com"].der(), "names know no case"
    if kind != "starttls":
        for name in ("unknown.example", None):
            with connect(domains, kind, name=name) as client:
                assert client.sock.certificate == domains.own["localhost"].der()


def test_starttls_without_sni_goes_by_the_stream(domains):
    for name in ("localhost", "example.com"):
        with StartTlsClient(domains.tcp, domain=name, name=None) as client:
            assert client.sock.certificate == domains.own[name].der()


def test_https_pages_by_name(domains):
    context = ssl.create_default_context(cadata=domains.own["example.com"].pem().decode())
    connection = http.client.HTTPSConnection("example.com", domains.https, context=context, timeout=5)
    connection._create_connection = lambda address, *rest, **options: socket.create_connection(("127.0.0.1", address[1]))
    connection.request("GET", "/.well-known/host-meta.json")
    answer = connection.getresponse().read().decode()
    assert f"wss://example.com:{domains.https}/xmpp-websocket" in answer
    connection.close()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_reload(make, folder, workers):
    gateway = make(workers=workers)
    old = [connect(gateway, kind).login("juliet", resource=kind) for kind in KINDS]
    before = {client.sock.certificate for client in old}
    new = Identity("localhost", ["localhost"])
    new.write(folder, "server")
    gateway.process.send_signal(signal.SIGHUP)

    def all_new():
        found = set()
        for kind in KINDS * 4:  # both workers
            with connect(gateway, kind) as client:
                found.add(client.sock.certificate)
        return found == {new.der()}

    wait_for(all_new, 10, "the new certificate")
    assert new.der() not in before
    # who was there stays
    for client in old:
        client.stanza("<iq xmlns='jabber:client' type='get' id='p' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>")
        client.until("id=['\"]p['\"]")
    # what cannot be read changes nothing
    (folder / "server.crt").write_text("not a certificate")
    gateway.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "tls_reload_failed" in gateway.log(), 5)
    assert all_new()
    with connect(gateway, "direct").login("juliet") as client:
        assert client.jid
    # a key that belongs to another certificate
    (folder / "server.crt").write_bytes(Identity("localhost", ["localhost"]).pem())
    gateway.process.send_signal(signal.SIGHUP)
    time.sleep(0.5)
    assert all_new()


# -- channel binding --


def binding_of(client, name):
    return client.sock.exporter() if name == "tls-exporter" else client.sock.end_point()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("versions", [TLS12, TLS13], ids=["1.2", "1.3"])
@pytest.mark.parametrize("name", ["tls-exporter", "tls-server-end-point"])
def test_channel_binding(gateway, kind, versions, name):
    for mechanism in ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS"):
        with connect(gateway, kind, versions=versions) as client:
            features = client.open()
            assert mechanisms(features)[:2] == ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS"]
            assert bindings(features) == {"tls-exporter", "tls-server-end-point"}, "XEP-0440"
            # somebody between would have another connection
            assert scram(client, mechanism, "juliet", "secret", flag=f"p={name}", binding=bytes(32)) == "not-authorized"
            assert scram(client, mechanism, "juliet", "secret", flag=f"p={name}", binding=binding_of(client, name)) == "success"
            assert bind(client).startswith("juliet@localhost/")


@pytest.mark.parametrize("kind", KINDS)
def test_channel_binding_rules(gateway, kind):
    with connect(gateway, kind) as client:
        client.open()
        # "y": I could, but you offer none; it did, so somebody took it away (RFC 5802 6)
        assert scram(client, "SCRAM-SHA-256", "juliet", "secret", flag="y") == "not-authorized"
        assert scram(client, "SCRAM-SHA-256-PLUS", "juliet", "secret", flag="p=tls-unique", binding=bytes(12)) == "invalid-mechanism"
        assert scram(client, "SCRAM-SHA-256-PLUS", "juliet", "secret", flag="n") == "malformed-request"
        assert scram(client, "SCRAM-SHA-256", "juliet", "secret", flag="p=tls-exporter", binding=client.sock.exporter()) == "malformed-request"
    with connect(gateway, kind) as client:
        client.open()
        # the names of the two are not exchanged
        assert scram(client, "SCRAM-SHA-256-PLUS", "juliet", "secret", flag="p=tls-exporter", binding=client.sock.end_point()) == "not-authorized"
        assert scram(client, "SCRAM-SHA-256", "juliet", "secret", flag="n") == "success"


def test_y_is_right_where_no_plus_is_offered(make):
    gateway = make(auth__mechanisms="SCRAM-SHA-256,PLAIN", auth__fast="0")
    with DirectClient(gateway.tls) as client:
        features = client.open()
        assert mechanisms(features) == ["SCRAM-SHA-256", "PLAIN"]
        assert not bindings(features), "neither SCRAM nor a login token is bound to the connection here"
        assert scram(client, "SCRAM-SHA-256", "juliet", "secret", flag="y") == "success"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("versions", [TLS12, TLS13], ids=["1.2", "1.3"])
def test_channel_binding_of_a_resumed_connection(gateway, kind, versions):
    """No certificate is shown in it: the binding is that of the first handshake."""
    with connect(gateway, kind, versions=versions) as client:
        client.open()
        end_point, session = client.sock.end_point(), client.sock.tls.get_session()
    with connect(gateway, kind, versions=versions, session=session) as client:
        client.open()
        assert is_resumed(client)
        assert scram(client, "SCRAM-SHA-256-PLUS", "juliet", "secret", flag="p=tls-server-end-point", binding=end_point) == "success"
    with connect(gateway, kind, versions=versions, session=session) as client:
        client.open()
        assert scram(client, "SCRAM-SHA-256-PLUS", "juliet", "secret", flag="p=tls-exporter", binding=client.sock.exporter()) == "success"


def is_resumed(client):
    return bool(SSL._lib.SSL_session_reused(client.sock.tls._ssl))


# -- EXTERNAL --


@pytest.fixture
def external(make, folder):
    return make(tls__client_ca=str(folder / "people.crt"))


def person(pki, *addresses, **options):
    return Identity("somebody", addresses=addresses, **{"issuer": pki.people, **options})


@pytest.mark.parametrize("kind", ["starttls", "direct"])
def test_external(external, pki, kind):
    for authzid in ("=", encoded("juliet@localhost"), encoded("JULIET@localhost")):
        with connect(external, kind, certificate=person(pki, "juliet@localhost")) as client:
            assert client.sock.asked_authorities() == ["people"]
            assert "EXTERNAL" in mechanisms(client.open())
            begin(client, "EXTERNAL", authzid)
            assert outcome(client) == "success"
            assert bind(client).startswith("juliet@localhost/")


@pytest.mark.parametrize("kind", ["starttls", "direct"])
def test_external_with_an_empty_challenge(external, pki, kind):
    with connect(external, kind, certificate=person(pki, "juliet@localhost")) as client:
        client.open()
        begin(client, "EXTERNAL")
        client.until("<challenge")
        client.send("<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>")
        assert outcome(client) == "success"


@pytest.mark.parametrize("options, is_offered, condition", [
    (dict(addresses=["juliet@localhost"], days=-1), False, "invalid-mechanism"),
    (dict(addresses=["juliet@localhost"], issuer="strangers"), False, "invalid-mechanism"),
    (dict(addresses=["juliet@localhost"], issuer=None), False, "invalid-mechanism"),
    (dict(addresses=["juliet@example.com"]), True, "not-authorized"),
    (dict(addresses=["nobody@localhost"]), True, "not-authorized"),
    (dict(addresses=["localhost"]), True, "not-authorized"),
    (dict(addresses=["@@"]), True, "not-authorized"),
    (dict(addresses=[], names=["localhost"]), False, "invalid-mechanism"),
    (None, False, "invalid-mechanism"),
], ids=["expired", "other-authority", "self-signed", "foreign", "no-account", "domain", "no-address", "no-xmpp", "none"])
def test_external_refused(external, pki, options, is_offered, condition):
    certificate = None
    if options is not None:
        issuer = options.get("issuer", "people")
        certificate = Identity("somebody", **{**options, "issuer": issuer and getattr(pki, issuer)})
    with DirectClient(external.tls, certificate=certificate) as client:
        assert ("EXTERNAL" in mechanisms(client.open())) is is_offered
        begin(client, "EXTERNAL", "=")
        assert outcome(client) == condition
        # a certificate that does not count keeps nobody out
        begin(client, "PLAIN", plain("juliet", "secret"))
        assert outcome(client) == "success"


def test_external_for_another_account(external, pki):
    with DirectClient(external.tls, certificate=person(pki, "juliet@localhost")) as client:
        client.open()
        for authzid, condition in ((encoded("romeo@localhost"), "invalid-authzid"), (encoded("@@"), "invalid-authzid"),
                                   (encoded("juliet@localhost/balcony"), "invalid-authzid"), ("%%", "incorrect-encoding")):
            begin(client, "EXTERNAL", authzid)
            assert outcome(client) == condition


def test_external_with_several_addresses(external, pki):
    certificate = person(pki, "juliet@localhost", "romeo@localhost", "romeo@example.com")
    with DirectClient(external.tls, certificate=certificate) as client:
        client.open()
        begin(client, "EXTERNAL", "=")
        assert outcome(client) == "invalid-authzid", "which of the two?"
        begin(client, "EXTERNAL", encoded("romeo@localhost"))
        assert outcome(client) == "success"
        assert bind(client).startswith("romeo@localhost/")
    with DirectClient(external.tls, certificate=person(pki, "juliet@example.com", "romeo@localhost")) as client:
        client.open()
        begin(client, "EXTERNAL", "=")
        assert outcome(client) == "success", "only one of them is of this domain"


def test_external_of_a_disabled_account(external, pki, redis):
    redis.client().hset("xmpp:{juliet@localhost}:account", "disabled", 1)
    with DirectClient(external.tls, certificate=person(pki, "juliet@localhost")) as client:
        client.open()
        begin(client, "EXTERNAL", "=")
        assert outcome(client) == "account-disabled"


def test_browsers_are_not_asked_for_certificates(external, pki):
    with SecureWebSocketClient(external.https, certificate=person(pki, "juliet@localhost")) as client:
        assert client.sock.asked_authorities() is None
        assert "EXTERNAL" not in mechanisms(client.open())
        begin(client, "EXTERNAL", "=")
        assert outcome(client) == "invalid-mechanism"


def test_nobody_is_asked_without_authorities(gateway, pki):
    with DirectClient(gateway.tls, certificate=person(pki, "juliet@localhost")) as client:
        assert client.sock.asked_authorities() is None and "EXTERNAL" not in mechanisms(client.open())
