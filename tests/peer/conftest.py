"""Fixtures of the peer tests: a private Redis and the real binary, each on ports of their own, stopped by their pid.

STANZABUS_TEST_BINARY names the gateway; ctest sets it.
"""
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import pytest
import redis as redis_py

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("STANZABUS_TEST_BINARY", str(ROOT / "build/test/gateway/stanzabus"))


holders = []


def free_port():
    """One that nobody else gets until this process ends: a bound socket holds it.  It does not listen and lets itself be
    shared, so that a server with SO_REUSEADDR, as all are here, listens beside it."""
    holder = socket.socket()
    holder.bind(("127.0.0.1", 0))
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holders.append(holder)
    return holder.getsockname()[1]


def wait_for(condition, seconds=10.0, what="a condition", pause=0.02):
    """Waits until condition() is true; what it last said is its value."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true within {seconds} s")
        time.sleep(pause)


class Redis:
    """A redis-server of the test's own, on a unix socket and a TCP port."""

    def __init__(self, folder, *arguments):
        self.folder = pathlib.Path(folder)
        self.socket = str(self.folder / "redis.sock")
        self.port = free_port()
        self.arguments = arguments
        self.process = None
        self.start()

    def start(self):
        log = open(self.folder / "redis.log", "ab")
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--unixsocket", self.socket,
             "--dir", str(self.folder), "--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction", *self.arguments],
            stdout=log, stderr=log)
        wait_for(self.answers, what="redis-server")

    def answers(self):
        try:
            return self.client().ping()
        except redis_py.exceptions.AuthenticationError:
            return True
        except redis_py.exceptions.ConnectionError:
            return False

    def client(self, **options):
        return redis_py.Redis(unix_socket_path=self.socket, decode_responses=True, **options)

    @property
    def url(self):
        return f"unix://{self.socket}"

    def kill(self):
        self.process.kill()
        self.process.wait()

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def stop(self):
        if self.process.poll() is None:
            self.thaw()
            self.process.terminate()
            self.process.wait(10)


class Gateway:
    """The real binary.  Keyword settings use two underscores for a dot: services__domains="echo.localhost"."""

    def __init__(self, folder, redis, users=("juliet", "romeo"), password="secret", start=True, **settings):
        self.folder = pathlib.Path(folder)
        self.redis = redis
        self.tcp, self.http, self.admin = free_port(), free_port(), free_port()
        self.log_path = self.folder / f"stanzabus-{self.tcp}.log"
        self.settings = {
            "domain": "localhost",
            "redis.url": redis.url,
            "listen.tcp": f"127.0.0.1:{self.tcp}",
            "listen.tls": "off",
            "listen.http": f"127.0.0.1:{self.http}",
            "listen.https": "off",
            "listen.s2s": "off",
            "listen.admin": f"127.0.0.1:{self.admin}",
            "auth.allow_plaintext": "on",
            "auth.iterations": "4096",
            "services.domains": "echo.localhost",
            **{key.replace("__", "."): value for key, value in settings.items()},
        }
        self.process = None
        for user in users:
            self.add_user(f"{user}@{self.settings['domain'].split(',')[0]}", password)
        if start:
            self.start()

    def sets(self, *keys):
        chosen = keys or self.settings.keys()
        return [word for key in chosen for word in ("--set", f"{key}={self.settings[key]}")]

    def command(self, *words, input=None, timeout=60):
        return subprocess.run([BINARY, *words], input=input, text=True, capture_output=True, timeout=timeout)

    def add_user(self, jid, password):
        done = self.command("user", "add", jid, *self.sets("redis.url", "auth.iterations", "domain"), input=password + "\n")
        assert done.returncode == 0 or "exists" in done.stderr, done.stderr

    def start(self, wait=True):
        log = open(self.log_path, "ab")
        self.process = subprocess.Popen([BINARY, "serve", *self.sets()], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        if wait:
            wait_for(self.is_ready, 30, "the gateway's readiness\n" + self.log())

    def is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the gateway ended with {self.process.returncode}:\n{self.log()}")
        return self.get("/readyz")[0] == 200

    def get(self, path, port=None):
        """(status, text) of a GET on the admin listener, or (0, reason)."""
        import http.client

        connection = http.client.HTTPConnection("127.0.0.1", port or self.admin, timeout=5)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except OSError as error:
            return 0, str(error)
        finally:
            connection.close()

    def metrics(self):
        values = {}
        for line in self.get("/metrics")[1].splitlines():
            if line and not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                values[name.removeprefix("stanzabus_")] = float(value)
        return values

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def stop(self, seconds=10):
        """Ends it; a crash, a leak or an undefined behaviour that the sanitizers found fails the test."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"the gateway did not stop within {seconds} s\n{self.log()[-3000:]}")
        finally:
            code, self.process = self.process.returncode, None
        assert code in (0, -signal.SIGKILL), f"the gateway ended with {code}:\n{self.log()[-6000:]}"
        assert "runtime error:" not in self.log() and "Sanitizer" not in self.log(), self.log()[-6000:]


@pytest.fixture
def folder():
    path = tempfile.mkdtemp(prefix="stanzabus-test-")
    yield pathlib.Path(path)
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def redis(folder):
    server = Redis(folder)
    yield server
    server.stop()


@pytest.fixture
def gateways(folder, redis):
    """A function that makes gateways on the test's Redis; all of them end with the test."""
    made = []

    def make(**settings):
        gateway = Gateway(folder, settings.pop("redis", redis), **settings)
        made.append(gateway)
        return gateway

    yield make
    for gateway in made:
        gateway.stop()


@pytest.fixture
def gateway(gateways):
    return gateways()
