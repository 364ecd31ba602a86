// strophe.js, obeying a test: usage: SERVICE-URL USER PASSWORD
import { $iq, $msg, $pres, Strophe } from "strophe.js";
import { obey, tell } from "./lines.mjs";

const [service, username, password] = process.argv.slice(2);
const connection = new Strophe.Connection(service, { enableStreamManagement: true });
let stopping = false;

function connect() {
  connection.connect(`${username}@localhost/strophe`, password, (status, condition) => {
    if (status === Strophe.Status.CONNECTED) {
      connection.deleteHandler(connection.messages);
      connection.deleteHandler(connection.pushes);
      connection.messages = connection.addHandler((message) => {
        const body = message.getElementsByTagName("body")[0];
        if (body) tell("message", { from: message.getAttribute("from"), body: body.textContent });
        return true;
      }, null, "message");
      connection.pushes = connection.addHandler((iq) => {
        tell("push", { jid: iq.getElementsByTagName("item")[0].getAttribute("jid") });
        connection.send($iq({ type: "result", id: iq.getAttribute("id") }));
        return true;
      }, "jabber:iq:roster", "iq", "set");
      tell(connection.sm?.resumed ? "resumed" : "online", { jid: connection.jid });
    } else if (status === Strophe.Status.DISCONNECTED) {
      tell("cut");
      if (!stopping) setTimeout(connect, 100);
    } else if ([Strophe.Status.AUTHFAIL, Strophe.Status.CONNFAIL, Strophe.Status.ERROR].includes(status)) {
      tell("error", { text: `status ${status} ${condition}` });
    }
  });
}

obey({
  presence: () => connection.send($pres().tree()),
  send: ({ to, body }) => connection.send($msg({ to, type: "chat" }).c("body").t(body).tree()),
  roster: () => new Promise((resolve, reject) => connection.sendIQ($iq({ type: "get" }).c("query", { xmlns: "jabber:iq:roster" }),
    (answer) => resolve([...answer.getElementsByTagName("item")].map((item) => ({
      jid: item.getAttribute("jid"), name: item.getAttribute("name"), subscription: item.getAttribute("subscription") }))), reject)),
  stop: () => { stopping = true; connection.disconnect("bye"); },
});
connect();
