"""The program in the shell: settings checked, accounts made, the bus watched and spoken to, starts that cannot be, and stops."""
import base64
import hashlib
import hmac
import json
import os
import pathlib
import pty
import re
import select
import signal
import socket
import subprocess
import threading
import time

import pytest

from conftest import BINARY, free_port, wait_for
from xmpp import Client, WebSocketClient

COMMANDS = ["serve", "config", "user add", "user passwd", "user del", "user list", "user import", "tail", "send", "health"]


def run(*words, input=None, timeout=60, **environment):
    return subprocess.run([BINARY, *map(str, words)], input=input, text=True, capture_output=True, timeout=timeout,
                          env={**os.environ, **environment})


def one_line(text):
    """The only line of it."""
    lines = text.splitlines()
    assert len(lines) == 1, text
    return lines[0]


@pytest.fixture
def user(redis):
    """stanzabus user ... on the test's Redis."""
    def call(*words, **options):
        return run("user", *words, "--set", f"redis.url={redis.url}", "--set", "auth.iterations=4096", **options)

    return call


# -- help and usage --


def test_overview():
    for words, code in ((["--help"], 0), (["-h"], 0), (["help"], 0), ([], 2)):
        done = run(*words)
        assert done.returncode == code
        text = done.stdout if code == 0 else done.stderr
        for name in COMMANDS:
            assert re.search(rf"^  {name} +\S", text, re.M), name
        assert not (done.stderr if code == 0 else done.stdout)
    assert re.fullmatch(r"stanzabus \d+\.\d+\.\d+\n", run("--version").stdout)


@pytest.mark.parametrize("name", COMMANDS)
def test_help(name):
    done = run(*name.split(), "--help")
    assert done.returncode == 0 and not done.stderr
    assert done.stdout.startswith(f"usage: stanzabus {name} ") and "--set KEY=VALUE" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 120
    assert run(*name.split(), "-h").stdout == done.stdout


@pytest.mark.parametrize("words, hint", [
    (["sreve"], "there is no command 'sreve'"),
    (["user"], "needs to be told what to do"),
    (["user", "frobnicate"], "there is no command 'user frobnicate'"),
    (["serve", "--frobnicate"], "--frobnicate"),
    (["serve", "now"], "'now' is one argument too many"),
    (["config", "--check=yes"], "takes no value"),
    (["user", "add"], "JID is missing"),
    (["user", "add", "--password"], "--password needs a value"),
    (["user", "import"], "FILE is missing"),
    (["send"], "--from is missing"),
    (["send", "--from", "echo.localhost"], "--to and --body"),
    (["tail", "--observe", "everything"], "everything"),
    (["serve", "--config"], "--config needs a value"),
])
def test_wrong_usage(words, hint):
    done = run(*words)
    assert done.returncode == 2 and hint in done.stderr and "--help" in done.stderr and not done.stdout


# -- config --


def test_config_prints_what_it_takes(folder):
    done = run("config")
    assert done.returncode == 0
    keys = re.findall(r"^#([a-z0-9_.]+) =(?: (.*))?$", done.stdout, re.M)
    assert len(keys) > 45 and {"domain", "redis.url", "listen.tcp", "limits.redis_queue", "workers"} <= {key for key, _ in keys}
    for line in done.stdout.splitlines():
        assert not line or line.startswith("#")
    # as it is, and with every line made active
    path = folder / "sample.conf"
    path.write_text(done.stdout)
    assert run("config", "--check", "--config", path).stdout == f"ok: {path}\n"
    path.write_text(re.sub(r"^#(?=[a-z0-9_.]+ =)", "", done.stdout, flags=re.M))
    done = run("config", "--check", "--config", path)
    assert done.returncode == 0, done.stderr


MISTAKES = """\
# line 1
domain = localhost, exa mple
redis.ulr = redis://127.0.0.1
listen.tcp = 127.0.0.1
limits.depth = deep
log.level = loud
auth.iterations = 5
auth.legacy = perhaps
only words
limits.stanza_bytes = 999999999999
auth.mechanisms = SCRAM-SHA-256,ROT13
http.origins = chat.example.com
services.routes = urn:example:order
listen.http = 127.0.0.1:7000
listen.admin = 127.0.0.1:7000
limits.depth = 50
no.such.thing = 1
redis.url = http://127.0.0.1
redis.wait = 10 parsecs
services.accounts = bot@elsewhere.example
auth.anonymous_domain = localhost
tls.key = /etc/key.pem
"""


