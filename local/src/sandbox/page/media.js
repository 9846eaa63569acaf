// What a message shows besides words: a picture, a recording, articles. The bytes come from the stand-in itself, so a page
// reaches nothing outside. Text only ever goes into `textContent`.

/** The elements that show what `message` shows, or null for a message of words. */
export function shown(message) {
  const raw = message.raw ?? {};
  if (raw.msgtype === "image" && raw.image?.media_id) {
    return [picture(message.account, raw.image.media_id, "Picture 图片")];
  }
  if (raw.msgtype === "voice" && raw.voice?.media_id) {
    return [recording(addressOf(message.account, raw.voice.media_id))];
  }
  if (raw.msgtype === "mpnews" && Array.isArray(raw.articles)) {
    return raw.articles.map((article, at) => uploaded(message.account, article, at === 0));
  }
  if (raw.msgtype === "news" && Array.isArray(raw.news?.articles)) {
    return raw.news.articles.map(card);
  }
  return null;
}

/** The address if it is one that a browser may open, else null. */
export function link(text) {
  if (typeof text !== "string" || text === "") {
    return null;
  }
  try {
    const address = new URL(text);
    return ["http:", "https:"].includes(address.protocol) ? address.href : null;
  } catch {
    return null;
  }
}

/** An element of this class with these children. */
function element(name, className, ...children) {
  const made = document.createElement(name);
  made.className = className;
  made.append(...children);
  return made;
}

/** A link that opens beside this page; what is no address of the web is only its children. */
function opening(address, className, ...children) {
  const made = element(address === null ? "span" : "a", className, ...children);
  if (address !== null) {
    made.href = address;
    made.target = "_blank";
    made.rel = "noopener noreferrer";
  }
  return made;
}

/** Where the stand-in shows what was uploaded to an account. */
function addressOf(account, id) {
  return `/sandbox/wechat/${encodeURIComponent(account)}/media/${encodeURIComponent(id)}`;
}

/** A picture; words in its place when the stand-in has forgotten it, as it does of uploads when it starts anew. */
function picture(account, id, words) {
  const made = element("img", "picture");
  made.alt = words;
  made.loading = "lazy";
  made.addEventListener("error", () => made.replaceWith(gone(words)));
  made.src = addressOf(account, id);
  return made;
}

function gone(words) {
  return element("p", "gone", `${words} · no longer kept 已不在`);
}

/** A recording: how long it is, and a way to hear it. Browsers play MP3; AMR they do not, so that is offered as a file. */
function recording(address) {
  const length = element("span", "length");
  const made = element("p", "recording", element("span", "wave", "▸ ) ) )"), length);
  const words = "Voice 语音";
  length.textContent = words;
  fetch(address, { method: "HEAD", cache: "no-store" }).then((answer) => {
    if (!answer.ok) {
      throw new Error(`answered ${answer.status}`);
    }
    const type = answer.headers.get("content-type") ?? "";
    length.textContent = `${words} ${answer.headers.get("x-audio-seconds") ?? "?"}″`;
    if (document.createElement("audio").canPlayType(type) === "") {
      const file = opening(new URL(address, location.href).href, "file", `${type} ↓`);
      made.append(file);
      return;
    }
    const player = element("audio", "player");
    player.controls = true;
    player.preload = "none";
    player.src = address;
    made.after(player);
  }).catch(() => made.replaceWith(gone(words)));
  return made;
}

/** An article that was uploaded: the first one under its picture, the others with theirs beside them, as in WeChat. */
function uploaded(account, article, isFirst) {
  const title = element("strong", "headline", String(article.title ?? ""));
  const words = element("span", "words", title);
  const about = [article.author, article.digest].filter(Boolean).join(" · ");
  if (about !== "") {
    words.append(element("span", "digest", about));
  }
  const thumb = article.thumb_media_id ? [picture(account, article.thumb_media_id, "Cover 封面")] : [];
  return opening(link(article.content_source_url), isFirst ? "article first" : "article", ...thumb, words);
}

/** An article of a message to one person. Its picture is somewhere on the web, so it is named and not loaded. */
function card(article) {
  const words = element("span", "words", element("strong", "headline", String(article.title ?? "")));
  if (article.description) {
    words.append(element("span", "digest", String(article.description)));
  }
  const picture = link(article.picurl);
  if (picture !== null) {
    words.append(element("span", "digest", `Cover 封面: ${picture}`));
  }
  return opening(link(article.url), "article", words);
}
