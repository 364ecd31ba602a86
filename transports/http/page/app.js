// The page to try stanzabus with: an ordinary XMPP client over WebSocket (strophe.js), and beside the chat the neutral
// messages of this session, which the server sends over the same connection once it is asked to (urn:stanzabus:watch:0).
"use strict";

const WATCH = "urn:stanzabus:watch:0";
const KEPT_LINES = 500;
const KEPT_EVENTS = 200;

const byId = (id) => document.getElementById(id);
const { Strophe, $msg, $pres, $iq } = window;

let demo = { domain: location.hostname, guest_domain: "", services: [] };
let session = null; // who is logged in, or about to be: { jid, password, connection, retries, isOnline, wasOnline }

// -- words for what went wrong --

const CONDITIONS = {
  "service-unavailable": (who) => `${who} is not there at the moment.`,
  "recipient-unavailable": (who) => `${who} is not there at the moment.`,
  "item-not-found": (who) => `${who} does not exist here.`,
  "remote-server-not-found": (who) => `This server does not reach ${who}.`,
  "remote-server-timeout": (who) => `${who} did not answer in time.`,
  "resource-constraint": () => "The server cannot take this now. Try again in a moment.",
  "jid-malformed": (who) => `${who} is not an address.`,
  "not-allowed": (who) => `Writing to ${who} is not allowed.`,
  "forbidden": (who) => `Writing to ${who} is not allowed.`,
  "not-acceptable": () => "The message was not accepted.",
  "policy-violation": () => "The message is not allowed here, perhaps it is too long.",
};

const LOGIN_CONDITIONS = {
  "not-authorized": "The address or the password is wrong.",
  "temporary-auth-failure": "Logging in does not work at the moment. Try again shortly.",
  "encryption-required": "This server wants an encrypted connection: open the page with https.",
  "mechanism-too-weak": "This server wants a stronger way to log in.",
  "account-disabled": "This account is disabled.",
  "host-unknown": "This server does not know the domain of that address.",
  "no-auth-mech": "This server offers no way to log in that this page knows. Open it by https or as localhost.",
  "conflict": "This session was replaced by another one.",
};

function wordsForLogin(condition) {
  return LOGIN_CONDITIONS[condition] || (condition ? `Logging in failed: ${condition}.` : "The server cannot be reached.");
}

// -- small helpers for the document --

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function append(list, child, kept) {
  const follows = list.scrollTop + list.clientHeight >= list.scrollHeight - 40;
  list.append(child);
  while (list.childElementCount > kept) list.firstElementChild.remove();
  if (follows) list.scrollTop = list.scrollHeight;
}

function setStatus(text) {
  byId("status").textContent = text;
}

function showDesk(isShown) {
  byId("desk").hidden = !isShown;
  byId("logout").hidden = !isShown;
  byId("login-form").hidden = isShown;
}

function setBusy(isBusy) {
  byId("login").disabled = isBusy;
  byId("guest").disabled = isBusy;
}

// -- chat --

function addLine(kind, who, text) {
  const line = element("div", `line ${kind}`);
  line.append(element("span", "who", who), text);
  append(byId("log"), line, KEPT_LINES);
}

function errorCondition(stanza) {
  const error = stanza.getElementsByTagName("error")[0];
  const found = error && [...error.children].find((child) => child.localName !== "text");
  return found && found.localName;
}

function bodyOf(stanza) {
  const body = [...stanza.children].find((child) => child.localName === "body");
  return body && body.textContent;
}

function onChat(stanza) {
  const from = Strophe.getBareJidFromJid(stanza.getAttribute("from") || demo.domain);
  if (stanza.getAttribute("type") === "error") {
    const condition = errorCondition(stanza);
    const words = CONDITIONS[condition];
    addLine("error", from, words ? words(from) : `The message came back: ${condition || "unknown reason"}.`);
    return;
  }
  const body = bodyOf(stanza);
  if (body) addLine("in", from, body);
}

function send(event) {
  event.preventDefault();
  const to = byId("to").value.trim();
  const text = byId("text").value;
  if (!to || !text || !session) return;
  if (session.isOnline) {
    session.connection.send($msg({ to, type: "chat", id: session.connection.getUniqueId() }).c("body").t(text));
    addLine("out", `to ${to}`, text);
    byId("text").value = "";
  } else {
    addLine("error", to, "Not sent: there is no connection at the moment.");
  }
  byId("text").focus();
}

// -- the bus --

const TOKEN = /("(?:\\.|[^"\\])*")(\s*:)?|-?\b\d+(?:\.\d+)?(?:[eE][-+]?\d+)?\b|\b(?:true|false|null)\b/g;

// Nodes, not HTML: what others wrote stays text.
function colourJson(text) {
  const pre = element("pre");
  let done = 0;
  for (const match of text.matchAll(TOKEN)) {
    pre.append(text.slice(done, match.index));
    const kind = match[2] ? "key" : match[1] ? "string" : "number";
    pre.append(element("span", kind, match[1] || match[0]), match[2] || "");
    done = match.index + match[0].length;
  }
  pre.append(text.slice(done));
  return pre;
}

