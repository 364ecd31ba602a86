"""deploy/run, the first of the two commands: what it starts, prints and stops, and what it says when it cannot."""
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest

from conftest import BINARY, ROOT, free_port, wait_for
from xmpp import Client, WebSocketClient

RUN = ROOT / "deploy/run"
PORTS = ("TCP", "TLS", "HTTP", "HTTPS", "ADMIN")


@pytest.fixture
def build(folder):
    """A build folder that holds the tests' own program, so that nothing is built."""
    path = folder / "build"
    (path / "gateway").mkdir(parents=True)
    (path / "gateway/stanzabus").symlink_to(BINARY)
    return path


class Running:
    def __init__(self, build, **environment):
        self.build = build
        self.ports = {name: free_port() for name in PORTS}
        self.environment = {**os.environ, "RUN_BUILD": str(build), **{f"RUN_PORT_{name}": str(port) for name, port in self.ports.items()},
                            **environment}
        self.process = subprocess.Popen([RUN], env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                        start_new_session=True, stdin=subprocess.DEVNULL)
        self.lines = []
        self.reader = threading.Thread(target=lambda: self.lines.extend(iter(self.process.stdout.readline, "")))
        self.reader.start()

    def text(self):
        return "".join(self.lines)

    def wait_up(self):
        wait_for(lambda: "Ctrl-C stops everything" in self.text() or self.process.poll() is not None, 60)
        assert self.process.poll() is None, self.text()
        return self

    def children(self):
        """Every process below it, by the kernel's own list."""
        found, ask = [], [self.process.pid]
        while ask:
            pid = ask.pop()
            for path in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
                below = [int(word) for word in path.read_text().split()]
                found += below
                ask += below
        return found

    def end(self, number=signal.SIGINT):
        """As Ctrl-C does it: the signal goes to the whole foreground group."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, number)
        code = self.process.wait(15)
        self.reader.join(5)
        return code


@pytest.fixture
def start(build):
    made = []

    def run(**environment):
        made.append(Running(environment.pop("build", build), **environment))
        return made[-1]

    yield run
    for one in made:
        one.end()


def is_alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_all_of_it(start, build):
    """Up, proof, what it says to open and type works, a second start is refused, Ctrl-C leaves nothing."""
    run = start().wait_up()
    text = run.text()
    assert "Art thou not Romeo?" in re.search(r"received (.*)", text).group(1) and "\x1b" not in text
    assert f"http://localhost:{run.ports['HTTP']}/" in text and f"127.0.0.1:{run.ports['TCP']}" in text
    people = dict(re.findall(r"(\w+)@localhost +(\S+-secret)", text))
    assert set(people) == {"alice", "bob"}
    # everything listens on loopback only
    listening = pathlib.Path("/proc/net/tcp").read_text() + pathlib.Path("/proc/net/tcp6").read_text()
    for port in run.ports.values():
        assert listens(port)
        assert f" 0100007F:{port:04X} " in listening and f"00000000:{port:04X} 0" not in listening
    with Client(run.ports["TCP"]).login("alice", people["alice"], resource="a").present() as alice:
        with WebSocketClient(run.ports["HTTP"]).login("bob", people["bob"]) as bob:
            bob.stanza("<message to='alice@localhost' type='chat'><body>over both</body></message>")
            alice.until("<body>over both</body>")
        alice.stanza("<message to='echo.localhost' type='chat'><body>anybody?</body></message>")
        alice.until("<body>anybody\\?</body>")
        # the lines to copy
        speak = re.search(r"^ +speak +(.*)$", text, re.M).group(1)
        done = subprocess.run(["bash", "-c", speak], cwd=ROOT, capture_output=True, text=True, timeout=20)
        assert done.returncode == 0, done.stderr
        alice.until("<body>hello</body>")
        watch = subprocess.Popen(["bash", "-c", "exec " + re.search(r"^ +watch +(.*)$", text, re.M).group(1)], cwd=ROOT,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert "watching" in watch.stderr.readline()
        alice.stanza("<message to='echo.localhost' type='chat'><body>seen?</body></message>")
        assert "seen?" in watch.stdout.readline()
        watch.send_signal(signal.SIGINT)
        watch.communicate(timeout=5)

    # a second one, of the same folder, whatever its ports
    for environment in (run.environment, {**run.environment, **{f"RUN_PORT_{name}": str(free_port()) for name in PORTS}}):
        second = subprocess.run([RUN], env=environment, capture_output=True, text=True, timeout=30)
        assert second.returncode == 1 and second.stderr.splitlines() == \
            ["deploy/run: it is running already: stop that one first (Ctrl-C where it runs)"], second.stderr
    assert listens(run.ports["TCP"]), "the first one goes on"

    below = run.children()
    assert len(below) >= 3
    started = time.monotonic()
    assert run.end() == 0
    assert time.monotonic() - started < 8 and "Stopping" in run.text()
    wait_for(lambda: not any(map(is_alive, below)), 5, "everything that it started ends")
    assert not any(map(listens, run.ports.values()))

    # again: accounts are kept, and the certificate
    certificate = (build / "run/localhost.crt").read_bytes()
    again = start().wait_up()
    Client(again.ports["TCP"]).login("bob", people["bob"]).close()
    assert (build / "run/localhost.crt").read_bytes() == certificate
    assert again.end(signal.SIGTERM) == 0
    assert not any(map(listens, again.ports.values()))


@pytest.mark.parametrize("name", PORTS)
def test_taken_port(build, name):
    ports = {f"RUN_PORT_{one}": str(free_port()) for one in PORTS}
    with socket.create_server(("127.0.0.1", int(ports[f"RUN_PORT_{name}"]))):
        done = subprocess.run([RUN], env={**os.environ, "RUN_BUILD": str(build), **ports}, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1 and not done.stdout
    assert done.stderr.splitlines() == \
        [f"deploy/run: port {ports[f'RUN_PORT_{name}']} is taken: stop what listens there, or choose another with RUN_PORT_{name}=..."]


def test_another_redis(start, redis):
    """STANZABUS_REDIS_URL: that one is used, and goes on afterwards."""
    run = start(STANZABUS_REDIS_URL=redis.url).wait_up()
    assert redis.client().exists("xmpp:{alice@localhost}:account")
    assert not [pid for pid in run.children() if "redis-server" in pathlib.Path(f"/proc/{pid}/cmdline").read_text()]
    assert run.end() == 0
    assert redis.client().ping()


def test_another_redis_that_is_not_there(build):
    ports = {f"RUN_PORT_{one}": str(free_port()) for one in PORTS}
    done = subprocess.run([RUN], capture_output=True, text=True, timeout=30,
                          env={**os.environ, "RUN_BUILD": str(build), "STANZABUS_REDIS_URL": "redis://127.0.0.1:1", **ports})
    assert done.returncode == 1 and "redis://127.0.0.1:1" in done.stderr and done.stderr.splitlines()[-1].startswith("deploy/run: ")


def test_after_a_kill(start, build):
    """What one that was killed left behind is in nobody's way, or named."""
    first = start().wait_up()
    below = first.children()
    os.kill(first.process.pid, signal.SIGKILL)
    first.process.wait(5)
    try:
        second = start().wait_up()
        Client(second.ports["TCP"]).login("alice", "alice-secret").close()
        assert second.end() == 0
    finally:
        for pid in below:
            if is_alive(pid):
                os.kill(pid, signal.SIGTERM)
        first.reader.join(5)


