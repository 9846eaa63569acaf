"""A portal's day with a service account: bind colleagues, upload, write to one, to three, to nobody, and to everybody.

Read it from top to bottom. It calls what is documented and nothing else, so it runs against anything that serves the demo
account with its stand-ins, for example what `cargo run` starts:

    cd tests/deploy && python3 -m deployed.portal http://127.0.0.1:8080 http://127.0.0.1:8081 <admin token>
"""

from __future__ import annotations

import json
import random
import struct
import sys
import time
import urllib.parse
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from .command import command
from .journey import ACCOUNT, enter_in_console
from .processes import Json, http, require, wait_for

PATIENCE = 60.0
"""Seconds that a message is waited for: functions may have to start."""
TOO_FAST = 429
LARGE_SIDE = 1_220
"""Pixels on a side of a picture that is too large for a call, and not for a link: 4.4 MB when it is noise."""


def png(side: int, pixels: bytes) -> bytes:
    """A picture, `side` pixels wide, of three bytes a pixel."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = b"".join(b"\0" + pixels[3 * side * row : 3 * side * (row + 1)] for row in range(side))
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b"")


def drawn(number: int, side: int = 240) -> bytes:
    """A picture that a person tells from others: coloured stripes. Its last pixel says `number`."""
    stripes = [(7, 163, 90), (255, 196, 0), (217, 84, 30), (40, 110, 220)]
    pixels = bytearray(b"".join(bytes(stripes[(x + y) // 40 % 4]) for y in range(side) for x in range(side)))
    pixels[-3:] = (number % 2**24).to_bytes(3, "big")
    return png(side, bytes(pixels))


def recorded(seconds: int) -> bytes:
    """A recording of silence: AMR, fifty frames of 32 bytes a second."""
    return b"#!AMR\n" + (b"\x3c" + bytes(31)) * 50 * seconds


def form(kind: str, name: str, file: bytes) -> tuple[bytes, str]:
    """A form with a file, and its content type."""
    boundary = f"portal-{time.time_ns()}"
    head = (
        f'--{boundary}\r\ncontent-disposition: form-data; name="type"\r\n\r\n{kind}\r\n'
        f'--{boundary}\r\ncontent-disposition: form-data; name="file"; filename="{name}"\r\n'
        "content-type: application/octet-stream\r\n\r\n"
    )
    return head.encode() + file + f"\r\n--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


@dataclass
class Portal:
    """Where everything is, and who takes part."""

    url: str
    vendors: str
    admin_token: str
    mark: int = field(default_factory=lambda: time.time_ns() % 10**12)
    """Tells this run from others."""
    access_token: str = ""
    secrets: list[str] = field(default_factory=list)
    """What nobody may find in a log."""

    @property
    def ecode(self) -> str:
        """The enterprise."""
        return f"portal-{self.mark}"

    @property
    def channel(self) -> str:
        """Its channel on the demo account."""
        return f"channel-{self.mark}"

    @property
    def users(self) -> list[str]:
        """Three colleagues, by the portal's own ids."""
        return [f"{name}-{self.mark}" for name in ("zhang", "li", "wang")]

    @property
    def openids(self) -> list[str]:
        """Who they are in WeChat."""
        return [f"oportal{n}{self.mark:020}" for n in (1, 2, 3)]

    def admin(self, path: str, body: Json | str) -> Json:
        """The operator does something; text is CSV."""
        csv = isinstance(body, str)
        content_type = "text/csv; charset=utf-8" if csv else "application/json"
        headers = {"authorization": f"Bearer {self.admin_token}", "content-type": content_type}
        sent = body if isinstance(body, str) else json.dumps(body)
        status, answer = http("POST", f"{self.url}/admin/enterprises{path}", sent.encode(), headers)
        require(status in (200, 201), f"{path} answered {status}: {answer!r}")
        return dict(json.loads(answer))

    def act(self, openid: str, **what: str) -> None:
        """Somebody does something in WeChat."""
        body = json.dumps({"openid": openid, **what}).encode()
        status, answer = http("POST", f"{self.vendors}/sandbox/wechat/{ACCOUNT}/events", body)
        require(status == 200, f"{what} was answered {status}: {answer!r}")

    def call(
        self,
        path: str,
        body: bytes | None,
        content_type: str = "application/json",
        token: str | None = None,
        **query: str,
    ) -> Json:
        """The portal calls; the whole answer."""
        asked = urllib.parse.urlencode({"access_token": self.access_token if token is None else token, **query})
        url = f"{self.url}/interface/{self.ecode}/api/push/{path}?{asked}"

        def answered() -> Json | None:
            status, answer = http("GET" if body is None else "POST", url, body, {"content-type": content_type})
            require(status == 200, f"{path} answered {status}: {answer!r}")
            found = dict(json.loads(answer))
            require(set(found) == {"msg", "code", "data", "timestamp"}, f"{path} answered {found}")
            # Twenty calls in ten seconds are taken, unless the operator has set another limit.
            return None if found["code"] == TOO_FAST else found

        return wait_for(f"{path} taken", PATIENCE, answered, every=1)

    def refused(self, code: int, path: str, body: bytes, content_type: str = "application/json", **query: str) -> None:
        """A call that must be refused with this code, and says why."""
        answer = self.call(path, body, content_type, **query)
        require(answer["code"] == code and bool(answer["msg"]), f"{path} answered {answer}, not {code}")

    def done(self, path: str, body: bytes | None = None, content_type: str = "application/json", **query: str) -> Json:
        """A call that succeeds; its data."""
        answer = self.call(path, body, content_type, **query)
        require(answer["code"] == 200 and answer["msg"] == "", f"{path} answered {answer}")
        return dict(answer["data"])

    def upload(self, kind: str, name: str, file: bytes) -> str:
        """Uploads a file in a form; its id."""
        return str(self.done("uploadMedia", *form(kind, name, file))["media_id"])

    def upload_by_link(self, kind: str, file: bytes) -> str:
        """Uploads a file that is too large for a call: straight into the bucket."""
        made = self.done("uploadMedia", b"", presign="1", type=kind, size=str(len(file)))
        self.secrets.append(urllib.parse.urlparse(made["upload_url"]).query)
        status, answer = http("PUT", made["upload_url"], file, {"content-type": "application/octet-stream"})
        require(status == 200, f"the bucket answered {status}: {answer!r}")
        looked = self.done("uploadMedia", b"", media_id=made["media_id"])
        require(looked == {"media_id": made["media_id"]}, f"what was put there was answered {looked}")
        return str(made["media_id"])

    def send(self, to: list[str], kind: str, part: Json, **more: object) -> Json:
        """Writes to colleagues; the data of the answer."""
        message = {"channelId": self.channel, "toUserId": ",".join(to), "msgtype": kind, kind: part, **more}
        return self.done("send", json.dumps(message).encode())

    def mass(self, kind: str, part: Json) -> str:
        """Writes to everybody; the task."""
        message = {"channelId": self.channel, "filter": {"is_to_all": True}, "msgtype": kind, kind: part}
        return str(self.done("mass/send", json.dumps(message).encode())["taskId"])

    def outcome(self, task: str) -> Json:
        """What became of a task, once it is over."""

        def over() -> Json | None:
            found = self.done(f"task/{task}")
            return found if found["state"] == "done" else None

        return wait_for(f"the end of task {task}", PATIENCE, over)

    def inbox(self) -> list[Json]:
        """What the stand-in for WeChat took from this account, the oldest first."""
        _, body = http("GET", f"{self.vendors}/sandbox/inbox?last=1000")
        return [one for one in json.loads(body)["messages"] if one["account"] == ACCOUNT]

    def received(self, openid: str, kind: str) -> list[Json]:
        """The messages of this kind that a person got."""
        mine = [one for one in self.inbox() if one["recipient"] == openid and one["channel"] == "wechat-custom"]
        return [one for one in mine if one["raw"]["msgtype"] == kind]

    def shown(self, media_id: str) -> bytes:
        """What WeChat shows for an id of its own."""
        status, body = http("GET", f"{self.vendors}/sandbox/wechat/{ACCOUNT}/media/{media_id}")
        require(status == 200, f"WeChat knows no media {media_id}")
        return body


