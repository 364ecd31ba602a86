"""Converse.js in two browsers, as its users use it: contacts, presence, chats, history, guests, encryption, avatars.  Pictures
are kept for people to look at (browser.py says where)."""
import base64
import hmac
import json
import time

import pytest

from converse import Person, Site

JULIET, ROMEO, HELP = "juliet@localhost", "romeo@localhost", "help@support.localhost"

ROSE = ("iVBORw0KGgoAAAANSUhEUgAAADAAAAAwCAIAAADYYG7QAAAAe0lEQVR42u3YsQ2AMAxE0QxBzSTsrxuLn"
        "ooQ2zmjL/0BXmnfOI/LqgEI0B6Q3lUB0nxZIK0VDFJEMSBFtwRSTh9Byqw/SPlNgFRVT5Bq6wbSjgABAg"
        "QIEKA/gzg/OGFjQHZfB49i09/ecf1w3IdMFzTHjdF0hWU4B/ToBnKNGSy3XjfnAAAAAElFTkSuQmCC")


@pytest.fixture(scope="module")
def site():
    made = Site()
    yield made
    made.close()


@pytest.fixture(scope="module")
def browsers():
    made = (Person(), Person())
    yield made
    for person in made:
        person.quit()


@pytest.fixture
def gateway(gateways, site):
    return gateways(http__origins=site.origin, limits__login_failures="100")


@pytest.fixture
def couple(browsers, site, gateway):
    """Juliet and Romeo, logged in, each in the other's roster."""
    juliet, romeo = browsers
    url = site.page("/chat", gateway, authentication="login")
    for person, jid in ((juliet, JULIET), (romeo, ROMEO)):
        person.visit(url)
        person.log_in(jid)
    return juliet, romeo


def befriend(juliet, romeo):
    juliet.add_contact(ROMEO, "Romeo")
    romeo.accept_contact("Juliet")
    romeo.ask_in_return(JULIET)
    for person, other in ((juliet, ROMEO), (romeo, JULIET)):
        person.wait("return inside.state.roster.get(arguments[0])?.get('subscription') === 'both'", 10, f"{other} in the roster", other)


