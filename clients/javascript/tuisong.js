/**
 * Tuisong in a browser, or anywhere that has WebSocket and EventTarget (Node 22, Deno, Electron). One file, no build step.
 *
 *     import { TuisongClient } from "./tuisong.js";
 *
 *     const client = new TuisongClient({ url: "wss://….amazonaws.com/live", appId: "demo", pushToken: "…" });
 *     client.addEventListener("message", ({ detail }) => show(detail.message.title, detail.message.body));
 *     client.addEventListener("state", ({ detail }) => console.log(detail));
 *     client.start();
 *
 * - A device signs in with its push token, or a user with an access token (`accessToken`). Neither is ever put into the
 *   address.
 * - `message` is dispatched once per message: repeats are dropped by their task id. `detail` is the frame:
 *   `{task_id, message, silent?, hidden?}`; see docs/own-channel.md.
 * - A message is acknowledged after its event was dispatched. Whoever calls `event.preventDefault()` acknowledges it
 *   later with `client.acknowledge(task_id)`. Until then it stays unacknowledged: this client does not dispatch it again,
 *   and the next one, after a reload, does.
 * - A connection that breaks is made again, after a pause that doubles up to a minute and is drawn at random, so that
 *   many clients do not come back at the same moment.
 * - `state` is dispatched with "connecting", "online", "offline" or "stopped"; `refused` with the server's error when the
 *   credentials are wrong: then nothing is tried again until `start()` is called anew.
 */

/** The version of every frame. */
const VERSION = 1;
/** First and longest pause before a connection is made again, milliseconds. */
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 60_000;
/** How long an answer may take, milliseconds. */
const PATIENCE_MS = 15_000;
/** Ids of messages that are remembered, so that repeats are dropped. */
const REMEMBERED = 500;
/** Acknowledgements in one frame. */
const MOST_ACKS = 100;
/** What is wrong with the credentials: trying again would not help. */
const FINAL = new Set([
  "own_credentials_missing", "own_app_id", "own_push_token", "own_access_token", "own_no_device",
]);

export class TuisongClient extends EventTarget {
  #url;
  #credentials;
  #storage;
  #memory;
  #seen;
  /** Messages whose event was prevented: shown by this client, and not to be acknowledged yet. */
  #pending = new Set();
  #owed = new Set();
  /** Acknowledgements on this connection that are not answered yet. */
  #unanswered = 0;
  #socket = null;
  #state = "stopped";
  #failures = 0;
  #heartbeatMs = 240_000;
  #more = false;
  #timer = null;
  #patience = null;

  /**
   * @param {object} options
   * @param {string} options.url address of the WebSocket API, without credentials
   * @param {string} options.appId
   * @param {string} [options.pushToken] of the device
   * @param {string} [options.accessToken] of a user who has signed in on a device
   * @param {Storage} [options.storage] where ids of messages are remembered across reloads, for example `localStorage`
   */
  constructor({ url, appId, pushToken, accessToken, storage }) {
    super();
    this.#url = url;
    this.#credentials = { app_id: appId, push_token: pushToken, access_token: accessToken };
    this.#storage = storage;
    this.#memory = `tuisong.seen.${appId}`;
    this.#seen = new Set(this.#recall());
  }

  /** "connecting", "online", "offline" or "stopped". */
  get state() {
    return this.#state;
  }

  /** Connects, and stays connected until `stop()`. Throws, and stays stopped, when the address is none. */
  start() {
    if (this.#state === "stopped") {
      this.#failures = 0;
      this.#connect();
    }
  }

  /** Disconnects. Messages go another way from now on. */
  stop() {
    this.#leave();
    this.#become("stopped");
  }

  /** Says that a message has arrived whose event was prevented. `taskId` is a number or text of digits. */
  acknowledge(taskId) {
    const id = Number(taskId);
    if (!Number.isSafeInteger(id) || id < 0) {
      throw new TypeError("no task id");
    }
    this.#settle(id);
    this.#pay();
  }