@dataclass(frozen=True)
class Uploads:
    """What the portal has uploaded: the bytes, and our ids."""

    picture: bytes
    recording: bytes
    image: str
    voice: str
    articles: str
    titles: list[str]


def run(url: str, vendors: str, admin_token: str, secrets: list[str] | None = None) -> str:
    """The whole day. Answers what it saw; what nobody may log goes to `secrets`, also when something is not so."""
    portal = Portal(url, vendors, admin_token)
    if secrets is not None:
        portal.secrets = secrets
    set_up(portal)
    uploads = upload(portal)
    write_to_some(portal, uploads)
    write_to_all(portal, uploads)
    return f"{portal.ecode} wrote texts, pictures, recordings and articles to one, to three and to everybody"


def set_up(portal: Portal) -> None:
    """What an operator does once, and how colleagues are bound."""
    enter_in_console(portal.url, portal.vendors)
    portal.admin("", {"ecode": portal.ecode, "name": "门户"})
    channels = f"/{portal.ecode}/channels"
    portal.admin(channels, {"channel": portal.channel, "account": ACCOUNT, "name": "服务号"})
    portal.access_token = portal.admin(f"/{portal.ecode}/tokens", {"name": "portal"})["access_token"]
    portal.secrets += [portal.admin_token, portal.access_token, *portal.openids]

    # Two colleagues scan a QR code each, and by that follow the account and are bound.
    for user, openid in list(zip(portal.users, portal.openids, strict=True))[:2]:
        invitation = portal.admin(f"{channels}/{portal.channel}/invitations", {"user_id": user})
        portal.act(openid, event="SCAN", scene=invitation["url"])
    # The third one follows already, and is bound by an import.
    portal.act(portal.openids[2], event="subscribe")
    rows = f"user_id,openid\n{portal.users[2]},{portal.openids[2]}\n"
    imported = portal.admin(f"{channels}/{portal.channel}/bindings", rows)
    require((imported["bound"], imported["wrong"]) == (1, 0), f"the import was answered {imported}")


