#!/usr/bin/env python3
"""A component in slixmpp: tells what it is, and answers messages.   usage: PORT DOMAIN SECRET"""
import sys

from slixmpp import ComponentXMPP

port, domain, secret = int(sys.argv[1]), *sys.argv[2:4]


class Weather(ComponentXMPP):
    def __init__(self):
        super().__init__(domain, secret, "127.0.0.1", port)
        self.register_plugin("xep_0030")
        self["xep_0030"].add_identity(category="component", itype="generic", name="weather")
        self.add_event_handler("session_start", lambda _: print("ready", flush=True))
        self.add_event_handler("message", self.on_message)

    def on_message(self, message):
        if message["type"] == "chat":
            message.reply(f"no {message['body']}").send()


component = Weather()
component.connect()
component.process(forever=True)
