// stanza (stanza.js), obeying a test: usage: SERVICE-URL USER PASSWORD
import * as XMPP from "stanza";
import { obey, tell } from "./lines.mjs";

const [service, username, password] = process.argv.slice(2);
const client = XMPP.createClient({ jid: `${username}@localhost`, password, resource: "stanzajs",
  transports: { websocket: service, bosh: false }, autoReconnect: true, maxReconnectBackoff: 1 });

client.on("stream:error", (error) => tell("error", { text: JSON.stringify(error) }));
client.on("auth:failed", () => tell("error", { text: "auth:failed" }));
client.on("session:started", () => tell("online", { jid: client.jid }));
client.on("stream:management:resumed", () => tell("resumed"));
client.on("disconnected", () => tell("cut"));
client.on("message", (message) => message.body && tell("message", { from: message.from, body: message.body }));
client.on("message:failed", (message) => tell("not-sent", { body: message.body }));
client.on("roster:update", (iq) => tell("push", { jid: iq.roster.items[0].jid }));
obey({
  presence: () => client.sendPresence(),
  send: ({ to, body }) => { client.sendMessage({ to, type: "chat", body }); },
  roster: async () => (await client.getRoster()).items.map(({ jid, name, subscription }) => ({ jid, name, subscription })),
  stop: () => { client.config.autoReconnect = false; client.disconnect(); },
});
client.connect();