def upload(portal: Portal) -> Uploads:
    """A picture, a recording, a thumb, and articles."""
    picture, recording = drawn(portal.mark), recorded(5)
    image = portal.upload("image", "公告.png", picture)
    require(portal.upload("image", "again.jpg", picture) == image, "the same bytes are another upload")
    voice = portal.upload("voice", "问候.amr", recording)
    # A thumb is a small JPEG at WeChat; whatever picture comes is made one.
    thumb = portal.upload("thumb", "封面.png", drawn(portal.mark + 1))
    titles = [f"头条 {portal.mark}", f"次条 {portal.mark}"]
    articles = [
        {
            "thumb_media_id": thumb,
            "title": title,
            "content": f"<p>{title} 全文</p>",
            "appUrl": f"https://example.com/{n}",
        }
        for n, title in enumerate(titles)
    ]
    sent = json.dumps({"articles": articles}).encode()
    news = str(portal.done("uploadMedia", sent)["media_id"])

    # What is no picture, whatever its name, is not taken; nor is anything from somebody without the token.
    portal.refused(400, "uploadMedia", *form("image", "picture.png", b"PK\x03\x04 a zip"))
    portal.refused(401, "uploadMedia", *form("image", "a.png", picture), token="wrong-token-of-a-stranger")
    return Uploads(picture, recording, image, voice, news, titles)


