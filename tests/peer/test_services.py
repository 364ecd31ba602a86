"""Services in Python, in Node.js and in the shell answer people; refusals reach who said the wrong thing."""
import json
import os
import shutil
import signal
import subprocess
import threading

import pytest

from conftest import ROOT, wait_for
from xmpp import Client, WebSocketClient, connect

EXAMPLES = ROOT / "deploy/examples"


def subscribers(redis, channel="xmpp:to:{echo.localhost}"):
    return dict(redis.client().pubsub_numsub(channel)).get(channel, 0)


@pytest.fixture
def run(redis):
    processes = []

    def start(*words, **options):
        process = subprocess.Popen(words, env={**os.environ, "REDIS_URL": redis.url, "REDIS_SOCKET": redis.socket},
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True, **options)
        processes.append(process)
        wait_for(lambda: subscribers(redis) == 1, 15, f"{words[0]} subscribes")
        return process

    yield start
    for process in processes:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(10)


def talk(gateway, kind):
    with connect(gateway, kind).login("juliet", resource="balcony") as juliet:
        for body in ("Art thou not Romeo?", "&lt;and&gt; a \"Montague\"", "ünïcödé 🌹", "it's", "x" * 5000):
            juliet.stanza(f"<message to='echo.localhost' type='chat' id='1'><body>{body}</body></message>")
            answer = juliet.until(r"<message.*?</message>").group(0)
            assert body.split('"')[0][:4000] in answer and "echo.localhost" in answer


@pytest.mark.parametrize("kind", ["tcp", "websocket"])
def test_python(gateway, run, kind):
    run("/usr/bin/python3", str(EXAMPLES / "echo.py"), "echo.localhost")
    talk(gateway, kind)


@pytest.mark.parametrize("kind", ["tcp", "websocket"])
def test_node(gateway, run, kind, redis):
    modules = ROOT / "tests/peer/node_modules"
    assert modules.exists(), "npm packages are missing: deploy/node-packages tests/peer"
    # ECMAScript modules are found beside the importing file only
    script = redis.folder / "echo.mjs"
    shutil.copy(EXAMPLES / "echo.mjs", script)
    os.symlink(modules, redis.folder / "node_modules")
    run("node", str(script), "echo.localhost")
    talk(gateway, kind)


@pytest.mark.parametrize("kind", ["tcp", "websocket"])
def test_shell(gateway, run, kind, redis):
    run("bash", str(EXAMPLES / "echo.sh"), "echo.localhost", "-s", redis.socket)
    talk(gateway, kind)


def test_every_event_on_the_bus_validates(gateway, redis):
    import jsonschema

    schema = json.loads((ROOT / "include/stanzabus/event.schema.json").read_text())
    validator = jsonschema.Draft202012Validator(schema)
    channels = ["xmpp:to:{echo.localhost}", "xmpp:to:{juliet@localhost}", "xmpp:stanza:message", "xmpp:stanza:presence",
                "xmpp:stanza:iq", "xmpp:session", "xmpp:dead"]
    ear = redis.client().pubsub()
    ear.subscribe(*channels)
    for _ in channels:
        ear.get_message(timeout=5)
    voice = redis.client()
    with Client(gateway.tcp).login("juliet", resource="balcony").present() as juliet:
        juliet.stanza("<message to='echo.localhost' type='chat'><body>hi</body><active xmlns='http://jabber.org/protocol/chatstates'/><request xmlns='urn:xmpp:receipts'/></message>")
        juliet.stanza("<presence to='echo.localhost'><show>away</show><status xml:lang='de'>weg</status></presence>")
        juliet.stanza("<iq to='echo.localhost' type='get' id='q'><order xmlns='urn:example:order'><a b='c'>mixed <d/> text</a></order></iq>")
        voice.publish("xmpp:from:{echo.localhost}", '{"data":{"kind":"message","to":"juliet@localhost","body":"yes"}}')
        juliet.until("<body>yes</body>")
        voice.publish("xmpp:from:{echo.localhost}", '{"data":{"kind":"message","to":"nobody@localhost","id":"n","body":"yes"}}')
        voice.publish("xmpp:from:{echo.localhost}", "no json")
        voice.publish("xmpp:from:{echo.localhost}", b'{"data":{"body":"\xff"}}')
    with Client(gateway.tcp) as wrong:
        wrong.open()
        wrong.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGp1bGlldAB3cm9uZw==</auth>")
        wrong.until("<failure")
    seen = {}
    while item := ear.get_message(timeout=1):
        event = json.loads(item["data"])
        errors = [error.message for error in validator.iter_errors(event)]
        assert not errors, (errors, item["data"])
        seen.setdefault(event["type"], []).append(event)
    assert {"xmpp.message", "xmpp.presence", "xmpp.iq", "xmpp.session", "xmpp.refused", "xmpp.dead"} <= seen.keys()
    assert {event["data"]["event"] for event in seen["xmpp.session"]} >= {"started", "ended", "login-failed"}
    ids = [event["id"] for events in seen.values() for event in events]
    assert ids and all(len(one) == 36 for one in ids)


def test_a_service_that_says_ten_megabytes(gateway, redis):
    ear = redis.client().pubsub()
    ear.subscribe("xmpp:to:{echo.localhost}")
    ear.get_message(timeout=5)
    redis.client().publish("xmpp:from:{echo.localhost}", '{"data":{"kind":"message","to":"juliet@localhost","body":"%s"}}' % ("x" * 10_000_000))
    item = wait_for(lambda: ear.get_message(timeout=1), 10)
    assert json.loads(item["data"])["data"]["reason"] == "too-big"


def test_send_and_tail(gateway, redis):
    """The shell's own tools: stanzabus send speaks, stanzabus tail watches."""
    from conftest import BINARY

    tail = subprocess.Popen([BINARY, "tail", *gateway.sets("redis.url")], stdout=subprocess.PIPE, text=True)
    wait_for(lambda: subscribers(redis, "xmpp:stanza:message") == 1, 10)
    with WebSocketClient(gateway.http).login("juliet", resource="balcony").present() as juliet:
        done = gateway.command("send", *gateway.sets("redis.url", "services.domains"), "--from", "echo.localhost",
                               "--to", "juliet@localhost", "--body", "said in the shell")
        assert done.returncode == 0, done.stderr
        juliet.until("said in the shell")
    lines = []
    reader = threading.Thread(target=lambda: lines.extend(iter(tail.stdout.readline, "")))
    reader.start()
    wait_for(lambda: any("said in the shell" in line for line in lines), 10)
    tail.send_signal(signal.SIGINT)
    assert tail.wait(5) == 0
    reader.join(5)
    gateway.stop()
    nobody = gateway.command("send", *gateway.sets("redis.url", "services.domains"), "--from", "echo.localhost",
                             "--to", "juliet@localhost", "--body", "x")
    assert nobody.returncode == 1 and "no gateway" in nobody.stderr.lower()
