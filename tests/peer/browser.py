"""A headless Chromium, driven over the WebDriver protocol (W3C WebDriver 1) with the standard library."""
import base64
import http.client
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

from conftest import BINARY, free_port, wait_for

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # WebDriver 11
ENTER = "\ue007"
SHOTS = pathlib.Path(os.environ.get("STANZABUS_TEST_SHOTS", pathlib.Path(BINARY).parent / "shots"))
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--window-size=1280,800"]


class Browser:
    def __init__(self):
        self.profile = tempfile.mkdtemp(prefix="stanzabus-browser-")
        self.port = free_port()
        self.log = open(pathlib.Path(self.profile) / "driver.log", "wb")
        self.process = subprocess.Popen(["chromedriver", f"--port={self.port}"], stdout=self.log, stderr=self.log, start_new_session=True)
        self.session = ""
        wait_for(self.is_up, 20, "chromedriver")
        options = {"args": [*FLAGS, f"--user-data-dir={self.profile}/data"]}
        self.session = self.call("POST", "/session", capabilities={"alwaysMatch": {
            "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}})["sessionId"]

    def is_up(self):
        try:
            return self.call("GET", "/status")["ready"]
        except OSError:
            return False

    def call(self, method, path, **words):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            where = f"/session/{self.session}{path}" if self.session else path
            connection.request(method, where, json.dumps(words) if method == "POST" else None, {"Content-Type": "application/json"})
            value = json.loads(connection.getresponse().read())["value"]
        finally:
            connection.close()
        if isinstance(value, dict) and "error" in value:
            raise AssertionError(f"{method} {path}: {value['error']}: {value['message'].splitlines()[0]}")
        return value

    def quit(self):
        try:
            self.call("DELETE", "")
        finally:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(10)
            self.log.close()
            shutil.rmtree(self.profile, ignore_errors=True)

    # -- the page --

    def open(self, url):
        self.call("POST", "/url", url=url)

    def script(self, text, *arguments):
        return self.call("POST", "/execute/sync", script=text, args=list(arguments))

    def find(self, css):
        return self.call("POST", "/element", using="css selector", value=css)[ELEMENT]

    def click(self, css):
        self.call("POST", f"/element/{self.find(css)}/click")

    def type(self, css, text):
        """In the place of what is there."""
        element = self.find(css)
        self.call("POST", f"/element/{element}/clear")
        self.call("POST", f"/element/{element}/value", text=text)

    def text(self, css):
        """What a person can read there; empty when it is hidden."""
        return self.call("GET", f"/element/{self.find(css)}/text")

    def is_shown(self, css):
        return self.call("GET", f"/element/{self.find(css)}/displayed")

    def wait_text(self, css, words, seconds=10):
        """Until one of these elements says the words."""
        def said():
            return self.script("return [...document.querySelectorAll(arguments[0])].map(e => e.innerText)", css)

        try:
            wait_for(lambda: any(words in text for text in said()), seconds)
        except AssertionError:
            raise AssertionError(f"{css} says {said()}, not {words!r}") from None

    def complaints(self):
        """Errors and warnings of the console since the last call."""
        return [entry["message"] for entry in self.call("POST", "/se/log", type="browser") if entry["level"] in ("SEVERE", "WARNING")]

    # -- tabs and looks --

    def new_tab(self):
        handle = self.call("POST", "/window/new", type="tab")["handle"]
        self.switch(handle)
        return handle

    def tab(self):
        return self.call("GET", "/window")

    def switch(self, handle):
        self.call("POST", "/window", handle=handle)

    def close_tab(self):
        self.call("DELETE", "/window")

    def develop(self, command, **parameters):
        """A command of Chromium's own protocol."""
        return self.call("POST", "/goog/cdp/execute", cmd=command, params=parameters)

    def look(self, scheme="light", width=1280, height=800):
        self.develop("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.develop("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def shoot(self, name):
        SHOTS.mkdir(parents=True, exist_ok=True)
        (SHOTS / f"{name}.png").write_bytes(base64.b64decode(self.call("GET", "/screenshot")))