def write_to_some(portal: Portal, uploads: Uploads) -> None:
    """All four kinds to one, to three, and to somebody without a binding."""
    text = f"你好 {portal.mark}"
    portal.secrets.append(text)
    card = {"description": "说明", "pcUrl": "https://example.com/pc", "appUrl": "https://example.com/app"}
    parts: Mapping[str, Json] = {
        "text": {"content": text},
        "image": {"media_id": uploads.image},
        "voice": {"media_id": uploads.voice},
        "news": {"articles": [{"title": title, **card} for title in uploads.titles]},
    }
    for kind, part in parts.items():
        # WeChat lets an account write to who has written to it lately.
        for openid in portal.openids:
            portal.act(openid, event="text", content="在吗")
        for to, unbound in ([portal.users[0]], []), (portal.users, []), ([portal.users[0], "nobody"], ["nobody"]):
            sent = portal.send(to, kind, part)
            require(sent["unbound"] == unbound, f"{kind} to {to} was answered {sent}")
            counts = portal.outcome(sent["taskId"])["counts"]
            require(counts["sent"] == counts["total"] == len(to) - len(unbound), f"{kind} to {to}: {counts}")
        alone = {"channelId": portal.channel, "toUserId": "nobody", "msgtype": kind, kind: part}
        portal.refused(404, "send", json.dumps(alone).encode())

        # The inbox shows what was sent: thrice to the first colleague, once to the others.
        arrived = [portal.received(openid, kind) for openid in portal.openids]
        require([len(one) for one in arrived] == [3, 1, 1], f"{kind} arrived {[len(one) for one in arrived]} times")
        for raw in (one["raw"] for person in arrived for one in person):
            check_shown(portal, uploads, kind, raw[kind], part)

    # A call that is repeated, since its answer was lost, is one message.
    repeated = [portal.send([portal.users[1]], "text", parts["text"], clientMsgId=f"m-{portal.mark}") for _ in (1, 2)]
    require(repeated[0] == repeated[1], f"a repeat was answered {repeated}")
    portal.outcome(repeated[0]["taskId"])

    # A picture of more than four megabytes goes straight into the bucket, and from there to WeChat.
    large = png(LARGE_SIDE, random.Random(portal.mark).randbytes(3 * LARGE_SIDE**2))
    portal.refused(413, "uploadMedia", *form("image", "large.png", large))
    sent = portal.send([portal.users[2]], "image", {"media_id": portal.upload_by_link("image", large)})
    require(portal.outcome(sent["taskId"])["counts"]["sent"] == 1, "the large picture was not sent")
    last = portal.received(portal.openids[2], "image")[-1]
    require(portal.shown(last["raw"]["image"]["media_id"]) == large, "the large picture is another one")
    require(len(portal.received(portal.openids[1], "text")) == 2, "a repeated call is two messages")


def check_shown(portal: Portal, uploads: Uploads, kind: str, shown: Json, part: Json) -> None:
    """What a person sees is what was sent."""
    match kind:
        case "text":
            require(shown == part, f"the text is {shown}")
        case "image":
            require(portal.shown(shown["media_id"]) == uploads.picture, "the picture is another one")
        case "voice":
            require(portal.shown(shown["media_id"]) == uploads.recording, "the recording is another one")
        case _:
            # WeChat shows one article; its link leads to our page, which lists them all.
            (article,) = shown["articles"]
            require(article["title"] == uploads.titles[0], f"the card is {article}")
            path = urllib.parse.urlparse(article["url"]).path
            portal.secrets.append(path.rsplit("/", 1)[1])
            status, page = http("GET", portal.url + path)
            listed = all(title in page.decode() for title in uploads.titles)
            require(status == 200 and listed, f"{path} answered {status} without the articles")


def write_to_all(portal: Portal, uploads: Uploads) -> None:
    """All four kinds to everybody; WeChat tells how many people it reached."""
    text = f"大家好 {portal.mark}"
    portal.secrets.append(text)
    tasks = {
        "text": portal.mass("text", {"content": text}),
        "image": portal.mass("image", {"media_id": uploads.image}),
        "voice": portal.mass("voice", {"media_id": uploads.voice}),
        "mpnews": portal.mass("mpnews", {"media_id": uploads.articles}),
    }
    for kind, task in tasks.items():
        require(portal.outcome(task)["counts"]["sent"] == 1, f"{kind} to everybody is not one mass message")

        def finished(task: str = task) -> Json | None:
            mass = dict(portal.done(f"task/{task}")["mass"])
            return mass if mass["state"] == "finished" else None

        mass = wait_for(f"WeChat's counts of {kind}", PATIENCE, finished)
        require(mass["counts"]["sent"] > 0, f"{kind} reached {mass['counts']}")
        found = [one["raw"] for one in portal.inbox() if one["raw"].get("msgid") == mass["msgId"]]
        require(len(found) == 1, f"{kind} is in the inbox {len(found)} times")
        shown = found[0][kind]
        if kind != "mpnews":
            check_shown(portal, uploads, kind, shown, {"content": text})
            continue
        articles = found[0]["articles"]
        require([one["title"] for one in articles] == uploads.titles, f"the articles are {articles}")
        for one in articles:
            require(portal.shown(one["thumb_media_id"]).startswith(b"\xff\xd8\xff"), "a thumb is no JPEG")


if __name__ == "__main__":
    sys.exit(command("portal", "URL SANDBOX TOKEN", lambda given, secrets: run(given[0], given[1], given[2], secrets)))
