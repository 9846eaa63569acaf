// Acts as a person in WeChat, and shows the conversation. Text only ever goes into `textContent`.

import { link, shown as media } from "/sandbox/media.js";

/** Milliseconds between two questions, and before asking again after no answer. */
const EVERY_MS = 1000;
const RETRY_MS = 3000;
/** Messages of the inbox that are looked through at the start. */
const LOOKED_THROUGH = 1000;

const byId = (id) => document.getElementById(id);
const [screen, list, empty, state, banner, person, followButton, accountName] = [
  "screen", "messages", "empty", "state", "banner", "person", "follow", "account",
].map(byId);

/** The account, and who we are. */
let account = null;
let openid = null;
let follows = false;

/** What the account sent us by sequence number, what we did, and the inbox's place to go on from. */
let received = [];
let done = [];
let since = null;
/** What the list shows, to leave it alone while nothing changes. */
let shown = "";

async function ask(path, options) {
  const answer = await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(25000), ...options });
  const body = await answer.json();
  if (!answer.ok) {
    throw new Error(body.error ?? `answered ${answer.status}`);
  }
  return body;
}

/** Does something, and tells the reader when it cannot be done. */
async function act(what) {
  document.body.setAttribute("aria-busy", "true");
  try {
    await ask(`/sandbox/wechat/${account}/events`, { method: "POST", body: JSON.stringify({ openid, ...what }) });
    complain("");
  } catch (error) {
    complain(error.message);
  }
  document.body.removeAttribute("aria-busy");
  await look();
}

function complain(text) {
  banner.textContent = text;
  banner.hidden = text === "";
}

/** Reads who there is. */
async function start() {
  const { accounts } = await ask("/sandbox/wechat");
  const first = accounts[0];
  if (first === undefined) {
    complain("There is no official account in this sandbox. 沙箱里没有公众号。");
    return;
  }
  account = first.appid;
  accountName.textContent = account;
  const kept = sessionStorage.getItem("openid");
  const people = kept && !first.people.includes(kept) ? [...first.people, kept] : first.people;
  person.replaceChildren(...people.map((name) => new Option(name, name)));
  become(kept ?? people[0] ?? newcomer());
}

function newcomer() {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  const drawn = crypto.getRandomValues(new Uint8Array(22));
  const name = `onew00${[...drawn].map((byte) => letters[byte % letters.length]).join("")}`;
  person.append(new Option(name, name));
  return name;
}

/** Goes on as this person. */
function become(name) {
  openid = name;
  person.value = name;
  sessionStorage.setItem("openid", name);
  received = [];
  done = [];
  since = null;
  shown = "";
  list.replaceChildren();
  look();
}

/** Reads what is new. */
async function look() {
  const me = openid;
  const query = since === null ? `last=${LOOKED_THROUGH}` : `since=${since}`;
  const [page, known] = await Promise.all([
    ask(`/sandbox/inbox?${query}`),
    ask(`/sandbox/wechat/${account}/people?openid=${encodeURIComponent(me)}`),
  ]);
  if (me !== openid) {
    return;
  }
  // Two looks at once may bring the same message.
  const seen = new Set(received.map(({ seq }) => seq));
  received.push(...page.messages.filter((each) =>
    each.account === account && each.recipient === me && !seen.has(each.seq)));
  since = page.next;
  done = known.acts;
  follows = known.follows;
  show();
}

/** Looks now and again, for ever. */
async function watch() {
  let pause = EVERY_MS;
  try {
    await (account === null ? start() : look());
    tell("live");
  } catch {
    tell("lost");
    pause = RETRY_MS;
  }
  setTimeout(watch, pause);
}

function tell(now) {
  if (state.dataset.state === now) {
    return;
  }
  state.dataset.state = now;
  const [english, chinese] = now === "live" ? ["live", "已连接"] : ["connection lost", "连接中断"];
  state.replaceChildren(`${english} `, zh(chinese));
}

function zh(text) {
  const span = document.createElement("span");
  span.lang = "zh";
  span.textContent = text;
  return span;
}

function element(name, className, ...children) {
  const made = document.createElement(name);
  made.className = className;
  made.append(...children);
  return made;
}