def test_every_mistake_by_key_and_line(folder):
    path = folder / "wrong.conf"
    path.write_text(MISTAKES)
    done = run("config", "--check", "--config", path, "--set", "workers=0", STANZABUS_LOG_FORMAT="xml", STANZABUS_REDIS_ULR="x")
    assert done.returncode == 1 and not done.stdout
    told = done.stderr.splitlines()
    expected = [(2, "domain", "exa mple"), (3, "redis.ulr", "did you mean redis.url"), (4, "listen.tcp", "127.0.0.1"),
                (5, "limits.depth", "deep"), (6, "log.level", "error, warning, info, debug"), (7, "auth.iterations", "4096"),
                (8, "auth.legacy", "perhaps"), (9, "", "key = value"), (10, "limits.stanza_bytes", "999999999999"),
                (11, "auth.mechanisms", "ROT13"), (12, "http.origins", "https://"), (13, "services.routes", "NAMESPACE=DOMAIN"),
                (15, "listen.admin", "listen.http"), (16, "limits.depth", "line 5"), (17, "no.such.thing", "stanzabus config"),
                (18, "redis.url", "redis://"), (19, "redis.wait", "parsecs"), (20, "services.accounts", "bot@elsewhere.example"),
                (21, "auth.anonymous_domain", "localhost"), (22, "tls.key", "tls.certificate")]
    for line, key, words in expected:
        assert any(one.startswith(f"stanzabus: {path}:{line}: ") and key in one and words in one for one in told), (line, key, told)
    assert any(one.startswith("stanzabus: --set workers: ") for one in told)
    assert any(one.startswith("stanzabus: environment: STANZABUS_LOG_FORMAT: ") for one in told)
    assert any("STANZABUS_REDIS_ULR" in one and "did you mean STANZABUS_REDIS_URL" in one for one in told)
    assert len(told) == len(expected) + 3, told
    # nothing starts with it
    done = run("serve", "--config", path)
    assert done.returncode == 1 and "deep" in done.stderr


@pytest.mark.parametrize("name, meant", [("redis.ulr", "redis.url"), ("domian", "domain"), ("auth.allow_plain_text", "auth.allow_plaintext"),
                                         ("limits.stanzabytes", "limits.stanza_bytes"), ("service.domains", "services.domains"),
                                         ("log.levle", "log.level"), ("worker", "workers")])
def test_suggestions(name, meant):
    assert f"did you mean {meant}?" in one_line(run("config", "--check", "--set", f"{name}=1").stderr)


def test_order_of_weight(folder):
    """default < file < environment < --set"""
    path = folder / "one.conf"
    path.write_text("log.level = wrong-in-file\n")
    assert "wrong-in-file" in run("config", "--check", "--config", path).stderr
    environment = {"STANZABUS_LOG_LEVEL": "wrong-in-environment", "STANZABUS_CONFIG": str(path)}
    path.write_text("log.level = debug\n")
    assert "wrong-in-environment" in run("config", "--check", **environment).stderr
    environment["STANZABUS_LOG_LEVEL"] = "info"
    assert "wrong-in-set" in run("config", "--check", "--set", "log.level=wrong-in-set", **environment).stderr
    assert run("config", "--check", **environment).stdout == f"ok: {path}\n"
    for missing, words in ((folder / "none.conf", "No such file"), (folder, "directory")):
        assert words in one_line(run("config", "--check", "--config", missing).stderr)


# -- user --


