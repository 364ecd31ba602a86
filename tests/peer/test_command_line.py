"""The program in the shell: help, and settings that are checked."""
import re

import pytest

from shell import run, one_line


COMMANDS = ["serve", "config", "user add", "user passwd", "user del", "user list", "user import", "tail", "send", "health"]


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
