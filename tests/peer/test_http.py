"""What the HTTP listeners answer beside WebSocket: host-meta (XEP-0156), the page or nothing, refusals, origins; and the
admin listener's health, readiness and metrics."""
import http.client
import json
import re
import socket
import time
import xml.etree.ElementTree

import pytest

from conftest import ROOT, wait_for
from xmpp import Client, Closed, WebSocketClient

XRD = "{http://docs.oasis-open.org/ns/xri/xrd-1.0}"


def ask(port, path, method="GET", body=None, **headers):
    """(status, headers, text)"""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode()
    finally:
        connection.close()


def raw(port, text, seconds=5):
    """Everything that comes back for these bytes until the server closes, or falls silent."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as sock:
        sock.sendall(text.encode())
        got = b""
        try:
            while data := sock.recv(65536):
                got += data
        except TimeoutError:
            raise AssertionError(f"the connection stays open after {got!r}") from None
        return got.decode()


# -- host-meta --


def test_host_meta_in_xml(gateway):
    status, headers, text = ask(gateway.http, "/.well-known/host-meta", Host="chat.example.com:8443")
    assert status == 200 and headers["Content-Type"].startswith("application/xrd+xml")
    assert headers["Access-Control-Allow-Origin"] == "*", "XEP-0156 2: pages of any origin read it"
    links = xml.etree.ElementTree.fromstring(text).findall(f"{XRD}Link")
    assert [(link.get("rel"), link.get("href")) for link in links] == \
        [("urn:xmpp:alt-connections:websocket", "ws://chat.example.com:8443/xmpp-websocket")]


def test_host_meta_in_json(gateway):
    status, headers, text = ask(gateway.http, "/.well-known/host-meta.json", Host="chat.example.com")
    assert status == 200 and headers["Content-Type"] == "application/json" and headers["Access-Control-Allow-Origin"] == "*"
    assert json.loads(text) == {"links": [{"rel": "urn:xmpp:alt-connections:websocket",
                                           "href": "ws://chat.example.com/xmpp-websocket"}]}


@pytest.mark.parametrize("host", ["<x>", "a'b", 'a"b', "a/b", "a b", ""])
def test_host_meta_of_a_strange_host(gateway, host):
    """The host is written into the answer: whatever is no host gets none."""
    for path in ("/.well-known/host-meta", "/.well-known/host-meta.json"):
        answer = raw(gateway.http, f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
        assert answer.startswith("HTTP/1.1 400 ") and "xmpp-websocket" not in answer


def test_host_meta_behind_a_proxy(gateways):
    path = "/.well-known/host-meta.json"
    forwarded = dict(X_Forwarded_Proto="https", X_Forwarded_Host="chat.example.com")
    trusting, other = gateways(http__trusted_proxies="127.0.0.0/8"), gateways()
    assert "wss://chat.example.com/xmpp-websocket" in ask(trusting.http, path, **forwarded)[2]
    assert f"ws://127.0.0.1:{other.http}/xmpp-websocket" in ask(other.http, path, **forwarded)[2]


# -- refusals --


@pytest.mark.parametrize("path", ["/", "/index.html", "/demo.json", "/app.js", "/strophe.min.js", "/metrics", "/healthz", "/readyz",
                                  "/../etc/passwd", "/%2e%2e/etc/passwd", "/xmpp-websocket", "/.well-known/", "//"])
def test_nothing_there(gateway, path):
    """The page is off unless it is asked for, and the admin's paths are on the admin's listener."""
    assert ask(gateway.http, path)[0] == 404
    if path not in ("/metrics", "/healthz", "/readyz"):
        assert ask(gateway.admin, path)[0] == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT", "BREW"])
def test_methods(gateway, method):
    for port in (gateway.http, gateway.admin):
        answer = raw(port, f"{method} / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
        assert answer.startswith("HTTP/1.1 405 ") and "\r\nAllow: GET, HEAD\r\n" in answer


def test_head(gateway):
    for port, path in ((gateway.http, "/.well-known/host-meta"), (gateway.admin, "/healthz"), (gateway.http, "/nothing")):
        status, headers, text = ask(port, path, "HEAD")
        assert status == ask(port, path)[0] and int(headers["Content-Length"]) > 0 and text == ""


@pytest.mark.parametrize("request_text, status", [
    ("GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505),
    ("GET /\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: x\r\n folded: y\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n", 400),
    ("\x16\x03\x01\x02\x00\r\n\r\n", 400),
    ("GET /" + "a" * 20000 + " HTTP/1.1\r\nHost: x\r\n\r\n", 431),
    ("GET / HTTP/1.1\r\nHost: x\r\n" + "X: y\r\n" * 10000 + "\r\n", 431),
])
def test_broken_requests(gateway, request_text, status):
    assert raw(gateway.http, request_text).startswith(f"HTTP/1.1 {status} ")


def test_a_request_with_a_body_ends_the_connection(gateway):
    """Else the body would be read as the next request."""
    answer = raw(gateway.http, "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\nGET /.well-known/host-meta HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.count("HTTP/1.1 ") == 1


def test_one_connection_many_requests(gateway):
    connection = http.client.HTTPConnection("127.0.0.1", gateway.http, timeout=5)
    for path, status in [("/.well-known/host-meta", 200), ("/x", 404), ("/.well-known/host-meta.json", 200)] * 5:
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == status
    connection.close()
    several = raw(gateway.http, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n" * 3 + "GET /b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert several.count("HTTP/1.1 404 ") == 4


# -- the page --


def test_page_when_it_is_on(gateways):
    gateway = gateways(http__demo="on", auth__anonymous_domain="guest.localhost")
    status, headers, text = ask(gateway.http, "/")
    assert status == 200 and headers["Content-Type"].startswith("text/html") and "<title>stanzabus</title>" in text
    assert "default-src 'none'" in headers["Content-Security-Policy"] and headers["X-Content-Type-Options"] == "nosniff"
    for name in re.findall(r'(?:src|href)="([\w.]+)"', text):
        status, headers, content = ask(gateway.http, f"/{name}")
        assert status == 200 and content and ("javascript" in headers["Content-Type"] or "css" in headers["Content-Type"])
    assert json.loads(ask(gateway.http, "/demo.json")[2]) == \
        {"domain": "localhost", "guest_domain": "guest.localhost", "services": ["echo.localhost"]}


# -- origins --


def upgrades(gateway, origin, host=None):
    headers = [f"Origin: {origin}"] if origin is not None else []
    try:
        with WebSocketClient(gateway.http, host=host or "127.0.0.1", headers=headers) as client:
            return "mechanisms" in client.open()
    except Closed as refused:
        assert " 403 " in str(refused), refused
        return False


def test_origins_by_default(gateway):
    """The page's own host, and what is no page (no Origin at all)."""
    assert upgrades(gateway, None)
    assert upgrades(gateway, f"http://127.0.0.1:{gateway.http}") and upgrades(gateway, f"https://127.0.0.1:{gateway.http}")
    for origin in ("http://127.0.0.1", "http://evil.example.com", "null", "", f"http://127.0.0.1:{gateway.http}.evil.example.com",
                   f"http://evil.example.com:{gateway.http}", f"file://127.0.0.1:{gateway.http}"):
        assert not upgrades(gateway, origin), origin
    assert gateway.metrics()["websockets_refused_total"] == 7
    assert "origin_refused" in gateway.log() and "http.origins" in gateway.log()


