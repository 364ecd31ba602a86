// @xmpp/client (xmpp.js): logs in, sends, waits for the echo.  usage: SERVICE-URL USER PASSWORD BODY
import { webcrypto } from "node:crypto";
import { WebSocket } from "ws";

globalThis.WebSocket ??= WebSocket;
globalThis.crypto ??= webcrypto; // Debian 12 has Node.js 18
const { client, xml } = await import("@xmpp/client");

const [service, username, password, body] = process.argv.slice(2);
const xmpp = client({ service, domain: "localhost", resource: "xmppjs", username, password });
const late = setTimeout(() => fail(new Error("no echo in time")), 15000);

function fail(error) {
  console.error(error);
  process.exit(1);
}

xmpp.on("error", fail);
xmpp.on("stanza", async (stanza) => {
  if (!stanza.is("message") || !stanza.getChild("body")) return;
  if (stanza.getChildText("body") !== body) fail(new Error(`another body: ${stanza}`));
  console.log(`echo ${stanza.attrs.from}`);
  clearTimeout(late);
  await xmpp.stop();
  console.log("stopped");
});
xmpp.on("online", async (address) => {
  console.log(`online ${address}`);
  await xmpp.send(xml("presence"));
  await xmpp.send(xml("message", { to: "echo.localhost", type: "chat" }, xml("body", {}, body)));
});
await xmpp.start().catch(fail);
