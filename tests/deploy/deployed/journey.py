"""The way of a follower, from the first scan to coming back, as a developer and a person in WeChat live it.

Read it from top to bottom. It calls what is documented and nothing else, so it runs against anything that serves the demo
account with its stand-ins, for example what this starts:

    cargo run -- --callbacks-to 127.0.0.1:9000
    cd tests/deploy && python3 -m deployed.journey http://127.0.0.1:8080 http://127.0.0.1:8081 <admin token> 9000
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import sys
import threading
import time
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .command import command
from .processes import Json, http, require, wait_for

ACCOUNT = "wx00000000000000d1"
SERVER_CONFIGURATION = {
    "original_id": "gh_demo00000001",
    "token": "demoCallbackToken",
    "aes_key": "demo0000000000000000000000000000000000000AA",
    "mode": "safe",
}
SENT = 3
"""WxPusher's word for a message that was sent."""


@dataclass
class Told:
    """A callback as it came in."""

    headers: Mapping[str, str]
    """By their names in small letters."""
    body: bytes

    @property
    def json(self) -> Json:
        """The body."""
        return dict(json.loads(self.body))


class Developer:
    """A developer's server: it listens on loopback, answers 200, and remembers what it was told."""

    def __init__(self, port: int) -> None:
        self.told: list[Told] = []
        told = self.told

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                """Takes a callback."""
                body = self.rfile.read(int(self.headers["content-length"]))
                # A callback comes at least once; one that has come is known by its id.
                if all(one.headers["webhook-id"] != self.headers["webhook-id"] for one in told):
                    told.append(Told({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def hears(self, count: int) -> Told:
        """The `count`-th callback."""
        wait_for(f"{count} callbacks", 60, lambda: len(self.told) >= count)
        return self.told[count - 1]

    def close(self) -> None:
        """Stops listening."""
        self._server.shutdown()
        self._server.server_close()


def is_genuine(secret: str, told: Told) -> bool:
    """Whether a callback is signed with the app's secret, as docs/callbacks.md shows it."""
    headers = told.headers
    if abs(time.time() - int(headers["webhook-timestamp"])) > 300:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + told.body
    expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return any(hmac.compare_digest(expected, one) for one in headers["webhook-signature"].split(" "))


@dataclass
class Journey:
    """Where everything is, and who takes part."""

    url: str
    vendors: str
    admin_token: str
    openid: str = field(default_factory=lambda: f"ojourney{time.time_ns() % 10**20:020}")
    app_token: str = ""
    secrets: list[str] = field(default_factory=list)
    """What nobody may find in a log."""

    def admin(self, method: str, path: str, body: Json | None = None) -> Json:
        """The operator does something."""
        headers = {"authorization": f"Bearer {self.admin_token}", "content-type": "application/json"}
        sent = None if body is None else json.dumps(body).encode()
        status, answer = http(method, f"{self.url}{path}", sent, headers)
        require(status in (200, 201), f"{method} {path} answered {status}: {answer!r}")
        return dict(json.loads(answer))

    def api(self, method: str, path: str, query: Json | None = None, body: Json | None = None) -> Json:
        """The developer's program calls WxPusher's API."""
        asked = f"?{urllib.parse.urlencode({'appToken': self.app_token, **query})}" if query is not None else ""
        sent = None if body is None else json.dumps({"appToken": self.app_token, **body}).encode()
        status, answer = http(method, f"{self.url}{path}{asked}", sent, {"content-type": "application/json"})
        require(status == 200, f"{method} {path} answered {status}: {answer!r}")
        found = dict(json.loads(answer))
        require(set(found) == {"code", "msg", "data", "success"}, f"{path} answered {found}")
        return found

    def done(self, method: str, path: str, query: Json | None = None, body: Json | None = None) -> object:
        """The same, for a call that succeeds; its `data`."""
        answer = self.api(method, path, query, body)
        require(answer["code"] == 1000, f"{method} {path} answered {answer}")
        return answer["data"]

    def person(self, **act: str) -> Json:
        """The person does something in WeChat; what WeChat got from us for it."""
        body = json.dumps({"openid": self.openid, **act}).encode()
        status, answer = http("POST", f"{self.vendors}/sandbox/wechat/{ACCOUNT}/events", body)
        require(status == 200, f"{act} was answered {status}: {answer!r}")
        return dict(json.loads(answer))

    def reads(self, **act: str) -> str:
        """The person does something; what they read then."""
        return str((self.person(**act)["reply"] or {}).get("text", ""))

    def cards(self) -> list[Json]:
        """The person's cards, the oldest first."""
        _, body = http("GET", f"{self.vendors}/sandbox/inbox?last=1000")
        messages = json.loads(body)["messages"]
        mine = [one for one in messages if one["recipient"] == self.openid]
        return [one for one in mine if one["channel"] == "wechat-template"]

    def send(self, body: Json) -> Json:
        """Sends a message to one target; what became of the target."""
        targets = self.done("POST", "/api/send/message", body=body)
        require(isinstance(targets, list) and len(targets) == 1, f"the targets are {targets}")
        return dict(targets[0]) if isinstance(targets, list) else {}

    def arrives(self, body: Json) -> Json:
        """Sends a message that is accepted, and waits until it is sent; its card."""
        before = len(self.cards())
        target = self.send(body)
        require(target["code"] == 1000, f"the target was refused: {target}")
        status = f"/api/send/query/{target['messageId']}"
        wait_for(f"status 3 of {target['messageId']}", 60, lambda: self.done("GET", status) == SENT)
        return dict(wait_for("the card", 30, lambda: self.cards()[before:])[0])

    def rows(self, uid: str) -> list[Json]:
        """The person's rows in the developer's list of followers."""
        page = self.done("GET", "/api/fun/wxuser/v2", {"page": 1, "pageSize": 100, "uid": uid})
        return list(page["records"]) if isinstance(page, dict) else []


@dataclass(frozen=True)
class App:
    """The app of a journey."""

    number: int
    topic: int
    topic_code: str
    """The code of the topic's permanent QR picture."""
    callback_secret: str
    contents: list[str]
    """What is sent to the person, and, last, what the person sends."""


def enter_in_console(url: str, vendors: str) -> None:
    """The operator enters our address in WeChat's console, which asks it to prove itself."""
    configuration = {"url": f"{url}/wechat/callback/{ACCOUNT}", **SERVER_CONFIGURATION}
    status, body = http("PUT", f"{vendors}/sandbox/wechat/{ACCOUNT}/callback", json.dumps(configuration).encode())
    require(status == 200, f"WeChat's console says {status}: {body!r}")


def run(journey: Journey, developer: Developer) -> str:
    """The whole way. Answers what it saw."""
    app = set_up(journey, developer)
    uid = follow_receive_read(journey, developer, app)
    be_blocked_removed_and_come_back(journey, developer, app, uid)

    # And leaves the account.
    journey.person(event="unsubscribe")
    refused = journey.send({"content": app.contents[2], "uids": [uid]})
    require(refused["code"] == 1001 and "已取消关注公众号" in refused["status"], f"who left: {refused}")
    require(len(developer.told) == 3, f"the developer was told {len(developer.told)} times")
    require(len(journey.cards()) == 4, f"{len(journey.cards())} cards")
    return f"{journey.openid} followed, was reached, blocked, removed, came back and left"


def set_up(journey: Journey, developer: Developer) -> App:
    """What an operator does once."""
    mark = f"{time.time_ns() % 10**12}"

    enter_in_console(journey.url, journey.vendors)

    # ... and makes an app that calls its developer back, with a topic.
    hook = f"http://127.0.0.1:{developer.port}/hook"
    made = journey.admin(
        "POST",
        "/admin/apps",
        {"name": f"旅程 {mark}", "account": ACCOUNT, "callback_url": hook, "follow_prompt": "欢迎", "calls_per_10s": 0},
    )
    number, journey.app_token = made["app"]["id"], made["token"]
    topic = journey.admin("POST", f"/admin/apps/{number}/topics", {"name": "周报"})["id"]
    topic_code = journey.admin("GET", f"/admin/apps/{number}/topics/{topic}/qrcode")["code"]
    contents = [f"<b>第一条 {mark}</b>", f"第二条 {mark}", f"第三条 {mark}", f"收到 {mark}"]
    journey.secrets += [journey.admin_token, journey.app_token, made["callback_secret"], journey.openid, *contents]
    journey.secrets += [SERVER_CONFIGURATION["token"], SERVER_CONFIGURATION["aes_key"]]
    return App(number, topic, topic_code, made["callback_secret"], contents)


def follow_receive_read(journey: Journey, developer: Developer, app: App) -> str:
    """From the first scan to the page of a message. Answers the person's UID."""
    # The developer makes a QR code for order 7. Its picture is a picture.
    code = journey.done("POST", "/api/fun/create/qrcode", body={"extra": "order-7"})
    require(isinstance(code, dict), f"the QR code is {code}")
    assert isinstance(code, dict)
    status, picture = http("GET", journey.url + urllib.parse.urlparse(code["url"]).path)
    require(status == 200 and picture.startswith(b"\xff\xd8\xff"), f"the picture was answered with {status}")

    # Nobody has scanned it yet. Then the person does, and by that follows the account and the app.
    scanned = {"code": code["code"]}
    require(journey.api("GET", "/api/fun/scan-qrcode-uid", scanned)["msg"] == "暂无用户扫描二维码", "already scanned")
    require(journey.person(event="SCAN", scene=code["code"])["event"] == "subscribe", "the person followed before")

    # The developer is called back, can tell that it is genuine, and knows who it was; so does whoever polls.
    told = developer.hears(1)
    require(is_genuine(app.callback_secret, told), "the callback is not signed with the app's secret")
    require(told.json["action"] == "app_subscribe", f"the callback is {told.json}")
    require(told.json["data"]["extra"] == "order-7", f"the callback is {told.json}")
    uid = str(told.json["data"]["uid"])
    require(journey.done("GET", "/api/fun/scan-qrcode-uid", scanned) == uid, "whoever polls learns of another")

    # The person also follows the topic, by its permanent QR code. Of that nobody is told.
    journey.person(event="SCAN", scene=app.topic_code)

    # A message to the person, and one to the topic: both are handed over, and both arrive as cards.
    direct = journey.arrives({"content": app.contents[0], "contentType": 2, "uids": [uid]})
    journey.arrives({"content": app.contents[1], "topicIds": [app.topic]})

    # A card opens its page.
    links = re.findall(r"https?://[^\"\\ ]+/m/[^\"\\ ]+", json.dumps(direct["raw"]))
    require(len(links) == 1, f"the card has no link of ours: {direct['raw']}")
    journey.secrets.append(links[0].rsplit("/", 1)[1])
    status, page = http("GET", journey.url + urllib.parse.urlparse(links[0]).path)
    require(status == 200 and app.contents[0] in page.decode(), f"the page answered {status} without the message")

    # The person writes to the developer.
    journey.reads(event="text", content=f"#{app.number} {app.contents[3]}")
    told = developer.hears(2)
    require(told.json["action"] == "send_up_cmd", f"the second callback is {told.json}")
    require(told.json["data"]["content"] == app.contents[3], f"the second callback is {told.json}")
    return uid


def be_blocked_removed_and_come_back(journey: Journey, developer: Developer, app: App, uid: str) -> None:
    """What a developer can do to a follower."""
    content, follow = app.contents[2], f"#{app.number}"
    # The developer lists followers, and blocks the person: nothing reaches them, and they cannot follow anew.
    rows = journey.rows(uid)
    require(sorted(row["type"] for row in rows) == [0, 1], f"the rows are {rows}")
    record = next(row["id"] for row in rows if row["type"] == 0)
    journey.done("PUT", "/api/fun/reject", {"id": record, "reject": "true"})
    refused = journey.send({"content": content, "uids": [uid]})
    require(refused["code"] == 1001 and "拉黑" in refused["status"], f"the blocked person: {refused}")
    require("拉黑" in journey.reads(event="text", content=follow), "who is blocked could follow")

    # The block is lifted, and the person is reached again, by the same record.
    journey.done("PUT", "/api/fun/reject", {"id": record, "reject": "false"})
    journey.arrives({"content": content, "uids": [uid]})

    # The developer removes the person: not reached, until they follow again, as a new record.
    journey.done("DELETE", "/api/fun/remove", {"id": record})
    refused = journey.send({"content": content, "uids": [uid]})
    require(refused["code"] == 1001 and "未关注应用" in refused["status"], f"the removed person: {refused}")
    require("欢迎" in journey.reads(event="text", content=follow), "the person was not welcomed back")
    told = developer.hears(3)
    require(told.json["data"]["source"] == "command", f"the third callback is {told.json}")
    journey.arrives({"content": content, "uids": [uid]})
    again = next(row["id"] for row in journey.rows(uid) if row["type"] == 0)
    require(again != record, "the record is the old one")


def walk(arguments: list[str], secrets: list[str]) -> str:
    """The command: listens for callbacks on the port that is the last argument."""
    url, vendors, admin_token, port = arguments
    developer = Developer(int(port))
    journey = Journey(url, vendors, admin_token)
    try:
        return run(journey, developer)
    finally:
        developer.close()
        secrets += journey.secrets


if __name__ == "__main__":
    sys.exit(command("journey", "URL SANDBOX TOKEN PORT", walk))
