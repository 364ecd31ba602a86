"""The page to try things with, in a real browser: people log in, write to services and to each other, and see beside it what
passes on the bus - their own, nobody else's.  Screenshots are kept for people to look at (browser.py says where)."""
import os
import subprocess

import pytest

from browser import ENTER, Browser
from conftest import ROOT, wait_for


@pytest.fixture(scope="module")
def browser():
    made = Browser()
    yield made
    made.quit()


@pytest.fixture
def gateway(gateways):
    return gateways(users=("alice", "bob"), http__demo="on", auth__anonymous_domain="guest.localhost",
                    services__domains="echo.localhost,orders.localhost", limits__login_failures="100")


@pytest.fixture
def echo(gateway, redis):
    process = subprocess.Popen(["/usr/bin/python3", str(ROOT / "deploy/examples/echo.py"), "echo.localhost"],
                               env={**os.environ, "REDIS_URL": redis.url}, stdout=subprocess.DEVNULL)
    wait_for(lambda: redis.client().pubsub_numsub("xmpp:to:{echo.localhost}")[0][1] == 1, 10)
    yield
    process.terminate()
    process.wait(10)


@pytest.fixture
def page(browser, gateway):
    """One tab with the page, in plain light; closed afterwards, with all others."""
    base = browser.tab()
    browser.new_tab()
    browser.look()
    browser.complaints()
    browser.open(f"http://localhost:{gateway.http}/")
    yield browser
    for handle in browser.call("GET", "/window/handles"):
        if handle != base:
            browser.switch(handle)
            browser.close_tab()
    browser.switch(base)


def log_in(page, name, password="secret"):
    wait_for(lambda: page.is_shown("#login-form"))
    page.type("#jid", name)
    page.type("#password", password + ENTER)


def come_in(page, name):
    log_in(page, name)
    page.wait_text("#status", f"{name}@localhost/")


def say(page, to, words):
    page.type("#to", to)
    page.type("#text", words + ENTER)


def test_guest_and_echo(page, echo):
    page.click("#guest")
    page.wait_text("#status", "@guest.localhost/")
    assert not page.is_shown("#login-form")
    assert page.script("return document.getElementById('to').value") == "echo.localhost", "the first service is offered"
    page.type("#text", "Art thou not Romeo?")
    page.click("#send")
    page.wait_text("#log .line.in", "Art thou not Romeo?")
    assert "Art thou not Romeo?" in page.text("#log .line.out")
    # the neutral messages, both ways
    page.wait_text("#bus .event.out", "xmpp:to:{echo.localhost}")
    out = wait_for(lambda: page.script("return [...document.querySelectorAll('#bus .event.out')].map(e => e.innerText).find(t => t.includes('Romeo'))"))
    into = wait_for(lambda: page.script("return [...document.querySelectorAll('#bus .event.in')].map(e => e.innerText).find(t => t.includes('Romeo'))"))
    assert '"body": "Art thou not Romeo?"' in out and '"specversion": "1.0"' in out and "xmpp:to:{echo.localhost}" in out
    assert '"from": "echo.localhost"' in into and "@guest.localhost}" in into
    page.shoot("guest")
    # guests reach services only
    say(page, "alice@localhost", "psst")
    page.wait_text("#log .line.error", "alice@localhost")
    assert not page.complaints()


def guest_name(page):
    page.wait_text("#status", "@guest.localhost/")
    return page.text("#status").split("@")[0]


def test_guest_stays_the_same_after_a_reload(page, gateway):
    """And is another one after logging out."""
    page.click("#guest")
    name = guest_name(page)
    for _ in range(2):
        page.open(f"http://localhost:{gateway.http}/")
        assert guest_name(page) == name
    page.click("#logout")
    wait_for(lambda: page.is_shown("#guest"))
    page.click("#guest")
    assert guest_name(page) != name
    assert not page.complaints()