def test_gateway_dies(start):
    """Then it says so and ends, with all the rest."""
    run = start().wait_up()
    below = run.children()
    gateway = next(pid for pid in below if pathlib.Path(f"/proc/{pid}/cmdline").read_text().split("\0")[1:2] == ["serve"])
    os.kill(gateway, signal.SIGKILL)
    assert run.process.wait(10) == 1
    run.reader.join(5)
    assert "the gateway has stopped" in run.text()
    wait_for(lambda: not any(map(is_alive, below)), 5)


def test_deep_folder(start, folder):
    """The path of a unix socket has at most 107 bytes; folders may be deeper."""
    deep = folder / ("d" * 60) / ("e" * 60) / "build"
    (deep / "gateway").mkdir(parents=True)
    (deep / "gateway/stanzabus").symlink_to(BINARY)
    assert start(build=deep).wait_up().end() == 0


def test_missing_tools(folder, build):
    """Nothing can be installed: no apt here, or nobody who may."""
    tools = folder / "tools"
    tools.mkdir()
    for name in ("bash", "dirname", "realpath", "mkdir", "mktemp", "tail", "rm", "env"):
        (tools / name).symlink_to(shutil.which(name))

    def fake(name, script):
        (tools / name).unlink(missing_ok=True)
        (tools / name).write_text(f"#!/bin/bash\n{script}\n")
        (tools / name).chmod(0o755)

    def run():
        return subprocess.run([RUN], env={"PATH": str(tools), "RUN_BUILD": str(build)}, capture_output=True, text=True, timeout=30)

    fake("dpkg-query", "exit 1")
    done = run()
    assert done.returncode == 1 and re.fullmatch("deploy/packages: this machine has no apt-get, .*redis-server.*\n", done.stderr), done
    fake("apt-get", "echo 'E: Unable to locate package' >&2; [[ $* == *update ]]")
    fake("id", "echo 1000")
    done = run()
    assert done.returncode == 1
    assert re.fullmatch("deploy/packages: these packages are missing, and only root can install them: .*redis-server.*\n", done.stderr), done
    fake("id", "echo 0")
    done = run()
    assert done.returncode == 1 and "Unable to locate package" in done.stderr
    assert done.stderr.splitlines()[-1] == "deploy/packages: the packages could not be installed; the lines above say why"


def test_wrong_build_folder(folder):
    done = subprocess.run([RUN], env={**os.environ, "RUN_BUILD": str(folder), **{f"RUN_PORT_{one}": str(free_port()) for one in PORTS}},
                          capture_output=True, text=True, timeout=30)
    assert done.returncode == 1 and done.stderr.splitlines() == [f"deploy/run: there is no gateway/stanzabus in {folder} (RUN_BUILD)"]