def test_origins_from_the_list(gateways):
    gateway = gateways(http__origins="https://chat.example.com, http://localhost:8080")
    assert upgrades(gateway, "https://chat.example.com") and upgrades(gateway, "http://localhost:8080") and upgrades(gateway, None)
    assert upgrades(gateway, "https://CHAT.example.com"), "RFC 6454 4: hosts know no case"
    for origin in ("http://chat.example.com", "https://chat.example.com.evil.example.com", "https://chat.example.com:8443",
                   f"http://127.0.0.1:{gateway.http}", "null"):
        assert not upgrades(gateway, origin), origin
    assert upgrades(gateways(http__origins="*"), "https://anything.example.com")


# -- the admin listener --


def table():
    """The names and types that metrics.h declares."""
    text = (ROOT / "include/stanzabus/metrics.h").read_text()
    return dict(re.findall(r'^\s*X\(\w+,\s*"(\w+)",\s*(gauge|counter),', text, re.M))


@pytest.mark.parametrize("workers", [1, 2])
def test_metrics_have_every_name(gateways, workers):
    gateway = gateways(workers=str(workers))
    status, headers, text = ask(gateway.admin, "/metrics")
    assert status == 200 and headers["Content-Type"].startswith("text/plain; version=0.0.4")
    names = table()
    assert len(names) > 30
    for name, kind in names.items():
        assert re.search(rf"^# HELP stanzabus_{name} \S.*\n# TYPE stanzabus_{name} {kind}\nstanzabus_{name} -?\d+$", text, re.M), name
    for line in text.splitlines():
        assert re.fullmatch(r"# (HELP|TYPE) stanzabus_\w+ .+|stanzabus_\w+(\{\w+=\"\w+\"\})? -?\d+", line), line
    assert text.endswith("\n")


@pytest.mark.parametrize("workers", [1, 2])
def test_metrics_count(gateways, workers):
    gateway = gateways(workers=str(workers))
    before = gateway.metrics()
    with Client(gateway.tcp).login("juliet", resource="balcony").present() as juliet:
        with WebSocketClient(gateway.http).login("romeo", resource="orchard").present() as romeo:
            juliet.stanza("<message to='romeo@localhost'><body>x</body></message>")
            romeo.until("<body>x</body>")
            during = gateway.metrics()
            assert during["connections"] == during["sessions"] == during["logins_total"] == 2
            assert during["stanzas_in_total"] >= 3 and during["bytes_in_total"] > 500 < during["bytes_out_total"]
            assert during["bus_published_total"] > before["bus_published_total"] and during["redis_up"] == workers
    wait_for(lambda: gateway.metrics()["connections"] == gateway.metrics()["sessions"] == 0)
    assert gateway.metrics()["logins_total"] == 2


def test_healthz_and_readyz(gateway):
    assert ask(gateway.admin, "/healthz")[::2] == (200, "ok\n")
    status, headers, text = ask(gateway.admin, "/readyz")
    assert (status, text) == (200, "ready\n") and headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("workers", [1, 2])
def test_readyz_says_why_not(gateways, redis, workers):
    gateway = gateways(workers=str(workers), redis__wait="1")
    redis.kill()
    status, text = wait_for(lambda: (answer := gateway.get("/readyz"))[0] == 503 and answer, 10)
    assert text == "Redis does not answer\n"
    assert gateway.get("/healthz") == (200, "ok\n"), "it lives: whoever restarts it would only lose its sessions"
    wait_for(lambda: gateway.metrics()["redis_up"] == 0)
    redis.start()
    wait_for(gateway.is_ready, 15)


def test_admin_off(gateways):
    gateway = gateways(start=False, listen__admin="off")
    gateway.start(wait=False)
    wait_for(lambda: "serving" in gateway.log(), 15)
    assert gateway.get("/healthz")[0] == 0


def test_a_client_that_says_nothing_is_let_go(gateway):
    with socket.create_connection(("127.0.0.1", gateway.http)) as sock:
        sock.settimeout(60)
        started = time.monotonic()
        assert sock.recv(100) == b""
        assert time.monotonic() - started < 45
