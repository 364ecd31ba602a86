"""@xmpp/client, stanza, strophe.js and aioxmpp, each in its own way: rosters; resumption, when the line is cut in the middle of
a talk and nothing may be lost nor come twice; a login by token beside, where a
library can (@xmpp/client: SASL2, Bind 2 and XEP-0484)."""
import json
import subprocess
import time

import pytest

from live import Line, Live
from xmpp import Client

PEOPLE = {"live_xmpp_client.mjs": "http", "live_stanza.mjs": "http", "live_strophe.mjs": "http", "live_aioxmpp.py": "tcp"}
RESOURCES = {"live_xmpp_client.mjs": "xmppjs", "live_stanza.mjs": "stanzajs", "live_strophe.mjs": "strophe", "live_aioxmpp.py": "aioxmpp"}
ROSTER = "<query xmlns='jabber:iq:roster'>"


@pytest.fixture
def gateway(gateways, folder):
    key, crt = folder / "localhost.key", folder / "localhost.crt"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", crt],
                   check=True, capture_output=True)
    return gateways(workers="2", auth__fast_unbound="on", tls__certificate=str(crt), tls__key=str(key))


@pytest.fixture
def scene(gateway):
    """Makes a Live program behind a line that can be cut."""
    things = []

    def make(program):
        line = Line(getattr(gateway, PEOPLE[program]))
        where = line.port if program.endswith(".py") else f"ws://127.0.0.1:{line.port}/xmpp-websocket"
        live = Live(program, where, "juliet", "secret")
        things.extend((line, live))
        return line, live

    yield make
    for thing in things:
        getattr(thing, "stop", None) and thing.stop()
        getattr(thing, "close", None) and thing.close()


@pytest.mark.parametrize("program", PEOPLE)
def test_roster(gateway, scene, program):
    with Client(gateway.tcp).login(resource="other") as other:
        other.stanza(f"<iq type='set' id='r1'>{ROSTER}<item jid='nurse@localhost' name='Nurse'/></query></iq>")
        other.until(r"<iq[^>]*id='r1'[^>]*/>")
        _, live = scene(program)
        assert live.expect("online")["jid"].startswith(f"juliet@localhost/{RESOURCES[program]}")
        roster = live.do("roster")
        assert [(i["jid"], i["name"], i["subscription"]) for i in roster] == [("nurse@localhost", "Nurse", "none")]
        other.stanza(f"<iq type='set' id='r2'>{ROSTER}<item jid='romeo@localhost'/></query></iq>")
        live.expect("push", jid="romeo@localhost")


@pytest.mark.parametrize("program", PEOPLE)
def test_resumption(gateway, scene, program):
    with Client(gateway.tcp).login("romeo", resource="orchard") as romeo:
        romeo.present()
        line, juliet = scene(program)
        jid = juliet.expect("online")["jid"]
        juliet.do("presence")

        def say(body):
            romeo.stanza(f"<message to='juliet@localhost' type='chat'><body>{body}</body></message>")

        for number in range(5):
            say(f"before {number}")
        for number in range(5):
            juliet.expect("message", body=f"before {number}")
        juliet.do("send", to="romeo@localhost/orchard", body="heard")
        romeo.until("heard")
        for cut in range(3):
            line.go_deaf()
            for number in range(5):
                say(f"{cut} meanwhile {number}")
            if cut == 2:  # the client has something to say too, and does not know that nobody hears it
                juliet.do("send", to="romeo@localhost/orchard", body=f"into the void {cut}")
                time.sleep(0.1)
            line.cut(keeps_out=True)
            line.mend()
            resumed = juliet.expect("resumed", 30)
            say(f"{cut} after")
            for number in range(5):
                juliet.expect("message", body=f"{cut} meanwhile {number}")
            juliet.expect("message", body=f"{cut} after")
            if cut == 2:
                romeo.until(f"into the void {cut}")
        assert juliet.heard() == [], "nothing twice"
        romeo.stanza("<iq type='get' id='p' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>")
        romeo.until("id='p'")
        assert "void" not in romeo.seen, "nothing twice"
        assert "error" not in {thing["event"] for thing in juliet.kept if "ECONNREFUSED" not in str(thing)}, juliet.kept
        assert jid.startswith("juliet@localhost/")
        assert resumed.get("used", ["password", "token"])[:2] == ["password", "token"], "@xmpp/client: the password once"


def test_guest(gateways):
    """A guest's page is loaded again: the token that came with the first login brings the same guest back (XEP-0484)."""
    gateway = gateways(auth__anonymous_domain="guest.localhost", auth__fast_unbound="on")
    service = f"ws://127.0.0.1:{gateway.http}/xmpp-websocket"
    first = Live("live_guest.mjs", service)
    second = None
    try:
        jid, token = first.expect("online")["jid"], first.expect("token")["token"]
        first.do("stop")
        second = Live("live_guest.mjs", service, jid.split("@")[0], json.dumps(token))
        assert second.expect("online")["jid"].split("/")[0] == jid.split("/")[0]
        assert "token" in second.expect("used")["what"]
    finally:
        for live in (first, second):
            live and live.stop()
