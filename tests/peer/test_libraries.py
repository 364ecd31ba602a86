"""@xmpp/client, stanza, strophe.js and aioxmpp, each in its own way: rosters; resumption, when the line is cut in the middle of
a talk and nothing may be lost nor come twice; a login by token beside, where a
library can (@xmpp/client: SASL2, Bind 2 and XEP-0484)."""
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
