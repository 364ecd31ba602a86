#!/usr/bin/env python3
"""slixmpp over TCP, plain or with STARTTLS or direct TLS: logs in, sends, waits for the echo.
usage: PORT USER PASSWORD BODY [plain|starttls|tls]"""
import asyncio
import ssl
import sys

import logging
import os

import slixmpp

if os.environ.get('DEBUG'):
    logging.basicConfig(level=logging.DEBUG)
port, user, password, body, mode = int(sys.argv[1]), *sys.argv[2:6]


class Echo(slixmpp.ClientXMPP):
    def __init__(self):
        super().__init__(f"{user}@localhost/slixmpp", password)
        self.ok = False
        self.ssl_context.check_hostname = False
        self.ssl_context.verify_mode = ssl.CERT_NONE
        self.register_plugin("xep_0199")
        self.register_plugin("xep_0030")
        self.register_plugin("xep_0092")
        self.add_event_handler("session_start", self.on_start)
        self.add_event_handler("message", self.on_message)
        self.add_event_handler("failed_all_auth", lambda _: self.disconnect())
        if mode == "plain":
            self["feature_mechanisms"].unencrypted_plain = True
            self["feature_mechanisms"].unencrypted_scram = True

    async def on_start(self, _):
        print(f"online {self.boundjid}")
        self.send_presence()
        info = await self["xep_0030"].get_info(jid="localhost")
        assert "urn:xmpp:ping" in info["disco_info"]["features"]
        await self["xep_0199"].ping("localhost", timeout=5)
        version = await self["xep_0092"].get_version("localhost")
        assert version["software_version"]["name"] == "stanzabus"
        self.send_message(mto="echo.localhost", mbody=body, mtype="chat")

    def on_message(self, message):
        if message["type"] == "error":
            print(message, file=sys.stderr)
        elif message["body"] == body:
            print(f"echo {message['from']}")
            self.ok = True
        self.disconnect()


client = Echo()
client.use_ipv6 = False
client.connect(("127.0.0.1", port), use_ssl=mode == "tls", force_starttls=mode == "starttls", disable_starttls=mode == "plain")
client.loop.run_until_complete(asyncio.wait_for(client.disconnected, 20))
print("stopped")
sys.exit(0 if client.ok else 1)
