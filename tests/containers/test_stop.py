"""Ends: of the gateway by `docker stop`, and of Redis by SIGKILL.  Each test leaves everything running and healthy."""
import re

import pytest

from conftest import wait_for
from xmpp import Client, WebSocketClient

GOODBYE = re.compile(r"<stream:error.*<system-shutdown xmlns=['\"]urn:ietf:params:xml:ns:xmpp-streams['\"]", re.S)
STOP_SECONDS = 2.0


@pytest.fixture(scope="module")
def alice(stack):
    added = stack.add_user("alice@localhost", "alice-secret")
    assert added.returncode == 0, added.stderr
    return "alice", "alice-secret"


@pytest.fixture
def healthy(stack):
    yield
    stack.up()


def say(client, words):
    client.stanza(f"<message xmlns='jabber:client' to='echo.localhost' type='chat'><body>{words}</body></message>")


def test_stop_tells_the_clients_and_is_quick(stack, alice, healthy, report):
    with Client(stack.tcp) as tcp, WebSocketClient(stack.http) as web, Client(stack.tcp) as stranger:
        tcp.login(*alice)
        web.login(domain="guest.localhost", mechanism="ANONYMOUS")
        stranger.open()
        seconds = stack.stop(stack.container("gateway"))
        for client in (tcp, web, stranger):
            assert GOODBYE.search(client.until_closed(5)), client.seen
    report(f"docker stop of the gateway, three clients that answer nothing: {seconds:.2f} s")
    assert seconds < STOP_SECONDS
    assert stack.inspect("gateway")["State"]["ExitCode"] == 0


def test_stop_of_a_parent_and_its_workers(stack, healthy):
    container = stack.compose("run", "--detach", "--env", "STANZABUS_WORKERS=2", "gateway").stdout.split()[-1]
    try:
        health = lambda: stack.inspect_container(container)["State"]["Health"]["Status"]
        wait_for(lambda: health() == "healthy", 30, "a healthy container")
        assert stack.stop(container) < STOP_SECONDS
        assert stack.inspect_container(container)["State"]["ExitCode"] == 0
    finally:
        stack.docker("rm", "--force", container)


def test_redis_killed_and_back(stack, alice, healthy):
    heard, taken = stack.log("echo").count("listening at"), stack.log("gateway").count("lease-taken")
    with Client(stack.tcp, timeout=30) as client:
        client.login(*alice)
        say(client, "before")
        client.until("<body>before</body>")

        stack.compose("kill", "--signal", "KILL", "redis")
        wait_for(lambda: stack.inside("gateway", "stanzabus", "health").returncode == 1, 20, "health that says no")
        assert stack.inspect("gateway")["State"]["Running"]
        stack.compose("start", "redis")
        wait_for(lambda: stack.inside("gateway", "stanzabus", "health").returncode == 0, 30, "health that says yes")
        wait_for(lambda: stack.log("echo").count("listening at") > heard, 30, "an echo service that listens again")
        wait_for(lambda: stack.log("gateway").count("lease-taken") > taken, 30, "a gateway that listens to the service")

        say(client, "after")  # the session has outlived Redis
        client.until("<body>after</body>")
    with Client(stack.tcp) as client:
        client.login(*alice, mechanism="SCRAM-SHA-256")  # and so has the account
    assert stack.inspect("gateway")["RestartCount"] == 0
