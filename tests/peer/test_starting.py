"""The life of the process: starts that cannot be, stops, health, and what it logs."""
import json
import re
import signal
import socket
import subprocess
import time

import pytest

from conftest import free_port, wait_for
from shell import run, one_line, is_sanitized
from xmpp import Client, WebSocketClient


# -- starts that cannot be --


def test_taken_port(gateways, folder):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-keyout", folder / "c.pem", "-out", folder / "c.crt"], check=True, capture_output=True)
    gateway = gateways(users=(), start=False, tls__certificate=str(folder / "c.crt"), tls__key=str(folder / "c.pem"),
                       listen__tls=f"127.0.0.1:{free_port()}", listen__https=f"127.0.0.1:{free_port()}")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for key in ("listen.tcp", "listen.tls", "listen.http", "listen.https", "listen.admin"):
            for workers in (1, 2):
                done = gateway.command("serve", *gateway.sets(), "--set", f"{key}=127.0.0.1:{port}", "--set", f"workers={workers}", timeout=20)
                assert done.returncode == 1 and not done.stdout
                line = one_line(done.stderr)
                assert f"127.0.0.1:{port}" in line and key in line and "in use" in line, line


@pytest.mark.parametrize("workers", ["1", "2"])
def test_second_instance_on_the_same_ports(gateways, workers):
    """Workers share their ports with each other, not with another gateway."""
    gateway = gateways(workers=workers)
    for count in ("1", "2"):
        done = gateway.command("serve", *gateway.sets(), "--set", f"workers={count}", timeout=20)
        assert done.returncode == 1 and f"127.0.0.1:{gateway.tcp}" in one_line(done.stderr)
    Client(gateway.tcp).login("juliet").close()


def test_address_of_another_machine(gateways):
    gateway = gateways(users=(), start=False)
    done = gateway.command("serve", *gateway.sets(), "--set", "listen.tcp=192.0.2.1:5222", timeout=20)
    assert done.returncode == 1 and "192.0.2.1:5222" in one_line(done.stderr) and "listen.tcp" in done.stderr


def test_missing_certificate(gateways, folder):
    gateway = gateways(users=(), start=False)
    done = gateway.command("serve", *gateway.sets(), "--set", f"tls.certificate={folder}/none.crt", timeout=20)
    assert done.returncode == 1 and f"{folder}/none.crt" in done.stderr and "tls.certificate" in done.stderr


# -- forms of redis.url --


def test_redis_urls(gateways, redis):
    client = redis.client()
    client.acl_setuser("gateway", enabled=True, passwords=["+p@ss:w/rd"], keys=["*"], channels=["*"], commands=["+@all"])
    urls = [f"redis://127.0.0.1:{redis.port}", f"redis://localhost:{redis.port}", f"redis://127.0.0.1:{redis.port}/0", f"unix://{redis.socket}",
            f"redis+unix://{redis.socket}", f"redis://gateway:p%40ss%3Aw%2Frd@127.0.0.1:{redis.port}", f"unix://gateway:p%40ss%3Aw%2Frd@{redis.socket}"]
    for url in urls:
        gateway = gateways(users=(), redis__url=url)
        gateway.add_user("juliet@localhost", "secret")
        Client(gateway.tcp).login("juliet").close()
        gateway.stop()
        assert "p@ss" not in gateway.log() and "p%40ss" not in gateway.log()
    client.config_set("requirepass", "default-secret")
    gateway = gateways(users=(), redis__url=f"redis://:default-secret@127.0.0.1:{redis.port}")
    Client(gateway.tcp).login("juliet").close()
    gateway.stop()
    for url, words in ((f"redis://127.0.0.1:{redis.port}", "NOAUTH|[Aa]uthentication"), (f"redis://gateway:wrong@127.0.0.1:{redis.port}", "WRONGPASS|password"),
                       ("redis://no-such-host.invalid:6379", "no-such-host.invalid"), (f"unix://{redis.folder}/none.sock", "none.sock")):
        gateway = gateways(users=(), start=False, redis__url=url, redis__wait="1")
        done = gateway.command("serve", *gateway.sets(), timeout=30)
        assert done.returncode == 1 and re.search(words, done.stderr) and "redis.url" in done.stderr, done.stderr
        assert ":wrong@" not in done.stderr


