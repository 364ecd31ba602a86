"""Hostile clients and services: the gateway goes on, the neighbours notice nothing, and what is sent is answered."""
import json
import socket
import ssl
import struct
import subprocess
import time

import pytest

from conftest import free_port, wait_for
from xmpp import connect

STANZA_BYTES = 262144


def ping(client, number=0, timeout=10):
    """Seconds that an answer of the server takes."""
    started = time.monotonic()
    client.stanza(f"<iq type='get' id='p{number}' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>")
    client.until(rf"<iq[^>]*id=['\"]p{number}['\"]", timeout)
    return time.monotonic() - started


def memory_of(gateway):
    """Resident kilobytes."""
    with open(f"/proc/{gateway.process.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


# -- whatever is legal on the stream passes the bus --


def fill(unit, wrap="%s"):
    """So many units that a message with them is almost as large as a stanza may be."""
    return wrap % (unit * ((STANZA_BYTES - 400 - len(wrap)) // len(unit.encode())))


@pytest.mark.parametrize("inner", [
    fill('"', "<body>%s</body>"),
    fill("&#9;", "<body>%s</body>"),
    fill("\x7f", "<body>%s</body>"),
    fill("\u2028", "<body>%s</body>"),
    fill("\U0001F600", "<body>%s</body>"),
    fill("<a/>"),
    fill("<a/>", "<x xmlns='urn:x'>%s</x>"),
    fill("<a/>", "<x xmlns='urn:%s'>%%s</x>" % ("y" * 200)),
    fill("<a>.</a>.", "<x xmlns='urn:x'>%s</x>"),
    fill("<a xmlns='u'/>", "<x xmlns='urn:x'>%s</x>"),
    fill("<a b='' c='' d='' e='' f=''/>", "<x xmlns='urn:x'>%s</x>"),
    fill("&#9;", "<x xmlns='urn:x' a='%s'/>"),
    fill("<subject/>"),
    "".join(f"<body xml:lang='l{i}'>x</body>" for i in range(6000)),
    "<x xmlns='urn:x'>" + "<a>" * 98 + "</a>" * 98 + "</x>",
], ids=["quotes", "tabs", "deletes", "separators", "emoji", "children", "grandchildren", "long-namespace", "mixed", "namespaces",
        "attributes", "attribute-of-tabs", "subjects", "languages", "depth-100"])
def test_the_largest_stanzas_arrive(gateway, inner):
    juliet = connect(gateway, "tcp").login("juliet", resource="balcony")
    romeo = connect(gateway, "websocket").login("romeo", resource="orchard")
    juliet.stanza(f"<message to='{romeo.jid}' id='big'>{inner}</message>")
    assert "error" not in romeo.until(r"<message[^>]*id='big'[^>]*>").group(0)
    romeo.until("</message>")
    assert gateway.metrics()["undeliverable_total"] == 0


# -- services --


def said_by_service(redis, data, times=1, channel="xmpp:from:{echo.localhost}"):
    pipe = redis.client().pipeline(transaction=False)
    for _ in range(times):
        pipe.publish(channel, data if isinstance(data, str) else json.dumps({"data": data}))
    return pipe.execute()


def events_in(mailbox, seconds):
    """All that have come, and come within that time."""
    events, deadline = [], time.monotonic() + seconds
    while time.monotonic() < deadline:
        item = mailbox.get_message(timeout=0.1)
        if item:
            events.append(json.loads(item["data"]))
            deadline = max(deadline, time.monotonic() + 0.2)
    return events


@pytest.mark.parametrize("event", [
    {"kind": "message", "to": "nobody@localhost", "body": "x"},
    {"kind": "message", "to": "juliet@localhost/balcony", "body": "x"},
    "no JSON at all",
], ids=["bounced", "delivered", "refused"])
def test_a_service_that_floods(gateways, redis, event):
    """It is told once a second that it says too much; people are not held back for it, and nobody loses a subscription."""
    gateway = gateways(limits__redis_queue="300000")
    juliet = connect(gateway, "tcp").login("juliet", resource="balcony")
    neighbour = connect(gateway, "websocket").login("romeo", resource="orchard")
    mailbox = redis.client().pubsub(ignore_subscribe_messages=True)
    mailbox.subscribe("xmpp:to:{echo.localhost}")
    for number in range(5):
        said_by_service(redis, event, 10000)
        assert ping(neighbour, number) < 5
        juliet.seen = ""
        juliet.sock.settimeout(0.001)
        try:
            while True:
                juliet.fill()
        except TimeoutError:
            pass
    wait_for(lambda: gateway.metrics()["service_events_total"] + gateway.metrics()["service_drops_total"] == 50000, 30, "all came")
    metrics = gateway.metrics()
    assert metrics["bus_gaps_total"] == 0 and metrics["redis_queue_bytes"] < 600000
    assert gateway.get("/readyz")[0] == 200
    assert len(gateway.log().splitlines()) < 100
    if metrics["service_drops_total"]:
        told = [event["data"] for event in events_in(mailbox, 1)]
        assert 1 <= [data.get("reason") for data in told].count("too-much") < 20
    wait_for(lambda: said_by_service(redis, {"kind": "message", "to": neighbour.jid, "body": "slowly now"}) == [1])
    neighbour.until("<body>slowly now</body>")


def test_a_service_that_speaks_with_itself(gateways, redis):
    """Its request to itself comes to it, and ends in the timeout that it leaves it to; nothing goes round."""
    gateways(services__timeout="500ms")
    mailbox = redis.client().pubsub(ignore_subscribe_messages=True)
    mailbox.subscribe("xmpp:to:{echo.localhost}")
    said_by_service(redis, {"kind": "iq", "type": "get", "id": "me", "to": "ECHO.localhost",
                            "extensions": [{"name": "ping", "xmlns": "urn:xmpp:ping"}]})
    said_by_service(redis, {"kind": "message", "type": "error", "to": "echo.localhost", "error": {"type": "cancel", "condition": "gone"}})
    seen = [event["data"] for event in events_in(mailbox, 2)]
    assert [(data["kind"], data["type"]) for data in seen] == [("iq", "get"), ("message", "error"), ("iq", "error")]
    assert seen[2]["error"]["condition"] == "remote-server-timeout"


# -- TLS --


@pytest.fixture
def secure(gateways, folder):
    """A gateway with a certificate whose key is in the same file."""
    path, key = folder / "localhost.pem", folder / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "60",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(path)],
                   check=True, capture_output=True)
    path.write_text(path.read_text() + key.read_text())
    tls, https = free_port(), free_port()
    gateway = gateways(tls__certificate=str(path), listen__tls=f"127.0.0.1:{tls}", listen__https=f"127.0.0.1:{https}")
    gateway.tls, gateway.https = tls, https
    return gateway


def trusting():
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def hello():
    """The first bytes of a TLS client."""
    out = ssl.MemoryBIO()
    try:
        trusting().wrap_bio(ssl.MemoryBIO(), out, server_hostname="localhost").do_handshake()
    except ssl.SSLWantReadError:
        return out.read()


def test_handshakes_that_break_off(secure):
    juliet = connect(secure, "tcp").login("juliet")
    first = hello()
    for i in range(1000):
        sock = socket.create_connection(("127.0.0.1", (secure.tls, secure.https)[i % 2]))
        sock.sendall(first[:1 + i % len(first)] if i % 3 else first + b"garbage" * (i % 50))
        if i % 5 == 0:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
    assert ping(juliet) < 5
    wait_for(lambda: secure.metrics()["connections"] == 1, what="only juliet is left")


def test_starttls_twice_and_plain_text_behind_it(secure):
    twice = connect(secure, "tcp")
    twice.open()
    twice.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>" * 2 + "<presence/>")  # all but the first is dropped
    twice.until("<proceed.*?/>")
    twice.sock, twice.seen = trusting().wrap_socket(twice.sock, server_hostname="localhost"), ""
    assert "starttls" not in twice.open()
    twice.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
    assert "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>" in twice.until_closed()
    plain = connect(secure, "tcp")
    plain.open()
    plain.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
    plain.until("<proceed.*?/>")
    plain.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGp1bGlldABzZWNyZXQ=</auth>")
    assert "success" not in plain.until_closed()


# -- WebSocket and HTTP --


def test_a_handshake_in_two_pieces_with_the_first_frame_behind_it(gateway):
    text = b"<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='localhost' version='1.0'/>"
    request = (b"GET /xmpp-websocket HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: xmpp\r\n\r\n"
               + b"\x81" + bytes([0x80 | len(text)]) + bytes(4) + text)
    for cut in range(1, len(request), 5):
        with socket.create_connection(("127.0.0.1", gateway.http), timeout=5) as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.sendall(request[:cut])
            sock.sendall(request[cut:])
            seen = b""
            while b"</stream:features>" not in seen:
                data = sock.recv(65536)
                assert data, (cut, seen)
                seen += data


def test_frames_without_end(gateway):
    """Empty fragments, and pings whose answers are not read: neither memory nor the neighbour suffers."""
    juliet = connect(gateway, "tcp").login("juliet")
    empty, pings = connect(gateway, "websocket"), connect(gateway, "websocket")
    before = memory_of(gateway)
    empty.sock.sendall(b"\x01\x80" + bytes(4) + (b"\x00\x80" + bytes(4)) * 100000)
    pings.sock.settimeout(1)
    try:
        for _ in range(100):
            pings.sock.sendall((b"\x89\xfd" + bytes(4) + b"x" * 125) * 1000)
    except TimeoutError:
        pass  # it is not read any more
    assert ping(juliet) < 5
    assert memory_of(gateway) - before < 60000


def test_nothing_counts_behind_a_close(gateway):
    juliet = connect(gateway, "tcp").login("juliet").present()
    romeo = connect(gateway, "websocket").login("romeo")
    romeo.frame(struct.pack(">H", 1000), 8)
    romeo.frame(b"<message xmlns='jabber:client' to='juliet@localhost' type='chat'><body>too late</body></message>")
    assert romeo.until_closed() == ""
    ping(juliet)
    assert "too late" not in juliet.seen


def test_connections_that_say_nothing(gateways):
    """Thousands that never finish their handshake: the neighbour is served, and in the end they are gone."""
    gateway = gateways(limits__login_seconds="2")
    juliet = connect(gateway, "tcp").login("juliet")
    opened = []
    for i in range(3000):
        sock = socket.socket()
        sock.setblocking(False)
        sock.connect_ex(("127.0.0.1", (gateway.tcp, gateway.http)[i % 2]))
        opened.append(sock)
    assert ping(juliet) < 5
    for sock in opened:
        try:
            sock.send(b"GET /xmpp-websocket HTTP/1.1\r\nHost: x")
        except OSError:
            pass
    assert ping(juliet, 1) < 5

    def are_closed():
        for sock in list(opened):
            try:
                if not sock.recv(65536):
                    opened.remove(sock)
            except BlockingIOError:
                return False
            except OSError:
                opened.remove(sock)
        return not opened

    wait_for(are_closed, 25, "all are closed", 0.2)
    assert ping(juliet, 2) < 5
