// A guest with @xmpp/client, as a web page would keep one over its reloads: usage: SERVICE-URL [LOCALPART TOKEN-JSON]
import { webcrypto } from "node:crypto";
import { WebSocket } from "ws";
import { obey, tell } from "./lines.mjs";

globalThis.WebSocket ??= WebSocket;
globalThis.crypto ??= webcrypto; // Debian 12 has Node.js 18
const { client, xml } = await import("@xmpp/client");

const [service, username, kept] = process.argv.slice(2);
const userAgent = xml("user-agent", { id: "d4565fa7-4d72-4749-b3d3-740edbf87770" }); // a page keeps its own
const xmpp = client({
  service, domain: "guest.localhost",
  credentials: async (authenticate, mechanisms, fast) => {
    const token = fast && (await fast.fetch());
    tell("used", { what: token ? "token" : mechanisms[0] });
    await authenticate({ username, token }, mechanisms[0], userAgent);
  },
});
let token = kept ? JSON.parse(kept) : null;
xmpp.fast.fetchToken = async () => token;
xmpp.fast.saveToken = async (fresh) => { token = fresh; tell("token", { token }); };
xmpp.fast.deleteToken = async () => { token = null; tell("token-gone"); };
xmpp.on("error", (error) => tell("error", { text: String(error) }));
xmpp.on("online", (address) => tell("online", { jid: String(address) }));
obey({ stop: () => xmpp.stop() });
await xmpp.start().catch((error) => tell("error", { text: String(error) }));
