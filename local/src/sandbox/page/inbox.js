// Shows the inbox and asks for more once a second. Text from messages only ever goes into `textContent`.

import { link, shown } from "/sandbox/media.js";

/** Milliseconds between two questions while all is well. */
const EVERY_MS = 1000;

/** Milliseconds before asking again after no answer. */
const RETRY_MS = 3000;

/** Milliseconds before a question counts as unanswered. */
const PATIENCE_MS = 5000;

/** The most messages on the page; older ones leave it and stay in the inbox. */
const MOST_SHOWN = 200;

/** A page of the inbox this long means that we are far behind. */
const FULL_PAGE = 1000;

const byId = (id) => document.getElementById(id);
const [screen, list, empty, earlier, newer, state, banner, pattern] = [
  "screen", "messages", "empty", "earlier", "newer", "state", "banner", "message",
].map(byId);

/** The sequence number of the last message seen; null before the first answer. */
let since = null;

/** Messages that came while the reader was further up. */
let unread = 0;

/** Whether the reader is at the end, and wants to stay there. */
let following = true;

/** One page of the inbox. */
async function ask(query) {
  const answer = await fetch(`/sandbox/inbox?${query}`, {
    cache: "no-store",
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  if (!answer.ok) {
    throw new Error(`the inbox answered ${answer.status}`);
  }
  return answer.json();
}

/** Empties the page and shows the newest messages. */
async function start() {
  const page = await ask(`last=${MOST_SHOWN}`);
  list.replaceChildren();
  show(page.messages, false);
  since = page.next;
}

/** Shows what came since the last time. */
async function goOn() {
  const page = await ask(`since=${since}`);
  if (page.next < since || page.messages.length === FULL_PAGE) {
    // Another inbox than before, or a flood.
    await start();
    return;
  }
  show(page.messages, true);
  since = page.next;
}

/** Asks now and again, for ever. */
async function watch() {
  let pause = EVERY_MS;
  try {
    await (since === null ? start() : goOn());
    tell("live");
  } catch {
    tell("lost");
    pause = RETRY_MS;
  }
  setTimeout(watch, pause);
}

/** Says how the connection is. */
function tell(now) {
  banner.hidden = now !== "lost";
  if (state.dataset.state === now) {
    return;
  }
  state.dataset.state = now;
  const [english, chinese] = now === "live" ? ["live", "已连接"] : ["connection lost", "连接中断"];
  const second = document.createElement("span");
  second.lang = "zh";
  second.textContent = chinese;
  state.replaceChildren(`${english} `, second);
}

/** Adds messages at the end; the reader stays where they are unless they were at the end. */
function show(messages, fresh) {
  const atEnd = !fresh || screen.scrollHeight - screen.scrollTop - screen.clientHeight < 80;
  const elements = messages.slice(-MOST_SHOWN).map(element);
  if (fresh) {
    elements.forEach((each) => each.classList.add("fresh"));
  }
  list.append(...elements);
  while (list.childElementCount > MOST_SHOWN) {
    list.firstElementChild.remove();
  }
  empty.hidden = list.childElementCount > 0;
  const first = Number(list.firstElementChild?.dataset.seq ?? 1);
  earlier.hidden = first <= 1;
  earlier.textContent = `${(first - 1).toLocaleString()} earlier · 更早的消息`;
  if (messages.length === 0) {
    return;
  }
  if (atEnd) {
    toEnd();
  } else {
    unread += messages.length;
    newer.textContent = `${unread} new · 新消息 ↓`;
    newer.hidden = false;
  }
}

/** Scrolls to the newest message. */
function toEnd() {
  following = true;
  unread = 0;
  newer.hidden = true;
  screen.scrollTop = screen.scrollHeight;
}

/** A message as an element. */
function element(message) {
  const item = pattern.content.firstElementChild.cloneNode(true);
  const part = (name) => item.querySelector(`.${name}`);
  item.dataset.seq = message.seq;

  const at = new Date(message.at_ms);
  part("when").dateTime = at.toISOString();
  part("when").textContent = time(at);
  const media = shown(message);
  if (media === null) {
    part("title").textContent = message.title;
    part("media").remove();
  } else {
    part("title").remove();
    part("media").append(...media);
  }
  part("channel").textContent = message.channel;
  part("recipient").textContent = message.recipient;
  part("recipient").title = message.recipient;

  const rows = template(message);
  fill(part("text"), rows === null && media === null && message.body !== message.title ? message.body : "");
  if (rows === null || rows.length === 0) {
    part("rows").remove();
  } else {
    rows.forEach(([key, value]) => {
      const term = document.createElement("dt");
      const description = document.createElement("dd");
      term.textContent = key;
      description.textContent = value;
      part("rows").append(term, description);
    });
  }

  const program = message.raw?.miniprogram;
  fill(part("program"), program?.appid
    ? `Mini program 小程序 ${program.appid} ${program.pagepath ?? program.path ?? ""}`
    : "");
  const address = link(message.raw?.url);
  if (address === null) {
    part("details").remove();
  } else {
    part("details").href = address;
  }
  return item;
}

/** Puts text into an element, or takes the element away if there is none. */
function fill(target, text) {
  if (text) {
    target.textContent = text;
  } else {
    target.remove();
  }
}

/**
 * The rows of a template card, or null for a message that is none. The body has what is shown, a line `key: value` after
 * the other. Values may hold line breaks, so each row is looked up in the request instead of split at them.
 */
function template(message) {
  if (message.channel !== "wechat-template") {
    return null;
  }
  const lines = Object.entries(message.raw?.data ?? {})
    .map(([key, datum]) => ({ key, value: datum?.value ?? "", text: `${key}: ${datum?.value ?? ""}\n` }));
  const rows = [];
  let rest = message.body === "" ? "" : `${message.body}\n`;
  while (rest !== "") {
    const next = lines.find(({ text }) => rest.startsWith(text));
    if (next === undefined) {
      return null;
    }
    rows.push([next.key, next.value]);
    rest = rest.slice(next.text.length);
  }
  return rows;
}

/** The time of day, with the day in front unless it is today. */
function time(at) {
  const clock = at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const today = at.toDateString() === new Date().toDateString();
  return today ? clock : `${at.toLocaleDateString()} ${clock}`;
}

newer.addEventListener("click", toEnd);
screen.addEventListener("scroll", () => {
  following = screen.scrollHeight - screen.scrollTop - screen.clientHeight < 80;
  if (following) {
    unread = 0;
    newer.hidden = true;
  }
});
// A picture has no height before it is there.
list.addEventListener("load", () => following && toEnd(), true);
watch();