/** The conversation by time; what we did comes before what it brought. */
function show() {
  followButton.setAttribute("aria-pressed", String(follows));
  followButton.replaceChildren(follows ? "Unfollow " : "Follow ", zh(follows ? "取消关注" : "关注"));
  for (const input of document.querySelectorAll(".menu [data-key], .say input, .say button")) {
    input.disabled = !follows;
  }
  const key = `${received.length}/${done.length}/${done.at(-1)?.at_ms ?? 0}`;
  if (key === shown) {
    return;
  }
  shown = key;
  const all = [
    ...done.map((each) => ({ at_ms: each.at_ms, order: 0, item: () => deed(each) })),
    ...received.map((each) => ({ at_ms: each.at_ms, order: 1, item: () => message(each) })),
  ].sort((one, other) => one.at_ms - other.at_ms || one.order - other.order);
  let before = 0;
  list.replaceChildren(...all.map(({ at_ms, item }) => {
    const made = item();
    if (at_ms - before > 120_000) {
      const time = element("time", "", new Date(at_ms).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }));
      time.dateTime = new Date(at_ms).toISOString();
      made.prepend(time);
    }
    before = at_ms;
    return made;
  }));
  empty.hidden = all.length > 0;
  screen.scrollTop = screen.scrollHeight;
}

/** What we did: a text as a bubble, everything else as a note. */
function deed({ event, detail }) {
  if (event === "text") {
    return element("li", "mine", element("p", "bubble", detail));
  }
  const words = {
    subscribe: "You followed 你关注了公众号", unsubscribe: "You left 你取消了关注",
    SCAN: "You scanned 你扫了码", CLICK: "You tapped 你点击了", VIEW: "You opened 你打开了",
  };
  const what = detail === "" ? "" : ` · ${detail.length > 24 ? `${detail.slice(0, 20)}…` : detail}`;
  return element("li", "note", `${words[event] ?? event}${what}`);
}

/** A message of the account: a text, or a card. */
function message(each) {
  const by = element("p", "by", each.channel);
  if (each.channel === "wechat-reply" && each.raw?.msgtype === "text") {
    return element("li", "", element("p", "bubble", ...linked(each.raw.text)), by);
  }
  const visible = media(each);
  if (visible !== null) {
    return element("li", "", element("article", "notice media", ...visible), by);
  }
  const card = element("article", "notice", element("h2", "", each.title));
  const rows = Object.entries(each.raw?.data ?? {})
    .map(([key, datum]) => [key, datum?.value ?? ""])
    .filter(([key, value]) => value !== "" && key !== "first" && key !== "remark" && value !== each.title);
  if (rows.length > 0) {
    card.append(element("dl", "", ...rows.flatMap(([key, value]) => [element("dt", "", key), element("dd", "", value)])));
  } else if (each.body !== "" && each.body !== each.title) {
    card.append(element("p", "", each.body));
  }
  const address = link(each.raw?.url);
  if (address !== null) {
    card.append(anchor(address, "详情 Details ›"));
  }
  return element("li", "", card, by);
}

/** WeChat shows `<a href="…">` in texts as links, and nothing else as markup. */
function linked(text) {
  return text.split(/(<a href="[^"<>]*">[^<>]*<\/a>)/).map((part) => {
    const [, href, label] = /^<a href="([^"<>]*)">([^<>]*)<\/a>$/.exec(part) ?? [];
    const address = link(href);
    return address === null ? part : anchor(address, label);
  });
}

function anchor(address, label) {
  const made = element("a", "", label);
  made.href = address;
  made.target = "_blank";
  made.rel = "noopener noreferrer";
  return made;
}

/** What scanning this does: a picture's path names its code, a page leads to the picture on it. */
function scene(text) {
  const picture = /\/([A-Za-z0-9]{64})\.jpg/.exec(text);
  const page = /\/q\/([A-Za-z0-9]{16})$/.exec(text);
  return picture?.[1] ?? (page && !text.includes("weixin.qq.com") ? `link_${page[1]}` : text);
}

byId("say").addEventListener("submit", (event) => {
  event.preventDefault();
  const content = byId("text").value.trim();
  if (content !== "") {
    byId("text").value = "";
    act({ event: "text", content });
  }
});
byId("scan").addEventListener("submit", (event) => {
  event.preventDefault();
  const scanned = byId("scanned").value.trim();
  if (scanned !== "") {
    byId("scanned").value = "";
    toggleScan(false);
    act({ event: "SCAN", scene: scene(scanned) });
  }
});
function toggleScan(open) {
  byId("scan").hidden = !open;
  byId("open-scan").setAttribute("aria-expanded", String(open));
  if (open) {
    byId("scanned").focus();
  }
}
byId("open-scan").addEventListener("click", () => toggleScan(byId("scan").hidden));
for (const button of document.querySelectorAll(".menu [data-key]")) {
  button.addEventListener("click", () => act({ event: "CLICK", key: button.dataset.key }));
}
followButton.addEventListener("click", () => act({ event: follows ? "unsubscribe" : "subscribe" }));
person.addEventListener("change", () => become(person.value));
byId("newcomer").addEventListener("click", () => become(newcomer()));
byId("who").addEventListener("submit", (event) => event.preventDefault());
// A picture has no height before it is there.
list.addEventListener("load", () => { screen.scrollTop = screen.scrollHeight; }, true);
watch();
