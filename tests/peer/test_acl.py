"""deploy/redis.acl on a real Redis: the gateway and its commands need no more than their user may, a service works with its
own and can do nothing else, and who watches only watches."""
import json
import os
import subprocess

import pytest
import redis as redis_py

from conftest import BINARY, ROOT, Redis, wait_for
from xmpp import Client, WebSocketClient, connect

ACL = ROOT / "deploy/redis.acl"


class GuardedRedis(Redis):
    """With the shipped file, and one more user for the tests to look in with."""

    def __init__(self, folder, *arguments):
        path = folder / "users.acl"
        path.write_text(ACL.read_text().rstrip("\n") + "\nuser tester on >tester-secret ~* &* +@all\n")
        super().__init__(folder, "--aclfile", str(path), *arguments)

    def client(self, user="tester", **options):
        return super().client(username=user, password=f"{user}-secret", **options)

    def url_of(self, user):
        return f"redis://{user}:{user}-secret@127.0.0.1:{self.port}"

    @property
    def url(self):
        return self.url_of("stanzabus")

    def refusals(self, user):
        """What Redis refused it since the start."""
        return [f"{entry['context']} {entry['object']}" for entry in self.client().acl_log() if entry["username"] == user]


@pytest.fixture
def redis(folder, request):
    server = GuardedRedis(folder, *getattr(request, "param", ()))
    yield server
    server.stop()


@pytest.fixture
def echo(gateway, redis):
    process = subprocess.Popen(["/usr/bin/python3", str(ROOT / "deploy/examples/echo.py"), "echo.localhost"],
                               env={**os.environ, "REDIS_URL": redis.url_of("echo")}, stdout=subprocess.DEVNULL)
    wait_for(lambda: redis.client().pubsub_numsub("xmpp:to:{echo.localhost}")[0][1] == 1, 10)
    yield
    process.terminate()
    process.wait(10)


def may(redis, user, *command):
    """Whether Redis would let the user do it (ACL DRYRUN)."""
    try:
        return redis.client().execute_command("ACL DRYRUN", user, *command) == "OK"
    except redis_py.exceptions.ResponseError as error:
        assert "number of args" not in str(error), (command, error)
        return False


def test_who_does_not_log_in_is_nobody(redis):
    for make in (lambda: redis_py.Redis(unix_socket_path=redis.socket), lambda: redis_py.Redis(port=redis.port)):
        for act in (lambda c: c.ping(), lambda c: c.publish("xmpp:from:{echo.localhost}", "x"), lambda c: c.get("x")):
            with pytest.raises(redis_py.exceptions.AuthenticationError):
                act(make())


def test_all_works(gateway, redis, echo):
    for kind in ("tcp", "websocket"):
        with connect(gateway, kind).login("juliet", resource="balcony", mechanism="SCRAM-SHA-256").present() as juliet:
            with Client(gateway.tcp).login("romeo", resource="orchard").present() as romeo:
                juliet.stanza("<message to='echo.localhost' type='chat'><body>to the service</body></message>")
                juliet.until("<body>to the service</body>")
                juliet.stanza("<message to='romeo@localhost' type='chat'><body>to romeo</body></message>")
                romeo.until("<body>to romeo</body>")
                juliet.stanza("<presence to='romeo@localhost/orchard'><show>away</show></presence>")
                romeo.until("<show>away</show>")
                juliet.stanza("<message to='nobody@localhost' type='chat' id='n'><body>x</body></message>")
                juliet.until("service-unavailable")
    # the same resource on another session
    with Client(gateway.tcp).login("juliet", resource="balcony") as old, Client(gateway.tcp).login("juliet", resource="balcony"):
        assert "conflict" in old.until_closed()
    wait_for(lambda: redis.client().hlen("xmpp:{juliet@localhost}:sessions") == 0)
    assert redis.refusals("stanzabus") == [] and redis.refusals("echo") == []


def test_request_and_answer(gateway, redis):
    service = redis.client("echo")
    mailbox = service.pubsub()
    mailbox.subscribe("xmpp:to:{echo.localhost}")
    assert mailbox.get_message(timeout=5)["type"] == "subscribe"
    with WebSocketClient(gateway.http).login("juliet", resource="balcony") as juliet:
        juliet.stanza("<iq to='echo.localhost' type='get' id='q1'><order xmlns='urn:example:order'/></iq>")
        event = json.loads(mailbox.get_message(timeout=5)["data"])
        answer = {"data": {"kind": "iq", "type": "result", "id": "q1", "to": event["data"]["from"]}}
        assert service.publish(event["replyto"], json.dumps(answer)) == 1
        juliet.until(r"<iq[^>]*type=['\"]result['\"]")
        # unasked, and what is refused comes back to it
        assert service.publish("xmpp:from:{echo.localhost}", json.dumps({"data": {"kind": "message", "to": juliet.jid, "body": "hi"}})) == 1
        juliet.until("<body>hi</body>")
        service.publish("xmpp:from:{echo.localhost}", json.dumps({"data": {"kind": "message", "from": "orders.localhost", "to": juliet.jid, "body": "forged"}}))
        assert json.loads(mailbox.get_message(timeout=5)["data"])["type"] == "xmpp.refused"
        assert "forged" not in juliet.seen
    assert redis.refusals("echo") == [] and redis.refusals("stanzabus") == []


