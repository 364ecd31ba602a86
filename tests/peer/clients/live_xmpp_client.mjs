// @xmpp/client (xmpp.js), obeying a test: usage: SERVICE-URL USER PASSWORD
import { webcrypto } from "node:crypto";
import { WebSocket } from "ws";
import { obey, tell } from "./lines.mjs";

globalThis.WebSocket ??= WebSocket;
globalThis.crypto ??= webcrypto; // Debian 12 has Node.js 18
const { client, xml } = await import("@xmpp/client");

const [service, username, password] = process.argv.slice(2);
const used = []; // at each login: the password, or the token that came with it
const userAgent = xml("user-agent", { id: crypto.randomUUID() });
const xmpp = client({
  service, domain: "localhost", resource: "xmppjs",
  credentials: async (authenticate, mechanisms, fast) => {
    const token = fast && (await fast.fetch());
    used.push(token ? "token" : "password");
    await authenticate({ username, password, token }, mechanisms[0], userAgent);
  },
});
xmpp.reconnect.delay = 100;
xmpp.on("error", (error) => tell("error", { text: String(error) }));
xmpp.on("online", (address) => tell("online", { jid: String(address), used }));
xmpp.on("disconnect", () => tell("cut"));
xmpp.streamManagement.on("resumed", () => tell("resumed", { used }));
xmpp.streamManagement.on("fail", (stanza) => tell("not-sent", { xml: String(stanza) }));
xmpp.on("stanza", (stanza) => {
  if (stanza.is("message") && stanza.getChild("body")) tell("message", { from: stanza.attrs.from, body: stanza.getChildText("body") });
});
xmpp.iqCallee.set("jabber:iq:roster", "query", ({ element }) => {
  tell("push", { jid: element.getChild("item").attrs.jid });
  return {};
});
obey({
  presence: () => xmpp.send(xml("presence")),
  send: ({ to, body }) => xmpp.send(xml("message", { to, type: "chat" }, xml("body", {}, body))),
  roster: async () => (await xmpp.iqCaller.get(xml("query", "jabber:iq:roster"))).getChildren("item").map((item) => item.attrs),
  stop: () => xmpp.stop(),
});
await xmpp.start().catch((error) => tell("error", { text: String(error) }));
