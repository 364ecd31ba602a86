// strophe.js over WebSocket: logs in, sends, waits for the echo.  usage: SERVICE-URL USER PASSWORD BODY
import { $msg, $pres, Strophe } from "strophe.js";

const [service, username, password, body] = process.argv.slice(2);
const connection = new Strophe.Connection(service);
const late = setTimeout(() => end(1, "no echo in time"), 15000);
let echoed = false;

function end(code, text) {
  clearTimeout(late);
  if (text) console.error(text);
  process.exit(code);
}

connection.connect(`${username}@localhost/strophe`, password, (status, condition) => {
  if (status === Strophe.Status.CONNECTED) {
    console.log(`online ${connection.jid}`);
    connection.addHandler((message) => {
      const found = message.getElementsByTagName("body")[0];
      if (!found) return true;
      if (found.textContent !== body) end(1, `another body: ${found.textContent}`);
      console.log(`echo ${message.getAttribute("from")}`);
      echoed = true;
      connection.disconnect();
      return false;
    }, null, "message");
    connection.send($pres().tree());
    connection.send($msg({ to: "echo.localhost", type: "chat" }).c("body").t(body).tree());
  } else if (status === Strophe.Status.DISCONNECTED) {
    console.log("stopped");
    end(echoed ? 0 : 1);
  } else if (status === Strophe.Status.AUTHFAIL || status === Strophe.Status.CONNFAIL || status === Strophe.Status.ERROR) {
    end(1, `status ${status} ${condition}`);
  }
});
