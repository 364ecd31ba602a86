"""People with slixmpp, the Python library: each a client of its own on one asyncio loop, with everything that came kept until
the test asks for it."""
import asyncio
import ssl

import slixmpp

PLUGINS = ("xep_0012", "xep_0030", "xep_0048", "xep_0049", "xep_0054", "xep_0059", "xep_0060", "xep_0077", "xep_0084", "xep_0085",
           "xep_0092", "xep_0115", "xep_0153", "xep_0163", "xep_0172", "xep_0184", "xep_0191", "xep_0199", "xep_0202", "xep_0203",
           "xep_0223", "xep_0280", "xep_0308", "xep_0313", "xep_0333", "xep_0334", "xep_0352", "xep_0359", "xep_0424",
           "xep_0444")


class Slix(slixmpp.ClientXMPP):
    def __init__(self, gateway, jid, password="secret", plugins=PLUGINS, resumes=False, answers=True):
        super().__init__(jid, password)
        self.gateway = gateway
        if not answers:  # to those who ask for its presence
            self.roster.auto_authorize, self.roster.auto_subscribe = None, False
        self.messages, self.presences = [], []
        self.news = asyncio.Event()
        self.use_ipv6 = False
        self.ssl_context.check_hostname = False
        self.ssl_context.verify_mode = ssl.CERT_NONE
        for plugin in plugins:
            self.register_plugin(plugin)
        if resumes:
            self.register_plugin("xep_0198")
        self["feature_mechanisms"].unencrypted_plain = True
        self["feature_mechanisms"].unencrypted_scram = True
        self.register_handler(slixmpp.xmlstream.handler.Callback(
            "every message", slixmpp.xmlstream.matcher.StanzaPath("message"), self.on_message))
        self.register_handler(slixmpp.xmlstream.handler.Callback(
            "every presence", slixmpp.xmlstream.matcher.StanzaPath("presence"), self.on_presence))

    def on_message(self, message):
        self.messages.append(message)
        self.news.set()

    def on_presence(self, presence):
        self.presences.append(presence)
        self.news.set()

    async def start(self, presence=True, roster=True, event="session_start"):
        started = asyncio.get_running_loop().create_future()
        self.add_event_handler(event, lambda _: started.done() or started.set_result(True), disposable=True)
        self.add_event_handler("failed_all_auth", lambda _: started.done() or started.set_exception(AssertionError("not let in")))
        self.connect(("127.0.0.1", self.gateway.tcp), disable_starttls=True)
        await asyncio.wait_for(started, 10)
        if roster:
            await self.get_roster()
        if presence:
            self.send_presence()
            await self.presence(lambda p: p["from"] == self.boundjid and p["type"] == "available")
        return self

    async def _take(self, kept, wanted, what, seconds):
        async def look():
            while True:
                for item in kept:
                    if wanted(item):
                        kept.remove(item)
                        return item
                self.news.clear()
                await self.news.wait()
        try:
            return await asyncio.wait_for(look(), seconds)
        except asyncio.TimeoutError:
            raise AssertionError(f"{self.boundjid} gets no such {what}; it has {[str(item) for item in kept]}") from None

    async def message(self, wanted, seconds=10):
        """The first message that is so, taken out of those that came; wanted: its body, or a function."""
        return await self._take(self.messages, wanted if callable(wanted) else lambda m: m["body"] == wanted, "message", seconds)

    async def presence(self, wanted, seconds=10):
        return await self._take(self.presences, wanted, "presence", seconds)

    async def settle(self):
        """What was on its way to this client has come."""
        await self["xep_0199"].send_ping(self.boundjid.domain, timeout=10)

    async def iq(self, kind, xml, to=None, seconds=10):
        """Asks by XML; the answer's element, errors raised."""
        iq = self.make_iq(ito=to, itype=kind)
        iq.append(slixmpp.xmlstream.ET.fromstring(xml))
        return (await iq.send(timeout=seconds)).xml

    def ask(self, jid, kind="subscribe", status=None):
        self.make_presence(pto=jid, ptype=kind, pstatus=status).send()

    def cut(self):
        """The line goes dead: no end of the stream, no FIN that says so."""
        self.transport.abort()

    async def leave(self):
        await self.disconnect(wait=1)
