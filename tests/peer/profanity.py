"""Profanity, the real terminal program, driven by tmux: what a person types, and what the screen shows."""
import itertools
import os
import subprocess

from conftest import wait_for

numbers = itertools.count(1)


class Profanity:
    def __init__(self, folder):
        number = next(numbers)
        self.home = folder / f"profanity-{number}"
        self.tmux = ["tmux", "-L", f"stanzabus-{os.getpid()}-{number}"]
        (self.home / ".config/profanity").mkdir(parents=True)
        environment = {**os.environ, "HOME": str(self.home), "XDG_CONFIG_HOME": str(self.home / ".config"),
                       "XDG_DATA_HOME": str(self.home / ".local"), "TERM": "screen", "LANG": "C.UTF-8"}
        subprocess.run([*self.tmux, "new-session", "-d", "-x", "150", "-y", "50", "profanity", "-l", "DEBUG"], check=True, env=environment)
        self.wait("Profanity", seconds=15)

    def screen(self):
        return subprocess.run([*self.tmux, "capture-pane", "-p"], capture_output=True, text=True).stdout

    def type(self, line):
        subprocess.run([*self.tmux, "send-keys", "-l", line], check=True)
        subprocess.run([*self.tmux, "send-keys", "Enter"], check=True)

    def wait(self, words, times=1, seconds=15):
        try:
            wait_for(lambda: self.screen().count(words) >= times, seconds)
        except AssertionError:
            raise AssertionError(f"the screen does not show {words!r}:\n{self.screen()}") from None

    def log_in(self, jid, port, password="secret"):
        self.type("/tls certpath")
        self.type(f"/connect {jid} server 127.0.0.1 port {port} tls trust")
        wait_for(lambda: "password" in self.screen().lower(), 10, "the password prompt")
        self.type(password)
        self.wait("logged in successfully")

    def log(self):
        return "".join(path.read_text(errors="replace") for path in self.home.glob(".local/profanity/logs/profanity*.log"))

    def quit(self):
        subprocess.run([*self.tmux, "send-keys", "-l", "/quit"], capture_output=True)
        subprocess.run([*self.tmux, "send-keys", "Enter"], capture_output=True)
        try:
            wait_for(lambda: subprocess.run([*self.tmux, "list-sessions"], capture_output=True).returncode != 0, 3)
        except AssertionError:
            subprocess.run([*self.tmux, "kill-server"], capture_output=True)