def test_add_list_passwd_del(user, redis, gateways):
    gateway = gateways(users=())
    assert user("add", "juliet@localhost", input="secret\n").stdout == "added juliet@localhost\n"
    assert user("add", "romeo@localhost", "--password", "wherefore").returncode == 0
    assert user("add", "Nurse@LOCALHOST", input="secret").stdout == "added nurse@localhost\n", "a line without its end will do"
    done = user("add", "juliet@localhost", input="other\n")
    assert done.returncode == 1 and "exists" in one_line(done.stderr) and "user passwd" in done.stderr
    assert sorted(user("list").stdout.split()) == ["juliet@localhost", "nurse@localhost", "romeo@localhost"]
    assert user("list", "localhost").stdout and user("list", "example.com").returncode == 1
    Client(gateway.tcp).login("juliet", "secret").close()
    Client(gateway.tcp).login("romeo", "wherefore", mechanism="SCRAM-SHA-256").close()

    assert user("passwd", "juliet@localhost", input="changed\n").stdout == "changed the password of juliet@localhost\n"
    Client(gateway.tcp).login("juliet", "changed", mechanism="SCRAM-SHA-1").close()
    done = user("passwd", "nobody@localhost", input="x\n")
    assert done.returncode == 1 and "no account nobody@localhost" in one_line(done.stderr)

    assert user("del", "juliet@localhost").stdout == "deleted juliet@localhost\n"
    done = user("del", "juliet@localhost")
    assert done.returncode == 1 and "no account juliet@localhost" in one_line(done.stderr)
    assert sorted(user("list").stdout.split()) == ["nurse@localhost", "romeo@localhost"]
    stored = " ".join(map(str, (redis.client().hgetall(key) for key in redis.client().scan_iter("*account"))))
    assert stored and "wherefore" not in stored and "secret" not in stored


@pytest.mark.parametrize("jid, words", [
    ("juliet", "juliet has no name before an @"), ("juliet@localhost/balcony", "resource"), ("juliet@example.com", "not a domain of this server"),
    ("@localhost", "is no address"), ("ju liet@localhost", "is no address"), ("localhost", "no name before an @"), ("", "is no address"),
    ("juliet@@localhost", "is no address"), ("a" * 2000 + "@localhost", "is no address"),
])
def test_bad_addresses(user, jid, words):
    for command in ("add", "passwd", "del"):
        done = user(command, jid, input="secret\n")
        assert done.returncode == 1 and words in one_line(done.stderr), done.stderr[:300]


@pytest.mark.parametrize("password, words", [("\n", "empty"), ("", "one line on stdin"), ("a\x01b\n", "cannot be a password"), ("x" * 5000, "at most")])
def test_bad_passwords(user, password, words):
    done = user("add", "juliet@localhost", input=password)
    assert done.returncode == 1 and words in one_line(done.stderr)
    assert user("list").stdout == ""


