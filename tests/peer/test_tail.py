"""stanzabus tail and send: the bus watched and spoken to in the shell."""
import json
import re
import signal
import subprocess
import threading
import time

from conftest import BINARY, wait_for
from shell import run, one_line
from xmpp import Client, WebSocketClient


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
