"""Fixtures of the container tests: deploy/compose.yaml, up and healthy, on ports of the test's own."""
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
STATE = pathlib.Path(os.environ.get("STANZABUS_TEST_STATE", ROOT / "build/containers"))
sys.path.append(str(ROOT / "tests/peer"))  # the client of the peer tests, xmpp.py
sys.dont_write_bytecode = True

BUILD_SECONDS = 3600
SERVICES = ("redis", "gateway", "echo")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(condition, seconds, what):
    """Waits until condition() is true; what it last said is its value."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"{what} did not come true within {seconds} s"
        time.sleep(0.1)
    return value


class Stack:
    """The three containers of one compose project."""

    def __init__(self):
        self.project = os.environ.get("STANZABUS_TEST_PROJECT", f"stanzabus-test-{os.getpid()}")
        self.tcp, self.http = free_port(), free_port()
        self.files = ["-f", str(ROOT / "deploy/compose.yaml")]
        if os.environ.get("STANZABUS_TEST_OWN_ENGINE"):
            self.files += ["-f", str(ROOT / "tests/containers/own-engine.yaml")]
        self.environment = {**os.environ, "RUN_PORT_TCP": str(self.tcp), "RUN_PORT_HTTP": str(self.http),
                            "BUILDKIT_PROGRESS": "plain"}

    def run(self, *words, seconds=120, input=None):
        return subprocess.run(words, input=input, text=True, capture_output=True, timeout=seconds, env=self.environment)

    def compose(self, *words, check=True, **options):
        done = self.run("docker", "compose", "--ansi", "never", "-p", self.project, *self.files, *words, **options)
        said = done.stdout[-4000:] + done.stderr[-8000:]
        assert done.returncode == 0 or not check, f"docker compose {' '.join(words)}:\n{said}"
        return done

    def docker(self, *words, **options):
        done = self.run("docker", *words, **options)
        assert done.returncode == 0, f"docker {' '.join(words)}:\n{done.stderr}"
        return done.stdout

    def inside(self, service, *words, **options):
        """A command in a service's container."""
        return self.compose("exec", "-T", service, *words, check=False, **options)

    def image(self, service):
        return f"{self.project}-{service}"

    def megabytes(self, image):
        return int(self.docker("image", "inspect", "--format", "{{.Size}}", image)) / 1e6

    def container(self, service):
        return self.compose("ps", "-aq", service).stdout.strip()

    def inspect(self, service):
        return self.inspect_container(self.container(service))

    def inspect_container(self, container):
        return json.loads(self.docker("inspect", container))[0]

    def health(self, service):
        return self.inspect(service)["State"]["Health"]["Status"]

    def stop(self, container):
        """Seconds between the SIGTERM of `docker stop` and the end of the container, as the engine saw them."""
        started = time.time()
        self.docker("stop", "--time", "10", container)
        events = self.docker("events", "--since", f"{started - 1:.3f}", "--until", f"{time.time() + 1:.3f}",
                             "--filter", f"container={container}", "--filter", "event=kill", "--filter", "event=die",
                             "--format", "{{.Action}} {{.TimeNano}}")
        at = {action: int(time_ns) / 1e9 for action, time_ns in (line.split() for line in events.splitlines())}
        return at["die"] - at["kill"]

    def log(self, service):
        done = self.compose("logs", "--no-log-prefix", service, check=False)
        return done.stdout + done.stderr

    def add_user(self, jid, password):
        return self.inside("gateway", "stanzabus", "user", "add", jid, input=password + "\n")

    def build(self):
        started = time.monotonic()
        done = self.compose("build", check=False, seconds=BUILD_SECONDS)
        (STATE / "build.log").write_text(done.stdout + done.stderr)
        assert done.returncode == 0, f"the images could not be built:\n{(done.stdout + done.stderr)[-6000:]}"
        return time.monotonic() - started

    def up(self):
        self.compose("up", "--wait", "--wait-timeout", "120", seconds=180)

    def down(self):
        for service in SERVICES:
            (STATE / f"{service}.log").write_text(self.log(service))
        self.compose("down", "--volumes", "--rmi", "local", "--timeout", "5")


REPORT = []


def pytest_configure():
    # SIGTERM ends the run as Ctrl-C does: with everything taken down.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.fixture(scope="session")
def stack():
    made = Stack()
    try:
        REPORT.append(f"images built in {made.build():.0f} s (layers from earlier runs are used)")
        started = time.monotonic()
        made.up()
        REPORT.append(f"docker compose up --wait: {time.monotonic() - started:.1f} s")
        for service in SERVICES:
            REPORT.append(f"image {service}: {made.megabytes(made.image(service)):.1f} MB")
        base = os.environ.get("RUN_BASE", "debian:bookworm-slim")
        REPORT.append(f"of which the base: {made.megabytes(base):.1f} MB")
        yield made
    finally:
        made.down()


@pytest.fixture
def report():
    return REPORT.append


def pytest_terminal_summary(terminalreporter):
    for line in REPORT:
        terminalreporter.write_line(line)