def on_terminal(words, answers):
    """Runs it on a terminal of its own, and types an answer at each prompt (a text that ends in ": ")."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execv(BINARY, [BINARY, *words])
    seen, answers = "", list(answers)
    while True:
        ready, _, _ = select.select([fd], [], [], 20)
        assert ready, seen
        try:
            data = os.read(fd, 4096).decode()
        except OSError:
            break
        if not data:
            break
        seen += data
        if seen.endswith(": ") and answers:
            os.write(fd, answers.pop(0).encode() + b"\n")
    os.close(fd)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), seen


def test_password_prompt(redis, gateways):
    words = ["user", "add", "juliet@localhost", "--set", f"redis.url={redis.url}"]
    code, seen = on_terminal(words, ["hidden-word", "hidden-wrod"])
    assert code == 1 and "not the same" in seen and "hidden" not in seen
    code, seen = on_terminal(words, ["hidden-word", "hidden-word"])
    assert code == 0 and "added juliet@localhost" in seen and "hidden" not in seen, "the password must not show"
    Client(gateways(users=()).tcp).login("juliet", "hidden-word").close()


def test_redis_away():
    asked = [["user", "add", "juliet@localhost", "--password", "x"], ["user", "list"], ["user", "del", "juliet@localhost"], ["tail"],
             ["send", "--from", "echo.localhost", "--to", "juliet@localhost", "--body", "x"]]
    processes = [subprocess.Popen([BINARY, *words, "--set", "redis.url=redis://someone:hidden-word@127.0.0.1:1"],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for words in asked]
    for process in processes:
        error = process.communicate(timeout=10)[1]
        assert process.returncode == 1
        line = error.splitlines()[-1]
        assert "127.0.0.1:1" in line and "is it running?" in line and "redis.url" in line and "hidden-word" not in error, error


def test_frozen_redis(redis):
    redis.freeze()
    try:
        done = run("user", "list", "--set", f"redis.url={redis.url}", timeout=20)
        assert done.returncode == 1 and redis.socket in done.stderr
    finally:
        redis.thaw()


# -- user import --


def is_sanitized():
    return b"__asan_init" in pathlib.Path(BINARY).read_bytes()


def keys_of(password, name="sha256", iterations=4096):
    """What an export from another server holds."""
    salt = os.urandom(16)
    salted = hashlib.pbkdf2_hmac(name, password.encode(), salt, iterations)
    stored = hashlib.new(name, hmac.new(salted, b"Client Key", name).digest()).digest()
    server = hmac.new(salted, b"Server Key", name).digest()
    text = [base64.b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-{name[3:]}${iterations}:{text[0]}${text[1]}:{text[2]}"


def test_import(user, gateways, folder):
    path = folder / "users.txt"
    lines = ["juliet@localhost\tsecret", f"romeo@localhost\t{keys_of('secret')}", f"nurse@localhost\t{keys_of('secret', 'sha1')}",
             f"tybalt@localhost\t{keys_of('secret', 'sha1')}\t{keys_of('secret')}", ""]
    path.write_text("\n".join(lines) + "\n")
    done = user("import", path)
    assert done.returncode == 0 and done.stdout == "imported 4, failed 0, lines read 5\n", done
    gateway = gateways(users=())
    for name in ("juliet", "romeo", "nurse", "tybalt"):
        Client(gateway.tcp).login(name, "secret").close()
    Client(gateway.tcp).login("romeo", "secret", mechanism="SCRAM-SHA-256").close()
    Client(gateway.tcp).login("nurse", "secret", mechanism="SCRAM-SHA-1").close()
    # a second time
    done = user("import", path)
    assert done.returncode == 1 and "imported 0, failed 4" in done.stdout and "line 1: the account exists" in done.stderr
    assert user("import", path, "--replace").returncode == 0
    assert user("import", "-", input="friar@localhost\tsecret\r\n").stdout.startswith("imported 1,")
    done = user("import", folder / "none.txt")
    assert done.returncode == 1 and "No such file" in one_line(done.stderr)


def test_import_reports_bad_lines_by_number(user, folder):
    path = folder / "users.txt"
    good = keys_of("secret")
    bad = {2: "no tab", 3: "a@localhost\t", 4: "@localhost\tx", 6: f"b@localhost\t{good[:-3]}", 7: "c@localhost\tSCRAM-SHA-256$0:AA==$AA==:AA==",
           8: f"d@localhost\t{good}\t{good}", 9: f"e@localhost\t{good}\tsecret", 10: "f@example.com\tx", 11: "g@localhost/x\tx",
           12: "h@localhost\t" + "x" * 9000, 13: "i@localhost\ta\x00b", 14: "j@localhost\ta\x01b"}
    lines = [bad.get(number, f"user{number}@localhost\t{good}") for number in range(1, 17)]
    path.write_text("\n".join(lines))
    done = user("import", path)
    assert done.returncode == 1 and done.stdout == f"imported 4, failed {len(bad)}, lines read 16\n", done
    told = {int(number): words for number, words in re.findall(r"^line (\d+): (.+)$", done.stderr, re.M)}
    assert told.keys() == bad.keys(), done.stderr
    assert "secret" not in done.stderr
    assert set(user("list").stdout.split()) == {f"user{number}@localhost" for number in (1, 5, 15, 16)}


def test_import_of_many(user, folder, redis):
    """20,000 lines of keys within a minute; a tenth of it where the sanitizers slow everything down."""
    count = 2000 if is_sanitized() else 20000
    keys = keys_of("secret")
    path = folder / "users.txt"
    path.write_text("".join(f"user{i}@localhost\t{keys}\n" for i in range(count)))
    started = time.monotonic()
    done = user("import", path, timeout=120)
    assert time.monotonic() - started < 60
    assert done.stdout == f"imported {count}, failed 0, lines read {count}\n"
    assert sum(1 for _ in redis.client().scan_iter("*:account", 1000)) == count
    assert len(set(user("list").stdout.split())) == count


def test_import_shows_progress_and_can_be_stopped(redis, folder):
    path = folder / "users.txt"
    path.write_text("".join(f"user{i}@localhost\tpassword{i}\n" for i in range(100000)))
    process = subprocess.Popen([BINARY, "user", "import", str(path), "--set", f"redis.url={redis.url}", "--set", "auth.iterations=100000"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    seen = []
    reader = threading.Thread(target=lambda: seen.extend(iter(process.stderr.readline, "")))
    reader.start()
    wait_for(lambda: any(re.match(r"imported \d+, failed 0 \(\d+ %\)", line) for line in seen), 20, "a line of progress")
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 1
    reader.join(5)
    assert "interrupted" in seen[-1] and "--replace" in seen[-1] and re.match(r"imported \d+, failed 0", process.stdout.read())


def test_import_ends_when_redis_does(redis, folder):
    path = folder / "users.txt"
    path.write_text("".join(f"user{i}@localhost\tpassword{i}\n" for i in range(100000)))
    process = subprocess.Popen([BINARY, "user", "import", str(path), "--set", f"redis.url={redis.url}", "--set", "auth.iterations=4096"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: redis.client().dbsize() > 5, 20)
    redis.kill()
    out, error = process.communicate(timeout=30)
    assert process.returncode == 1 and out.startswith("imported ")
    match = re.search(r"(\d+) of the lines from (\d+) to (\d+) may not be stored, and none behind them is: .*--replace", error)
    count, first, last = map(int, match.groups())
    assert 0 < count <= last - first + 1 <= 1000 and len(error.splitlines()) < 10 and "cannot reach" in error


# -- tail and send --


class Tail:
    """stanzabus tail, running."""

    def __init__(self, redis, *words):
        self.process = subprocess.Popen([BINARY, "tail", "--set", f"redis.url={redis.url}", *words],
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.lines, self.told = [], []
        self.readers = [threading.Thread(target=lambda: self.lines.extend(iter(self.process.stdout.readline, ""))),
                        threading.Thread(target=lambda: self.told.extend(iter(self.process.stderr.readline, "")))]
        for reader in self.readers:
            reader.start()
        wait_for(lambda: any("watching" in line for line in self.told), 10, "the watch")

    def find(self, pattern):
        return wait_for(lambda: next((line for line in self.lines if re.search(pattern, line)), None), 5, f"{pattern} in\n{self.lines}")

    def stop(self, number=signal.SIGINT):
        self.process.send_signal(number)
        code = self.process.wait(5)
        for reader in self.readers:
            reader.join(5)
        return code


def talk(gateway, redis):
    """One of everything: the login, presence, a message with something in it, a request, a refusal, a failed login."""
    with Client(gateway.tcp).login("juliet", resource="balcony").present() as juliet:
        juliet.stanza("<message to='romeo@localhost/x' id='m1' type='chat'><body>soft\nlight \x1b[31m</body>".replace("\x1b", "&#x9b;") +
                      "<active xmlns='http://jabber.org/protocol/chatstates'/></message>")
        juliet.stanza("<iq type='get' id='q1' to='echo.localhost'><query xmlns='urn:example:order'/></iq>")
        juliet.until("service-unavailable") # nobody listens; the message waits for romeo
        redis.client().publish("xmpp:from:{echo.localhost}", '{"data":{"kind":"message","to":"juliet@localhost","body":"hi","colour":"red"}}')
        with Client(gateway.tcp) as other:
            other.open()
            other.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AHJvbWVvAHdyb25n</auth>")
            other.until("<failure")
        time.sleep(0.2)


def test_tail_is_readable(gateway, redis):
    tail = Tail(redis)
    talk(gateway, redis)
    tail.find(r"^\d\d:\d\d:\d\d\.\d\d\d +session +juliet@localhost/balcony .*started")
    tail.find(r"presence +juliet@localhost/balcony")
    line = tail.find(r"message +juliet@localhost/balcony → romeo@localhost/x  chat \"soft")
    assert "soft\\nlight \\x9b[31m" in line, "no message steers the terminal"
    tail.find(r"iq +juliet@localhost/balcony → echo\.localhost +get .*urn:example:order")
    tail.find(r"dead .*echo\.localhost.*colour")
    tail.find(r"session .*romeo@localhost.*login-failed")
    assert not any("\x1b" in line for line in tail.lines), "colour is for terminals"
    assert tail.stop() == 0


def test_tail_chooses(gateway, redis):
    only, dead, domain = Tail(redis, "--observe", "message", "--json"), Tail(redis, "--observe", "dead,session"), Tail(redis, "--to", "echo.localhost")
    talk(gateway, redis)
    event = json.loads(only.find("soft"))
    assert event["type"] == "xmpp.message" and event["data"]["from"] == "juliet@localhost/balcony"
    dead.find("colour")
    domain.find("urn:example:order")
    assert only.stop() == dead.stop(signal.SIGTERM) == domain.stop() == 0
    assert {json.loads(line)["type"] for line in only.lines} == {"xmpp.message"}
    assert all(re.search(r"^\S+ +(dead|session) ", line) for line in dead.lines)
    assert all("→ echo.localhost" in line for line in domain.lines)


def test_tail_outlives_redis(gateway, redis):
    tail = Tail(redis)
    redis.kill()
    wait_for(lambda: any("away" in line for line in tail.told), 10)
    redis.start()
    wait_for(lambda: any("is back" in line for line in tail.told), 15)
    wait_for(gateway.is_ready, 20)
    gateway.add_user("juliet@localhost", "secret")
    gateway.add_user("romeo@localhost", "secret")
    talk(gateway, redis)
    tail.find("soft")
    assert tail.stop() == 0


def test_tail_into_a_closed_pipe(gateway, redis):
    """stanzabus tail | head -1"""
    tail = subprocess.Popen(f"exec {BINARY} tail --set redis.url={redis.url} | head -n 1", shell=True, stdout=subprocess.PIPE, text=True)
    channel = "xmpp:stanza:message"
    wait_for(lambda: redis.client().pubsub_numsub(channel)[0][1] == 1, 10)
    for _ in range(3):
        talk(gateway, redis)
    assert len(tail.communicate(timeout=10)[0].splitlines()) == 1
    wait_for(lambda: redis.client().pubsub_numsub(channel)[0][1] == 0, 10, "tail ends with its reader")


def test_send(gateway, redis):
    settings = ["--set", f"redis.url={redis.url}", "--set", "services.domains=echo.localhost"]
    with WebSocketClient(gateway.http).login("juliet", resource="balcony").present() as juliet:
        done = run("send", *settings, "--from", "echo.localhost", "--to", "juliet@localhost", "--body", 'a "b" <c> & ünï', "--type", "chat")
        assert (done.returncode, done.stdout) == (0, "taken by 1 gateway\n"), done.stderr
        message = juliet.until(r"<message.*?</message>").group(0)
        assert '<body>a "b" &lt;c&gt; &amp; ünï</body>' in message and "type='chat'" in message and "from='echo.localhost'" in message
        done = run("send", *settings, "--from", "echo.localhost", "--json", '{"kind":"message","to":"juliet@localhost","subject":"s","body":"b"}')
        assert done.returncode == 0
        juliet.until("<subject>s</subject>")
    for words, hint in ((["--json", "{"], "no gateway would take this"), (["--json", '{"kind":"message","to":"juliet@localhost","colour":"red"}'], "colour"),
                        (["--json", '{"kind":"message","to":"@@"}'], "to"), (["--to", "@@", "--body", "x"], "to")):
        done = run("send", *settings, "--from", "echo.localhost", *words)
        assert done.returncode == 1 and hint in one_line(done.stderr), done.stderr
    done = run("send", *settings, "--from", "other.localhost", "--to", "juliet@localhost", "--body", "x")
    assert done.returncode == 1 and "no gateway listens on xmpp:from:{other.localhost}" in done.stderr and "services.domains" in done.stderr


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
