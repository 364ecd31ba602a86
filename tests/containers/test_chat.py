"""Messages through the running containers: over WebSocket, over TCP, and from a browser."""
import uuid

from browser import Browser
from conftest import ROOT, STATE
from xmpp import Client


def test_guest_over_websocket(stack):
    done = stack.run("/usr/bin/python3", str(ROOT / "deploy/examples/proof.py"), str(stack.http))
    assert done.returncode == 0, done.stdout + done.stderr


def test_account_over_tcp(stack):
    user, words = f"u{uuid.uuid4().hex[:8]}", "Art thou not Romeo?"
    added = stack.add_user(f"{user}@localhost", "tcp-secret")
    assert added.returncode == 0, added.stderr
    assert f"{user}@localhost" in stack.inside("gateway", "stanzabus", "user", "list").stdout
    with Client(stack.tcp) as client:
        client.login(user, "tcp-secret", mechanism="SCRAM-SHA-256")
        client.stanza(f"<message to='echo.localhost' type='chat' id='m1'><body>{words}</body></message>")
        answer = client.until(r"<message.*?</message>").group(0)
    assert f"<body>{words}</body>" in answer and "echo.localhost" in answer


def test_browser_as_guest(stack, report):
    words = "Speak again, bright angel!"
    with Browser() as page:
        page.open(f"http://127.0.0.1:{stack.http}/")
        page.wait("!document.querySelector('#guest').hidden", "the way in for guests")
        page.click("#guest")
        page.wait("document.querySelector('#text').offsetParent !== null", "the desk")
        page.type("#to", "echo.localhost")
        page.type("#text", words)
        page.click("#send")
        page.wait("document.querySelectorAll('#log .line.in').length > 0", "the answer")
        picture = STATE / "chat.png"
        page.screenshot(picture)
        report(f"screenshot: {picture}")
        lines = page.run("return [...document.querySelectorAll('#log .line')].map((line) => line.textContent)")
    assert len(lines) == 2 and all(words in line for line in lines), lines
