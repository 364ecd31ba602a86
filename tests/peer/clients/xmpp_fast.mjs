// @xmpp/client (xmpp.js): logs in by SASL2, Bind 2 and a login token kept in a file.  usage: SERVICE-URL USER PASSWORD FILE
import { webcrypto } from "node:crypto";
import { existsSync, readFileSync, unlinkSync, writeFileSync } from "node:fs";
import { WebSocket } from "ws";

globalThis.WebSocket ??= WebSocket;
globalThis.crypto ??= webcrypto; // Debian 12 has Node.js 18
const { client, xml } = await import("@xmpp/client");

const [service, username, password, file] = process.argv.slice(2);
const userAgent = xml("user-agent", { id: "d4565fa7-4d72-4749-b3d3-740edbf87770" });
const xmpp = client({ service, domain: "localhost", resource: "xmppjs", username, password, userAgent });
const late = setTimeout(() => fail(new Error("not online in time")), 15000);

function fail(error) {
  console.error(error);
  process.exit(1);
}

xmpp.fast.saveToken = async (token) => {
  console.log("token saved");
  writeFileSync(file, JSON.stringify(token));
};
xmpp.fast.fetchToken = async () => (existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : null);
xmpp.fast.deleteToken = async () => {
  console.log("token deleted");
  if (existsSync(file)) unlinkSync(file);
};
xmpp.on("error", fail);
xmpp.on("online", async (address) => {
  console.log(`online ${address}`);
  await xmpp.iqCaller.request(xml("iq", { type: "get" }, xml("ping", "urn:xmpp:ping")));
  console.log("ping answered");
  clearTimeout(late);
  await xmpp.stop();
});
await xmpp.start().catch(fail);