def test_two_people(page, gateway, echo):
    come_in(page, "alice")
    alice = page.tab()
    bob = page.new_tab()
    page.look()
    page.open(f"http://localhost:{gateway.http}/")
    come_in(page, "bob@localhost".split("@")[0])
    say(page, "alice@localhost", "is alice there?")
    page.switch(alice)
    page.wait_text("#log .line.in", "is alice there?")
    assert "bob@localhost" in page.text("#log .line.in")
    say(page, "bob@localhost", "she is")
    page.switch(bob)
    page.wait_text("#log .line.in", "she is")
    # what bob says to others is none of alice's business
    say(page, "echo.localhost", "between echo and bob")
    wait_for(lambda: "between echo and bob" in page.script("return [...document.querySelectorAll('#log .in')].map(e => e.innerText).join()"))
    wait_for(lambda: page.script("return document.getElementById('bus').innerText.split('between echo and bob').length") == 3, 10,
             "both ways on bob's bus")
    page.shoot("bob")
    page.switch(alice)
    say(page, "echo.localhost", "between echo and alice")
    wait_for(lambda: "between echo and alice" in page.script("return [...document.querySelectorAll('#bus .in')].map(e => e.innerText).join()"))
    everything = page.script("return document.body.textContent")
    assert "between echo and bob" not in everything
    assert "is alice there?" in page.script("return document.getElementById('bus').textContent"), "what is for her is hers"
    page.shoot("alice")
    assert not page.complaints()


def test_wrong_password(page, echo):
    log_in(page, "alice", "wrong")
    page.wait_text("#login-error", "The address or the password is wrong.")
    assert page.is_shown("#login-form") and page.text("#status") == "not logged in"
    page.shoot("wrong-password")
    # words go when it is right
    come_in(page, "alice")
    assert page.script("return document.getElementById('login-error').textContent") == ""
    assert page.script("return document.getElementById('password').value") == "", "a password stays nowhere"
    page.click("#logout")
    log_in(page, "alice@elsewhere.example")
    page.wait_text("#login-error", "does not know the domain")


def test_away_service(page):
    """Nobody has subscribed to its mailbox."""
    come_in(page, "alice")
    for to, words in (("orders.localhost", "is not there at the moment"), ("nobody@localhost", "nobody@localhost"),
                      ("somebody@elsewhere.example", "does not reach"), ("@@", "is not an address")):
        before = page.script("return document.querySelectorAll('#log .error').length")
        say(page, to, f"are you there, {to}?")
        wait_for(lambda: page.script("return document.querySelectorAll('#log .error').length") == before + 1)
        assert words in page.script("return [...document.querySelectorAll('#log .error')].pop().innerText"), to
    page.shoot("away")


def test_words_stay_words(page, gateway, echo):
    """What others write is never taken for the page's own."""
    come_in(page, "alice")
    nasty = "<img src=x onerror=\"document.title='taken'\"> &lt;b&gt; ${x} </script><script>document.title='taken'</script>"
    say(page, "echo.localhost", nasty)
    page.wait_text("#log .line.in", nasty)
    wait_for(lambda: page.script("return document.querySelectorAll('#bus .event').length") >= 2)
    assert page.script("return document.title") == "stanzabus" and page.script("return document.images.length") == 0
    # an event that somebody else says to be one
    from xmpp import Client

    with Client(gateway.tcp).login("bob") as bob:
        bob.stanza(f"<message to='{page.text('#status')}'><event xmlns='urn:stanzabus:watch:0' direction='in' channel='forged'>forged</event>"
                   "<body>forger</body></message>")
        wait_for(lambda: "forger" in page.text("#log"))
    shown = page.script("return [...document.querySelectorAll('#bus .channel')].map(e => e.textContent)")
    assert "forged" not in shown


