"""Converse.js in two browsers, as its users use it: contacts, presence, chats, history, guests, encryption, avatars.  Pictures
are kept for people to look at (browser.py says where)."""
import base64
import json
import time

import pytest

from converse import Person, Site

JULIET, ROMEO = "juliet@localhost", "romeo@localhost"

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