  #connect() {
    this.#become("connecting");
    let socket;
    try {
      socket = new WebSocket(this.#url);
    } catch (error) {
      this.#become("stopped");
      throw error;
    }
    this.#socket = socket;
    this.#expect(() => this.#lost(socket));
    socket.addEventListener("open", () => this.#say(socket, { type: "login", ...this.#credentials }));
    socket.addEventListener("message", ({ data }) => this.#hear(socket, data));
    socket.addEventListener("close", () => this.#lost(socket));
    // An error is followed by a close.
    socket.addEventListener("error", () => {});
  }

  #say(socket, frame) {
    if (socket.readyState === WebSocket.OPEN) {
      socket.send(JSON.stringify({ v: VERSION, ...frame }));
    }
  }

  #hear(socket, data) {
    if (socket !== this.#socket) {
      return;
    }
    let frame;
    try {
      frame = JSON.parse(data);
    } catch {
      return;
    }
    // Frames of a later version may mean something else.
    if (frame === null || typeof frame !== "object" || frame.v !== VERSION) {
      return;
    }
    clearTimeout(this.#patience);
    switch (frame.type) {
      case "welcome":
        this.#failures = 0;
        this.#unanswered = 0;
        this.#heartbeatMs = 1000 * (frame.heartbeat_s ?? 240);
        this.#more = frame.more === true;
        this.#become("online");
        this.#beatLater(socket);
        frame.messages.forEach((message) => this.#take(message));
        this.#pay();
        break;
      case "message":
        this.#take(frame);
        this.#pay();
        break;
      case "acked":
        frame.task_ids.forEach((id) => this.#owed.delete(id));
        this.#unanswered -= 1;
        // What is offered next begins after what is acknowledged. What is under way is not said twice.
        if (this.#owed.size > 0) {
          if (this.#unanswered <= 0) {
            this.#pay();
          }
        } else if (this.#more) {
          this.#more = false;
          this.#say(socket, { type: "resume" });
        }
        break;
      case "error":
        this.#complain(socket, frame);
        break;
      default:
    }
  }

  #take(frame) {
    const id = frame.task_id;
    if (this.#pending.has(id)) {
      return;
    }
    if (this.#seen.has(id)) {
      this.#owed.add(id);
      return;
    }
    // Before the event: who prevents it may acknowledge it at once.
    this.#pending.add(id);
    const event = new CustomEvent("message", { detail: frame, cancelable: true });
    if (this.dispatchEvent(event)) {
      this.#settle(id);
    }
  }

  /** A message has arrived for good: it is acknowledged, and not dispatched again, also after a reload. */
  #settle(id) {
    this.#pending.delete(id);
    this.#remember(id);
    this.#owed.add(id);
  }

  /** Acknowledges what is owed; the server answers when it has counted it. */
  #pay() {
    if (this.#state === "online" && this.#owed.size > 0) {
      this.#unanswered += 1;
      this.#say(this.#socket, { type: "ack", task_ids: [...this.#owed].slice(0, MOST_ACKS) });
    }
  }

  #complain(socket, frame) {
    if (FINAL.has(frame.code)) {
      this.#leave();
      this.#become("stopped");
      this.dispatchEvent(new CustomEvent("refused", { detail: frame }));
    } else if (frame.code === "own_not_signed_in") {
      this.#say(socket, { type: "login", ...this.#credentials });
    } else if (this.#state === "connecting") {
      this.#lost(socket);
    } else {
      // What was not done is not answered any more; it is said again with the next heartbeat.
      this.#unanswered = 0;
    }
  }

  #beatLater(socket) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#say(socket, { type: "ping" });
      this.#pay();
      this.#expect(() => this.#lost(socket));
      this.#beatLater(socket);
    }, this.#heartbeatMs);
  }

  #expect(otherwise) {
    clearTimeout(this.#patience);
    this.#patience = setTimeout(otherwise, PATIENCE_MS);
  }

  /** The connection is gone, or is taken for gone: another one later. */
  #lost(socket) {
    if (socket !== this.#socket) {
      return;
    }
    this.#leave();
    this.#become("offline");
    const longest = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.#failures);
    this.#failures = Math.min(this.#failures + 1, 10);
    this.#timer = setTimeout(() => this.#connect(), Math.random() * longest);
  }

  #leave() {
    clearTimeout(this.#timer);
    clearTimeout(this.#patience);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  #become(state) {
    if (state !== this.#state) {
      this.#state = state;
      this.dispatchEvent(new CustomEvent("state", { detail: state }));
    }
  }

  #remember(id) {
    this.#seen.add(id);
    for (const oldest of this.#seen) {
      if (this.#seen.size <= REMEMBERED) {
        break;
      }
      this.#seen.delete(oldest);
    }
    try {
      this.#storage?.setItem(this.#memory, JSON.stringify([...this.#seen]));
    } catch {
      // A storage that is full or forbidden only costs a repeat after a reload.
    }
  }

  #recall() {
    try {
      const kept = JSON.parse(this.#storage?.getItem(this.#memory) ?? "[]");
      return Array.isArray(kept) ? kept : [];
    } catch {
      return [];
    }
  }
}