function onEvent(event) {
  let message = {};
  let text = event.textContent;
  try {
    message = JSON.parse(text);
    text = JSON.stringify(message, null, 2);
  } catch {
    // Shown as it came.
  }
  const isOut = event.getAttribute("direction") === "out";
  const head = element("div", "head");
  const arrow = element("span", "arrow", isOut ? "→" : "←");
  arrow.title = isOut ? "from this session to the bus" : "from the bus to this session";
  head.append(arrow, element("span", "channel", event.getAttribute("channel")), element("span", "type", message.type || ""));
  const time = message.time ? new Date(message.time) : new Date();
  if (!Number.isNaN(time.getTime())) head.append(element("time", "", time.toLocaleTimeString()));
  const entry = element("article", `event ${isOut ? "out" : "in"}`);
  entry.append(head, colourJson(text));
  append(byId("bus"), entry, KEPT_EVENTS);
}

// -- guests: the same one after a reload, as long as the server keeps it --

const GUEST = "stanzabus-guest";

class Guest extends Strophe.SASLMechanism {
  constructor() {
    super("ANONYMOUS", true, 90);
  }

  test(connection) {
    return connection.authcid === null;
  }

  onChallenge() {
    return `guest:${sessionStorage.getItem(GUEST) || ""}`;
  }
}

// The success brings NAME:TOKEN.
function keepGuest(connection) {
  const success = connection._sasl_success_cb;
  connection._sasl_success_cb = function (stanza) {
    const token = stanza.textContent;
    if (connection.authcid === null && token) sessionStorage.setItem(GUEST, atob(token));
    return success.call(this, stanza);
  };
}

// -- the session --

function onMessage(started, stanza) {
  const domain = Strophe.getDomainFromJid(started.jid);
  const event = [...stanza.children].find((child) => child.localName === "event" && child.namespaceURI === WATCH);
  // Only the own server may say what passes on the bus; from anybody else it is an ordinary message.
  if (event && stanza.getAttribute("from") === domain) onEvent(event);
  else onChat(stanza);
  return true; // strophe: keep this handler
}

function onOnline(started) {
  const { connection } = started;
  started.isOnline = started.wasOnline = true;
  started.retries = 0;
  setStatus(connection.jid);
  byId("password").value = "";
  setBusy(false);
  showDesk(true);
  if (!byId("to").value) byId("to").value = demo.services[0] || "";
  byId("text").focus();
  connection.addHandler((stanza) => onMessage(started, stanza), null, "message");
  connection.send($pres());
  const watch = $iq({ type: "set", to: Strophe.getDomainFromJid(started.jid) }).c("watch", { xmlns: WATCH });
  connection.sendIQ(watch, null, (answer) => {
    if (answer) addLine("error", demo.domain, "This server does not show what passes on the bus.");
  });
}

// It will not get better by itself.
function giveUp(started, condition) {
  session = null;
  byId("login-error").textContent = wordsForLogin(condition);
  setStatus("not logged in");
  setBusy(false);
  showDesk(false);
  started.connection.disconnect();
}

function tryAgain(started) {
  const seconds = Math.min(2 ** started.retries++, 15);
  setStatus("connection lost, trying again …");
  setTimeout(() => session === started && connect(started), seconds * 1000);
}

function onStatus(started, status, condition) {
  if (session !== started) return;
  const { CONNECTED, AUTHFAIL, CONNFAIL, DISCONNECTED, ERROR } = Strophe.Status;
  const isFinal = condition === "conflict" || condition === "host-unknown";
  if (status === CONNECTED) {
    onOnline(started);
  } else if (status === AUTHFAIL && condition !== "temporary-auth-failure") {
    giveUp(started, condition || "not-authorized");
  } else if ((status === CONNFAIL || status === ERROR || status === AUTHFAIL) && (isFinal || !started.wasOnline)) {
    giveUp(started, condition === "websocket-close" ? "" : condition);
  } else if (status === DISCONNECTED) {
    started.isOnline = false;
    if (started.wasOnline) tryAgain(started);
    else giveUp(started, "");
  }
}

function connect(started) {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  started.connection = new Strophe.Connection(`${scheme}://${location.host}/xmpp-websocket`);
  started.connection.registerSASLMechanism(Guest);
  keepGuest(started.connection);
  started.connection.connect(started.jid, started.password, (status, condition) => {
    onStatus(started, status, condition);
  });
}

function start(jid, password) {
  session = { jid, password, retries: 0, isOnline: false, wasOnline: false };
  setBusy(true);
  setStatus("connecting …");
  byId("login-error").textContent = "";
  connect(session);
}

function logIn(event) {
  event.preventDefault();
  const typed = byId("jid").value.trim();
  start(typed.includes("@") ? typed : `${typed}@${demo.domain}`, byId("password").value);
}

function logOut() {
  const ended = session;
  session = null;
  byId("log").replaceChildren();
  byId("bus").replaceChildren();
  setStatus("not logged in");
  showDesk(false);
  sessionStorage.removeItem(GUEST);
  if (ended) ended.connection.disconnect();
}

async function begin() {
  byId("login-form").addEventListener("submit", logIn);
  byId("guest").addEventListener("click", () => start(demo.guest_domain, ""));
  byId("send-form").addEventListener("submit", send);
  byId("logout").addEventListener("click", logOut);
  try {
    demo = await (await fetch("demo.json")).json();
  } catch {
    byId("login-error").textContent = "The server cannot be reached.";
  }
  byId("jid").placeholder = `alice@${demo.domain}`;
  byId("guest").hidden = !demo.guest_domain;
  for (const service of demo.services) byId("services").append(new Option(service, service));
  if (demo.guest_domain && sessionStorage.getItem(GUEST)) start(demo.guest_domain, "");
}

begin();
