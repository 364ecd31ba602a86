// A service for stanzabus in Node.js: it answers every message with the same words.
// npm install redis, then: node echo.mjs echo.localhost
import { createClient } from "redis";

const address = process.argv[2] ?? "echo.localhost";
const url = process.env.REDIS_URL ?? "redis://127.0.0.1:6379";
const mailbox = await createClient({ url }).connect();
const voice = await createClient({ url }).connect();

await mailbox.subscribe(`xmpp:to:{${address}}`, async (text) => {
  const said = JSON.parse(text).data;
  if (said.kind !== "message" || said.body === undefined || said.type === "error") return;
  const answer = { kind: "message", type: said.type ?? "normal", from: said.to, to: said.from, body: said.body };
  await voice.publish(`xmpp:from:{${address}}`, JSON.stringify({ data: answer }));
});
console.log(`listening at ${address}`);
