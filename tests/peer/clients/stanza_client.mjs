// stanza (stanza.js) over WebSocket: logs in, sends, waits for the echo.  usage: SERVICE-URL USER PASSWORD BODY
import * as XMPP from "stanza";

const [service, username, password, body] = process.argv.slice(2);
const client = XMPP.createClient({ jid: `${username}@localhost`, password, resource: "stanzajs", transports: { websocket: service, bosh: false } });
const late = setTimeout(() => fail("no echo in time"), 15000);

function fail(text) {
  console.error(text);
  process.exit(1);
}

client.on("stream:error", (error) => fail(JSON.stringify(error)));
client.on("auth:failed", () => fail("auth:failed"));
client.on("session:started", () => {
  console.log(`online ${client.jid}`);
  client.sendPresence();
  client.sendMessage({ to: "echo.localhost", type: "chat", body });
});
client.on("message", (message) => {
  if (!message.body) return;
  if (message.body !== body) fail(`another body: ${message.body}`);
  console.log(`echo ${message.from}`);
  clearTimeout(late);
  client.disconnect();
});
client.on("disconnected", () => {
  console.log("stopped");
  process.exit(0);
});
client.connect();
