"""stanzabus user: accounts made, changed and taken in by the thousand, in the shell."""
import base64
import hashlib
import hmac
import os
import pty
import re
import select
import signal
import subprocess
import threading
import time

import pytest

from conftest import BINARY, wait_for
from shell import run, one_line, is_sanitized
from xmpp import Client


@pytest.fixture
def user(redis):
    """stanzabus user ... on the test's Redis."""
    def call(*words, **options):
        return run("user", *words, "--set", f"redis.url={redis.url}", "--set", "auth.iterations=4096", **options)

    return call


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