def next_event(ears, body):
    """The event of a message with this body."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        message = ears.get_message(ignore_subscribe_messages=True, timeout=0.5)
        event = json.loads(message["data"]) if message else {"data": {}}
        if event["data"].get("body") == body:
            return event
    raise AssertionError(f"no message says {body!r}")


def test_chat(couple, site, gateway):
    juliet, romeo = couple
    juliet.add_contact(ROMEO, "Romeo")
    romeo.wait_shown('li.list-item a[data-jid="juliet@localhost"]')
    romeo.shoot("request")
    romeo.accept_contact("Juliet")
    romeo.ask_in_return(JULIET)
    juliet.wait_dot(ROMEO, "online")
    romeo.wait_dot(JULIET, "online")
    romeo.set_status("away", "in the orchard")
    juliet.wait_dot(ROMEO, "away")

    juliet.open_chat(ROMEO)
    romeo.open_chat(JULIET)
    juliet.say("Art thou not Romeo?")
    romeo.wait_lines("Art thou not Romeo?")
    romeo.type_words("Neither, fair")
    juliet.wait_notice("Romeo is typing")
    juliet.shoot("typing")
    romeo.type_words(" saint\ue007")
    juliet.wait_lines("Art thou not Romeo?", "Neither, fair saint")
    romeo.wait_lines("Art thou not Romeo?", "Neither, fair saint")
    romeo.shoot("chat")

    # who leaves is gone for the other; who reloads the page is there again
    juliet.reload()
    juliet.wait_dot(ROMEO, "away")
    romeo.log_out()
    juliet.wait_dot(ROMEO, "offline")


def test_history(couple):
    """A browser that was never here has it from the archive; and so it is after a reload."""
    juliet, romeo = couple
    befriend(juliet, romeo)
    juliet.open_chat(ROMEO)
    romeo.open_chat(JULIET)
    juliet.say("What satisfaction canst thou have tonight?")
    romeo.wait_lines("What satisfaction canst thou have tonight?")
    romeo.say("The exchange of thy love's faithful vow for mine.")
    juliet.wait_lines("What satisfaction canst thou have tonight?", "The exchange of thy love's faithful vow for mine.")
    juliet.log_out()
    romeo.say("Sleep dwell upon thine eyes")  # while nobody is there
    juliet.visit(juliet.browser.script("return location.href"))
    juliet.log_in(JULIET)
    juliet.wait_dot(ROMEO, "online")  # the list of contacts is drawn anew until then
    juliet.open_chat(ROMEO)
    whole = ("What satisfaction canst thou have tonight?", "The exchange of thy love's faithful vow for mine.", "Sleep dwell upon thine eyes")
    juliet.wait_lines(*whole)
    juliet.shoot("history")
    juliet.reload()
    juliet.wait_dot(ROMEO, "online")
    juliet.wait_lines(*whole)


def test_avatar(couple, folder):
    juliet, romeo = couple
    befriend(juliet, romeo)
    picture = folder / "rose.png"
    picture.write_bytes(base64.b64decode(ROSE))
    juliet.set_avatar(picture)
    juliet.wait_avatar(JULIET, ROSE)
    romeo.wait_avatar("Juliet", ROSE)
    romeo.open_chat(JULIET)
    romeo.shoot("avatar")


def test_omemo(couple):
    """Bundles are published and found: an encrypted message is read at the other end, and nobody between sees it."""
    juliet, romeo = couple
    befriend(juliet, romeo)
    juliet.open_chat(ROMEO)
    romeo.open_chat(JULIET)
    juliet.encrypt()
    juliet.say("wherefore art thou Romeo?")
    romeo.wait_lines("wherefore art thou Romeo?")
    romeo.encrypt()
    romeo.say("call me but love")
    juliet.wait_lines("wherefore art thou Romeo?", "call me but love")
    romeo.shoot("omemo")


def token(visitor, secret):
    """What the shop's own server gives a visitor of its page (RFC 7519, HS256), for a day."""
    def part(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    text = ".".join(part(json.dumps(words).encode()) for words in ({"alg": "HS256"}, {"sub": visitor, "exp": int(time.time()) + 86400}))
    return text + "." + part(hmac.new(secret, text.encode(), "sha256").digest())


def test_guest(browsers, site, gateways, redis, folder):
    """Support chat on a shop's page: a guest writes, is answered, reloads the page, and is the same guest: the shop knows its
    visitors, and gives each a token.  A nameless one (ANONYMOUS) is answered as well."""
    secret = b"the shop's secret, 32 bytes at least"
    (folder / "secret").write_bytes(secret)
    gateway = gateways(http__origins=site.origin, auth__anonymous_domain="guest.localhost", services__domains="support.localhost",
                       auth__mechanisms="PLAIN", auth__jwt_key=str(folder / "secret"), auth__jwt_plain="on", auth__jwt_create="on")
    ears = redis.client().pubsub()
    ears.subscribe("xmpp:to:{support.localhost}")

    def answer(words):
        event = next_event(ears, words)
        redis.client().publish("xmpp:from:{support.localhost}", json.dumps({"data": {
            "kind": "message", "type": "chat", "from": HELP, "to": event["data"]["from"], "body": f"You say {words}?"}}))
        return event["data"]["from"].split("/")[0]

    guest, nameless = browsers
    guest.jid, nameless.jid = "visitor", "nameless"
    guest.visit(site.page("/shop", gateway, authentication="login", auto_login=True, jid="visitor-7@localhost", password=token("visitor-7", secret)))
    nameless.visit(site.page("/kiosk", gateway, authentication="anonymous", auto_login=True, jid="guest.localhost"))
    for person in (guest, nameless):
        person.wait_online()
        person.ask(f"inside.api.chats.open('{HELP}', {{}}, true).then(() => true)")
        person.wait_shown("textarea.chat-textarea")

    guest.say("Where is my balcony")
    assert answer("Where is my balcony") == "visitor-7@localhost"
    guest.wait_lines("Where is my balcony", "You say Where is my balcony?")
    nameless.say("Who am I")
    assert answer("Who am I").endswith("@guest.localhost")
    nameless.wait_lines("Who am I", "You say Who am I?")

    guest.reload()
    guest.wait_shown("textarea.chat-textarea")
    guest.wait_lines("Where is my balcony", "You say Where is my balcony?")
    guest.say("It was here")
    assert answer("It was here") == "visitor-7@localhost", "the same guest"
    guest.wait_lines("Where is my balcony", "You say Where is my balcony?", "It was here", "You say It was here?")
    guest.shoot("guest")