def test_log_out_and_in_again(page, echo):
    come_in(page, "alice")
    say(page, "echo.localhost", "secret of alice")
    page.wait_text("#log .line.in", "secret of alice")
    page.click("#logout")
    wait_for(lambda: page.is_shown("#login-form"))
    come_in(page, "bob")
    assert "secret of alice" not in page.script("return document.body.textContent")


def test_gateway_restarts(page, gateway, echo):
    come_in(page, "alice")
    gateway.stop()
    page.wait_text("#status", "trying again")
    say(page, "echo.localhost", "into the void")
    page.wait_text("#log .line.error", "Not sent")
    gateway.start()
    page.wait_text("#status", "alice@localhost/", 20)
    say(page, "echo.localhost", "back again")
    page.wait_text("#log .line.in", "back again", 10)


CONTRAST = """
function channel(v) { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; }
function luminance(c) { return .2126 * channel(c[0]) + .7152 * channel(c[1]) + .0722 * channel(c[2]); }
function colour(text) { return text.match(/[\\d.]+/g).map(Number); }
function ground(e) { for (; e; e = e.parentElement) { const c = colour(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > 0) return c; } return [255, 255, 255]; }
const poor = [];
for (const e of document.querySelectorAll('body *')) {
  if (!e.checkVisibility() || e.disabled || ![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) continue;
  const a = luminance(colour(getComputedStyle(e).color)), b = luminance(ground(e));
  const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
  if (ratio < 4.5) poor.push(e.tagName + '.' + e.className + ' ' + e.textContent.slice(0, 20) + ' ' + ratio.toFixed(2));
}
return poor;
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 760, 400])
def test_looks(page, echo, scheme, width):
    """Everything fits, can be reached and can be read (WCAG 2 1.4.3: contrast of 4.5)."""
    height = 800 if width > 400 else 860
    page.look(scheme, width, height)
    assert page.script("return matchMedia('(prefers-color-scheme: dark)').matches") is (scheme == "dark")
    wait_for(lambda: page.is_shown("#guest"))

    def check(name):
        assert page.script("return document.documentElement.scrollWidth") <= width, f"{name}: wider than the window"
        assert page.script(CONTRAST) == [], name
        outside = page.script("return [...document.querySelectorAll('input, button')].filter(e => e.checkVisibility()).filter(e => {"
                              "const b = e.getBoundingClientRect(); return b.left < 0 || b.right > innerWidth || b.width < 40 || b.height < 24;"
                              "}).map(e => e.id)")
        assert outside == [], name
        page.shoot(f"{name}-{scheme}-{width}")

    check("login")
    come_in(page, "alice")
    for words in ("Good morrow", "Is the day so young?", "But new struck nine. " * 8, "unbreakable" * 30):
        say(page, "echo.localhost", words)
    say(page, "orders.localhost", "Anybody?")
    wait_for(lambda: page.script("return document.querySelectorAll('#log .in').length") == 4)
    wait_for(lambda: page.script("return document.querySelectorAll('#log .error').length") == 1)
    wait_for(lambda: page.script("return document.querySelectorAll('#bus .event').length") >= 8)
    page.script("document.getElementById('log').scrollTop = 1e6")
    page.script("document.getElementById('bus').scrollTop = 0")
    check("desk")


def test_by_keyboard(page, echo):
    """Tab reaches everything in a sensible order, and where one is shows."""
    wait_for(lambda: page.is_shown("#guest"))
    order = []
    page.script("document.activeElement.blur()")
    for _ in range(4):
        page.call("POST", "/actions", actions=[{"type": "key", "id": "k", "actions": [
            {"type": "keyDown", "value": "\ue004"}, {"type": "keyUp", "value": "\ue004"}]}])
        order.append(page.script("return document.activeElement.id"))
        assert page.script("return getComputedStyle(document.activeElement).outlineStyle") != "none", order
    assert order == ["jid", "password", "login", "guest"]
    labels = page.script("return [...document.querySelectorAll('input')].filter(e => !e.labels.length).map(e => e.id)")
    assert labels == []
