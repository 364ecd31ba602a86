"""Stock clients log in and talk to the Python echo service: slixmpp, libstrophe and Profanity over TCP; @xmpp/client,
strophe.js and stanza over WebSocket."""
import os
import pathlib
import subprocess

import pytest

from conftest import ROOT, wait_for
from profanity import Profanity

CLIENTS = pathlib.Path(__file__).parent / "clients"
BODY = 'Art thou not Romeo & a "Montague"? <3 ünï 🌹'


@pytest.fixture
def certificate(folder):
    key, crt = folder / "localhost.key", folder / "localhost.crt"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", crt],
                   check=True, capture_output=True)
    return {"tls__certificate": str(crt), "tls__key": str(key)}


@pytest.fixture
def echo(redis):
    process = subprocess.Popen(["/usr/bin/python3", str(ROOT / "deploy/examples/echo.py"), "echo.localhost"],
                               env={**os.environ, "REDIS_URL": redis.url}, stdout=subprocess.DEVNULL)
    wait_for(lambda: dict(redis.client().pubsub_numsub("xmpp:to:{echo.localhost}"))["xmpp:to:{echo.localhost}"] == 1, 10)
    yield
    process.terminate()
    process.wait(10)


def check(*words):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=60, cwd=CLIENTS.parent)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "online juliet@localhost/" in done.stdout and "echo echo.localhost" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["xmpp_client", "strophe_client", "stanza_client"])
def test_websocket(gateway, echo, name):
    check("node", CLIENTS / f"{name}.mjs", f"ws://127.0.0.1:{gateway.http}/xmpp-websocket", "juliet", "secret", BODY)


def test_xmpp_client_over_tcp(gateway, echo):
    check("node", CLIENTS / "xmpp_client.mjs", f"xmpp://127.0.0.1:{gateway.tcp}", "juliet", "secret", BODY)


@pytest.mark.parametrize("mode", ["plain", "starttls", "tls"])
def test_slixmpp(gateways, certificate, echo, mode):
    from conftest import free_port

    direct = free_port()
    gateway = gateways(listen__tls=f"127.0.0.1:{direct}", **certificate)
    check("/usr/bin/python3", CLIENTS / "slixmpp_client.py", direct if mode == "tls" else gateway.tcp, "juliet", "secret", BODY, mode)


@pytest.mark.parametrize("tls", [False, True])
def test_libstrophe(gateways, certificate, echo, tls):
    gateway = gateways(**(certificate if tls else {}))
    check(os.environ["STROPHE_CLIENT"], gateway.tcp, "juliet@localhost/libstrophe", "secret", BODY)


def test_profanity(gateways, certificate, echo, folder):
    gateway = gateways(**certificate)
    profanity = Profanity(folder)
    try:
        profanity.log_in("juliet@localhost", gateway.tcp)
        profanity.type("/msg echo.localhost wherefore art thou")
        profanity.wait("wherefore art thou", times=2)
    finally:
        profanity.quit()
