"""Converse.js as npm has it, in a real browser: a little web server that serves its files and a page with settings, and a
person who sits in front of it.  What a person does goes by what is on the screen; only what has no fixed place there is asked
of Converse itself."""
import functools
import http.server
import json
import pathlib
import threading
import time

from browser import ENTER, Browser
from conftest import wait_for

PACKAGE = pathlib.Path(__file__).parent / "node_modules/converse.js"
PAGE = """<!DOCTYPE html><html><head><meta charset="utf-8"><title>Converse</title>
<link rel="stylesheet" href="/dist/converse.min.css"></head>
<body class="converse-fullscreen"><script>addEventListener('error', e => console.error('uncaught ' + e.message));</script>
<script type="module" src="/dist/converse.min.js"></script>
<script type="module">
converse.plugins.add('inside', {initialize() { window.inside = this._converse; }});
converse.initialize({whitelisted_plugins: ['inside'], view_mode: 'fullscreen', assets_path: '/dist/', i18n: 'en', loglevel: 'warn',
  discover_connection_methods: false, auto_away: 0, show_desktop_notifications: false, play_sounds: false,
  allow_url_history_change: false, ...SETTINGS});
</script></body></html>"""


class Pages(http.server.SimpleHTTPRequestHandler):
    settings = {}

    def do_GET(self):
        if self.path.split("?")[0] not in self.settings:
            super().do_GET()
            return
        body = PAGE.replace("SETTINGS", json.dumps(self.settings[self.path.split("?")[0]])).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Site:
    """The web server: a page for each set of settings.  Its origin is what http.origins has to have."""

    def __init__(self):
        class Handler(Pages):
            settings = {}

        self.pages = Handler.settings
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(PACKAGE)))
        self.origin = f"http://localhost:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def page(self, path, gateway, **settings):
        self.pages[path] = {"websocket_url": f"ws://localhost:{gateway.http}/xmpp-websocket", **settings}
        return self.origin + path

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Person:
    """In front of a browser of their own."""

    def __init__(self):
        self.browser = Browser()
        self.jid = None

    def visit(self, url):
        """As somebody who was never there: without what an earlier visit left."""
        self.browser.open("about:blank")  # the page that goes keeps something
        self.browser.develop("Storage.clearDataForOrigin", origin=url[:url.index("/", 8)], storageTypes="all")
        self.browser.complaints()
        self.browser.open(url)

    def log_in(self, jid, password="secret"):
        self.jid = jid
        self.wait_shown("#converse-login-jid", 20)
        self.browser.type("#converse-login-jid", jid)
        self.browser.type("#converse-login-password", password + ENTER)
        self.wait_online()

    def wait_online(self):
        self.wait("return window.inside?.api.connection.connected() && !!inside.state.xmppstatus", 20, "online")

    def wait(self, script, seconds=10, what=None, *arguments):
        try:
            return wait_for(lambda: self.browser.script(script, *arguments), seconds, what or script, 0.1)
        except AssertionError:
            self.shoot(f"failed-{(self.jid or 'nobody').split('@')[0]}")
            raise

    def wait_shown(self, css, seconds=10):
        self.wait("return [...document.querySelectorAll(arguments[0])].some(e => e.checkVisibility())", seconds, css, css)

    def ask(self, expression):
        """What a promise inside of Converse comes to."""
        answer = self.browser.call("POST", "/execute/async", script=f"""
            const done = arguments[0];
            (async () => ({expression}))().then(v => done([true, v === undefined ? null : JSON.parse(JSON.stringify(v))]), e => done([false, String(e?.outerHTML ?? e?.message ?? e)]));
            """, args=[])
        assert answer[0], answer[1]
        return answer[1]

    def reload(self):
        """Converse logs in again by the keys that it kept."""
        self.browser.open(self.browser.script("return location.href"))
        self.wait_online()

    def shoot(self, name):
        self.browser.shoot(f"converse-{name}")

    def log_out(self):
        self.browser.script("inside.api.user.logout()")
        self.wait_shown("#converse-login-jid", 20)

    def complaints(self):
        """What the console says, but for pictures of the project's sponsors, which this machine cannot fetch."""
        return [line for line in self.browser.complaints() if "https://conversejs.org/media" not in line]

    # -- contacts --

    def click(self, css):
        """Also what only shows in a menu."""
        self.wait("return !!document.querySelector(arguments[0])", 10, css, css)
        self.browser.script("document.querySelector(arguments[0]).click()", css)

    def submit_dialog(self):
        button = ".modal.show button[type=submit]"
        self.wait_shown(button)
        time.sleep(0.4)  # it slides in
        self.browser.click(button)
        self.wait("return !document.querySelector('.modal.show')", 10, "the dialog's end")

    def add_contact(self, jid, name):
        self.click(".add-contact")
        self.wait_shown("converse-add-contact-modal input[name=jid]")
        time.sleep(0.4)
        self.browser.type("converse-add-contact-modal input[name=jid]", jid)
        self.browser.type("converse-add-contact-modal input[name=name]", name)
        self.submit_dialog()

    def accept_contact(self, name):
        self.click(".accept-xmpp-request")
        self.wait_shown(".modal.show input[name=name]")
        time.sleep(0.4)
        self.browser.type(".modal.show input[name=name]", name)
        self.submit_dialog()

    def ask_in_return(self, jid):
        """What the dialog of version 14.0.0 means to do, by a method that it has no more."""
        self.browser.script("inside.state.roster.get(arguments[0]).subscribeToPresence()", jid)

    def set_status(self, value, text):
        self.click("a.change-status")
        self.wait_shown(f"#radio-{value}")
        time.sleep(0.4)
        self.browser.click(f"#radio-{value}")
        self.browser.type(".modal.show input[name=status_message]", text)
        self.browser.click(".modal.show button[type=submit]")
        self.click(".modal.show [data-bs-dismiss]")
        self.wait("return !document.querySelector('.modal.show')", 10, "the dialog's end")

    def wait_dot(self, jid, status):
        """The dot beside the contact's name: online, away, offline."""
        self.wait("""return document.querySelector(`li.list-item a[data-jid="${arguments[0]}"] .chat-status`)?.title
            === `This contact is ${arguments[1]}`""", 10, f"the dot of {jid}: {status}", jid, status)

    def set_avatar(self, path):
        self.click("a.show-profile")
        self.wait_shown(".modal.show a.change-avatar")
        element = self.browser.find(".modal.show input[name=avatar_image]")
        self.browser.call("POST", f"/element/{element}/value", text=str(path))
        self.wait("return !!document.querySelector('.modal.show converse-avatar image, .modal.show img.avatar, .modal.show svg image')", 10, "the chosen picture")
        self.browser.click(".modal.show .save-form")
        self.wait("return !document.querySelector('.modal.show')", 10, "the dialog's end")

    def wait_avatar(self, name, data):
        """The picture beside that name is this."""
        self.wait("""return [...document.querySelectorAll('converse-avatar')].some(e => e.getAttribute('name') === arguments[0] &&
            e.querySelector('image')?.getAttribute('href').endsWith(arguments[1]))""", 10, f"the avatar of {name}", name, data)

    # -- a chat --

    def open_chat(self, jid):
        self.click(f'li.list-item a[data-jid="{jid}"]')
        self.wait_shown("textarea.chat-textarea")

    def type_words(self, words):
        element = self.browser.find("textarea.chat-textarea")
        self.browser.call("POST", f"/element/{element}/value", text=words)

    def say(self, words):
        self.type_words(words + ENTER)

    def lines(self):
        return self.browser.script("return [...document.querySelectorAll('.chat-msg__text')].filter(e => e.checkVisibility()).map(e => e.innerText)")

    def wait_lines(self, *wanted, seconds=10):
        try:
            wait_for(lambda: self.lines() == list(wanted), seconds, pause=0.1)
        except AssertionError:
            raise AssertionError(f"{self.jid} reads {self.lines()}, not {wanted}") from None

    def wait_notice(self, words):
        self.browser.wait_text(".chat-content__notifications", words)

    def encrypt(self):
        self.wait("return document.querySelector('.toggle-omemo')?.dataset.disabled === 'false'", 10, "encryption offered")
        self.click(".toggle-omemo")
        self.wait("return !!document.querySelector('.toggle-omemo .fa-lock')", 10, "encryption on")

    def quit(self):
        self.browser.quit()
