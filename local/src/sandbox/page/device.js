// A device whose app is open, by the client that apps use. Text only ever goes into `textContent`.

import { TuisongClient } from "/sandbox/tuisong.js";

const byId = (id) => document.getElementById(id);
const [list, empty, state, banner, form, url, app, token, connect, disconnect] = [
  "messages", "empty", "state", "banner", "who", "url", "app", "token", "connect", "disconnect",
].map(byId);

/** Where the page may be told another address; a token is never put there. */
const asked = new URLSearchParams(location.search);
url.value = asked.get("url") ?? "ws://127.0.0.1:8080/live";
app.value = asked.get("app_id") ?? "demo";
token.value = sessionStorage.getItem("push_token") ?? "demo-huawei-1";

let client = null;

function tell(what) {
  state.textContent = what;
  state.dataset.state = { online: "live", connecting: "connecting" }[what] ?? "lost";
  connect.disabled = what !== "stopped";
  disconnect.disabled = what === "stopped";
}

function complain(text) {
  banner.textContent = text;
  banner.hidden = text === "";
}

function show({ task_id, message, silent, hidden }) {
  const item = document.createElement("li");
  const when = document.createElement("time");
  when.textContent = new Date().toLocaleTimeString();
  const bubble = document.createElement("div");
  bubble.className = "bubble";
  bubble.dataset.task = task_id;
  const title = document.createElement("strong");
  title.textContent = hidden ? "New message 新消息" : message.title ?? "";
  const body = document.createElement("p");
  body.textContent = hidden ? "" : message.big_text ?? message.body ?? "";
  const way = document.createElement("small");
  way.textContent = [`task ${task_id}`, message.type, silent ? "silent" : ""].filter(Boolean).join(" · ");
  bubble.append(title, body, way);
  item.append(when, bubble);
  list.append(item);
  empty.hidden = true;
  item.scrollIntoView({ block: "end" });
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  complain("");
  sessionStorage.setItem("push_token", token.value.trim());
  client?.stop();
  client = new TuisongClient({ url: url.value.trim(), appId: app.value.trim(), pushToken: token.value.trim() });
  client.addEventListener("state", ({ detail }) => tell(detail));
  client.addEventListener("message", ({ detail }) => show(detail));
  client.addEventListener("refused", ({ detail }) => complain(`${detail.code}: ${detail.message}`));
  client.start();
});

disconnect.addEventListener("click", () => client?.stop());

tell("stopped");
