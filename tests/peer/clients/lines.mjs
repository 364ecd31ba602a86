// How the live_* programs talk with the test that runs them: a line of JSON each way.
import { createInterface } from "node:readline";

export function tell(event, fields = {}) {
  process.stdout.write(JSON.stringify({ event, ...fields }) + "\n");
}

// handlers: { send: ({to, body}) => ..., roster: () => items, ... }; what one returns is told as {event: "done", did, value}.
export function obey(handlers) {
  createInterface({ input: process.stdin }).on("line", async (line) => {
    const order = JSON.parse(line);
    try {
      tell("done", { did: order.do, value: await handlers[order.do](order) });
    } catch (error) {
      tell("failed", { did: order.do, text: String(error?.stack ?? error) });
    }
  });
}

process.on("unhandledRejection", (error) => tell("unhandled", { text: String(error?.stack ?? error) }));