# -- stops --


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_stop_within_two_seconds(gateways, number, workers):
    """With people on it, one of whom does not read, and connections that have said nothing yet."""
    gateway = gateways(workers=workers)
    juliet = Client(gateway.tcp).login("juliet", resource="balcony")
    romeo = WebSocketClient(gateway.http).login("romeo", resource="orchard")
    deaf = Client(gateway.tcp).login("romeo", resource="deaf")
    for _ in range(200):
        juliet.stanza(f"<message to='{deaf.jid}'><body>{'x' * 5000}</body></message>")
    silent = [socket.create_connection(("127.0.0.1", port)) for port in (gateway.tcp, gateway.http)]
    started = time.monotonic()
    gateway.process.send_signal(number)
    assert gateway.process.wait(5) == 0
    assert time.monotonic() - started < 2.0 + is_sanitized()  # the leak check is at the end
    assert "system-shutdown" in juliet.until_closed() and "system-shutdown" in romeo.until_closed()
    for one in silent:
        one.close()
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", gateway.tcp))


def test_stop_while_redis_is_frozen(gateways, redis):
    gateway = gateways()
    juliet = Client(gateway.tcp).login("juliet", resource="balcony")
    redis.freeze()
    try:
        started = time.monotonic()
        gateway.process.terminate()
        assert gateway.process.wait(5) == 0
        assert time.monotonic() - started < 2.0 + is_sanitized()
        assert "system-shutdown" in juliet.until_closed()
    finally:
        redis.thaw()


def test_stop_while_starting(gateways, redis):
    """Redis does not answer yet; a container that is stopped then must not hang."""
    redis.freeze()
    try:
        gateway = gateways(users=(), start=False)
        gateway.start(wait=False)
        wait_for(lambda: gateway.get("/healthz")[0] == 200, 10)
        started = time.monotonic()
        gateway.process.terminate()
        gateway.process.wait(5)
        assert time.monotonic() - started < 2.0 + is_sanitized()
    finally:
        redis.thaw()


# -- health --


def test_health(gateways, redis):
    gateway = gateways(redis__wait="1")
    settings = gateway.sets("listen.admin")
    assert run("health", *settings).stdout == "ready\n"
    redis.kill()
    wait_for(lambda: gateway.get("/readyz")[0] == 503, 10)
    done = run("health", *settings)
    assert done.returncode == 1 and "Redis does not answer" in one_line(done.stderr) and "503" in done.stderr
    redis.start()
    wait_for(lambda: run("health", *settings).returncode == 0, 15)
    gateway.stop()
    done = run("health", *settings)
    assert done.returncode == 1 and "is it running?" in one_line(done.stderr) and "listen.admin" in done.stderr
    assert "listen.admin is off" in one_line(run("health", "--set", "listen.admin=off").stderr)


def test_health_of_a_hung_gateway(gateways):
    gateway = gateways()
    gateway.process.send_signal(signal.SIGSTOP)
    try:
        started = time.monotonic()
        assert run("health", *gateway.sets("listen.admin")).returncode == 1
        assert time.monotonic() - started < 10
    finally:
        gateway.process.send_signal(signal.SIGCONT)


def test_logs_in_json(gateways):
    gateway = gateways(log__format="json", log__level="debug")
    Client(gateway.tcp).login("juliet", resource='a"b').close()
    gateway.stop()
    lines = [json.loads(line) for line in gateway.log().splitlines()]
    assert any(line.get("event") == "bound" for line in lines), lines[:3]
    assert "secret" not in gateway.log()
