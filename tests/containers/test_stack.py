"""What `docker compose up --wait` leaves behind: three healthy containers, confined, on loopback only."""
import pytest

from conftest import SERVICES

LISTENING = "0A"


@pytest.mark.parametrize("service", SERVICES)
def test_is_healthy(stack, service):
    assert stack.health(service) == "healthy"


def test_health_is_asked_by_the_binary_itself(stack):
    assert stack.inspect("gateway")["Config"]["Healthcheck"]["Test"] == ["CMD", "stanzabus", "health"]
    assert stack.inside("gateway", "stanzabus", "health").stdout == "ready\n"


def listening_addresses(port):
    """The addresses on which this machine listens at a port, in the kernel's hexadecimal."""
    found = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with open(table) as lines:
            for line in list(lines)[1:]:
                local, state = line.split()[1], line.split()[3]
                if state == LISTENING and int(local.split(":")[1], 16) == port:
                    found.append(local.split(":")[0])
    return found


def test_ports_are_published_on_loopback_only(stack):
    published = {}
    for service in SERVICES:
        ports = stack.inspect(service)["NetworkSettings"]["Ports"] or {}
        published[service] = [(b["HostIp"], int(b["HostPort"])) for bindings in ports.values() for b in bindings or []]
    assert published["redis"] == published["echo"] == []
    assert sorted(published["gateway"]) == sorted([("127.0.0.1", stack.tcp), ("127.0.0.1", stack.http)])
    for port in (stack.tcp, stack.http):
        assert listening_addresses(port) == ["0100007F"]


def status_of_first_process(stack, service):
    text = stack.inside(service, "cat", "/proc/1/status").stdout
    return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


@pytest.mark.parametrize("service, name", [("gateway", "stanzabus"), ("redis", "redis-server")])
def test_first_process_is_the_program_and_not_root(stack, service, name):
    status = status_of_first_process(stack, service)
    assert status["Name"] == name
    assert "0" not in status["Uid"].split() + status["Gid"].split()
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0
    assert status["NoNewPrivs"] == "1"


def test_image_runs_as_a_numbered_user_without_a_compiler(stack):
    assert stack.inspect("gateway")["Config"]["User"] == "10001:10001"
    assert stack.inside("gateway", "sh", "-c", "command -v gcc cmake npm python3").stdout == ""


def test_log_says_that_plaintext_logins_are_for_trying(stack):
    lines = [line for line in stack.log("gateway").splitlines() if "plaintext-logins" in line]
    assert len(lines) == 1
    assert "for trying" in lines[0] and "auth.allow_plaintext" in lines[0]


def test_redis_keeps_an_append_only_file(stack):
    assert "appendonly.aof" in stack.inside("redis", "ls", "-R", "/data").stdout


def test_image_without_settings_says_what_to_do(stack):
    done = stack.run("docker", "run", "--rm", "--network", "none", stack.image("gateway"))
    assert done.returncode not in (0, 125, 126, 127)
    assert "is it running? set redis.url" in done.stderr


def test_image_refuses_a_misspelt_setting(stack):
    misspelt = ["-e", "STANZABUS_REDIS_ULR=redis://redis"]
    done = stack.run("docker", "run", "--rm", "--network", "none", *misspelt, stack.image("gateway"))
    assert done.returncode not in (0, 125, 126, 127)
    assert "did you mean STANZABUS_REDIS_URL?" in done.stderr