def test_commands(redis, folder):
    """user, send and tail, each with the user it is for."""
    def run(*words, user="stanzabus", **options):
        return subprocess.run([BINARY, *words, "--set", f"redis.url={redis.url_of(user)}", "--set", "auth.iterations=4096",
                               "--set", "services.domains=echo.localhost"], capture_output=True, text=True, timeout=30, **options)

    assert run("user", "add", "nurse@localhost", input="secret\n").returncode == 0
    assert run("user", "passwd", "nurse@localhost", input="other\n").returncode == 0
    assert run("user", "list").stdout == "nurse@localhost\n"
    (folder / "users.txt").write_text("friar@localhost\tsecret\n")
    assert run("user", "import", str(folder / "users.txt")).returncode == 0
    assert run("user", "del", "nurse@localhost").returncode == 0
    assert run("user", "list").stdout == "friar@localhost\n"
    assert redis.refusals("stanzabus") == []
    done = run("user", "list", user="echo")
    assert done.returncode == 1 and "NOPERM" in done.stderr and len(done.stderr.splitlines()) == 2, done.stderr


def test_send_and_tail_with_their_own_users(gateway, redis):
    tail = subprocess.Popen([BINARY, "tail", "--set", f"redis.url={redis.url_of('observer')}"],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: redis.client().pubsub_numsub("xmpp:stanza:message")[0][1] == 1, 10)
    with Client(gateway.tcp).login("juliet", resource="balcony").present() as juliet:
        done = subprocess.run([BINARY, "send", "--set", f"redis.url={redis.url_of('echo')}", "--set", "services.domains=echo.localhost",
                               "--from", "echo.localhost", "--to", "juliet@localhost", "--body", "by the echo user"],
                              capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stderr
        juliet.until("by the echo user")
        done = subprocess.run([BINARY, "send", "--set", f"redis.url={redis.url_of('echo')}", "--set", "services.domains=orders.localhost",
                               "--from", "orders.localhost", "--to", "juliet@localhost", "--body", "not mine"],
                              capture_output=True, text=True, timeout=30)
        assert done.returncode == 1 and "NOPERM" in done.stderr
    line = next(line for line in iter(tail.stdout.readline, "") if "by the echo user" in line)
    assert "juliet@localhost" in line
    tail.terminate()
    assert tail.communicate(timeout=5)[1] == "stanzabus tail: watching; Ctrl-C ends it\n" and tail.returncode == 0


def test_after_redis_restarts(gateways, redis):
    gateway = gateways(workers="2", redis__wait="1")
    redis.kill()
    wait_for(lambda: gateway.get("/readyz")[0] == 503, 15)
    redis.start()
    wait_for(gateway.is_ready, 20)
    gateway.add_user("juliet@localhost", "secret")
    with Client(gateway.tcp).login("juliet").present() as juliet:
        juliet.stanza("<message to='juliet@localhost'><body>again</body></message>")
        juliet.until("<body>again</body>")
    assert redis.refusals("stanzabus") == []


@pytest.mark.parametrize("redis", [("--appendonly", "yes", "--appendfsync", "always")], indirect=True)
def test_what_redis_wrote_down_is_there_when_it_comes_again(gateways, redis):
    """What scripts wrote is read in the name of the user default, who is off and yet has to have the rights."""
    gateway = gateways(users=("juliet", "romeo"))
    romeo = Client(gateway.tcp).login("romeo")
    romeo.send("<message to='juliet@localhost' id='1'><body>It is the east</body></message>")
    wait_for(lambda: redis.client().xlen("xmpp:{juliet@localhost}:log") == 1, what="a message that waits")
    before = {key for key in redis.client().keys("*") if redis.client().ttl(key) == -1}
    redis.kill()
    redis.start()
    assert before <= set(redis.client().keys("*"))
    assert "NOPERM" not in (redis.folder / "redis.log").read_text()
    wait_for(lambda: "redis-up" in gateway.log().split("redis-lost")[-1], 20, "a gateway that is back")
    juliet = Client(gateway.tcp).login("juliet").present()
    juliet.until(r"It is the east")


def test_a_service_can_do_nothing_else(redis):
    mine = [("SUBSCRIBE", "xmpp:to:{echo.localhost}"), ("PUBLISH", "xmpp:from:{echo.localhost}", "x"),
            ("PUBLISH", "xmpp:from:{echo.localhost}:node-0-1234", "x"), ("PING",), ("UNSUBSCRIBE",)]
    for command in mine:
        assert may(redis, "echo", *command), command
    others = ["xmpp:to:{orders.localhost}", "xmpp:to:{juliet@localhost}", "xmpp:to:{echo.localhost.example}", "xmpp:from:{orders.localhost}",
              "xmpp:from:{echo.localhos}", "xmpp:from:{xecho.localhost}", "xmpp:from:{orders.localhost}:{echo.localhost}",
              "xmpp:stanza:message", "xmpp:session", "xmpp:dead", "xmpp:node:n", "x", "xmpp:to:{*}", "*"]
    for channel in others:
        assert not may(redis, "echo", "SUBSCRIBE", channel) and not may(redis, "echo", "PUBLISH", channel, "x"), channel
        assert not may(redis, "echo", "SUBSCRIBE", "xmpp:to:{echo.localhost}", channel), channel
    # to hear what it says, or to say what it hears
    assert not may(redis, "echo", "PUBLISH", "xmpp:to:{echo.localhost}", "x")
    assert not may(redis, "echo", "SUBSCRIBE", "xmpp:from:{echo.localhost}")
    for pattern in ("*", "xmpp:*", "xmpp:to:{echo.localhost}", "xmpp:from:{echo.localhost}*"):
        assert not may(redis, "echo", "PSUBSCRIBE", pattern)


def all_commands(redis):
    """Every command and subcommand of this Redis, with as many arguments as it needs."""
    for name, about in redis.client().command().items():
        subcommands = about.get("subcommands") or []
        for entry in subcommands:
            text, arity = (entry[0], entry[1]) if isinstance(entry, list) else (entry["name"], entry["arity"])
            yield tuple(text.split("|")) + ("1",) * (abs(arity) - 2)
        if not subcommands:
            yield (name,) + ("1",) * (abs(about["arity"]) - 1)


@pytest.mark.parametrize("user, allowed", [
    ("echo", {"auth", "hello", "ping", "quit", "reset", "unsubscribe", "client|setname"}),
    ("observer", {"auth", "hello", "ping", "quit", "reset", "unsubscribe", "client|setname"}),
])
def test_no_other_command(redis, user, allowed):
    """Of all there are: on a channel or key that is not its own, none but those that every connection needs."""
    count, found = 0, set()
    for command in all_commands(redis):
        count += 1
        try:
            said = redis.client().execute_command("ACL DRYRUN", user, *command)
        except redis_py.exceptions.ResponseError as error:
            said = str(error)
        if said == "OK":
            found.add("|".join(word for word in command if word != "1"))
        else:
            assert "has no permissions" in said, (command, said)
    assert count > 300
    assert found == allowed


def test_an_observer_only_watches(redis):
    for channel in ("xmpp:stanza:message", "xmpp:stanza:presence", "xmpp:stanza:iq", "xmpp:session", "xmpp:dead"):
        assert may(redis, "observer", "SUBSCRIBE", channel)
        assert not may(redis, "observer", "PUBLISH", channel, "x")
    for channel in ("xmpp:to:{juliet@localhost}", "xmpp:to:{echo.localhost}", "xmpp:from:{echo.localhost}", "xmpp:node:n", "*"):
        assert not may(redis, "observer", "SUBSCRIBE", channel) and not may(redis, "observer", "PUBLISH", channel, "x")
    assert not may(redis, "observer", "PSUBSCRIBE", "xmpp:stanza:*")


def test_the_gateway_keeps_to_its_own(redis):
    for command in (("FLUSHALL",), ("KEYS", "*"), ("CONFIG", "SET", "save", ""), ("ACL", "LIST"), ("EVAL", "return 1", "0"), ("SHUTDOWN",),
                    ("MONITOR",), ("DEBUG", "SLEEP", "1"), ("CLIENT", "LIST"), ("REPLICAOF", "NO", "ONE"), ("MIGRATE", "h", "1", "k", "0", "1"),
                    ("GET", "other"), ("SET", "other", "x"), ("HGETALL", "session:1"), ("PUBLISH", "other", "x"), ("SUBSCRIBE", "other"),
                    ("PSUBSCRIBE", "xmpp:*")):
        assert not may(redis, "stanzabus", *command), command
    for command in (("HGETALL", "xmpp:{juliet@localhost}:sessions"), ("PUBLISH", "xmpp:to:{juliet@localhost}", "x"), ("SUBSCRIBE", "xmpp:node:n")):
        assert may(redis, "stanzabus", *command), command


def test_the_docs_line_for_a_service_of_ones_own(redis):
    """deploy/redis.acl.md gives a line to copy: it must do what it says."""
    line = next(line.strip() for line in (ROOT / "deploy/redis.acl.md").read_text().splitlines() if line.strip().startswith("user orders"))
    rules = line.split(" ", 2)[2].replace(">PASSWORD", ">orders-secret")
    import re

    words = re.findall(r"\([^)]*\)|\S+", rules)
    redis.client().execute_command("ACL", "SETUSER", "orders", *words)
    assert may(redis, "orders", "SUBSCRIBE", "xmpp:to:{orders.example.com}") and may(redis, "orders", "PUBLISH", "xmpp:from:{orders.example.com}:n", "x")
    assert not may(redis, "orders", "SUBSCRIBE", "xmpp:to:{echo.localhost}") and not may(redis, "orders", "PUBLISH", "xmpp:to:{orders.example.com}", "x")
    assert redis.client("orders").ping()
