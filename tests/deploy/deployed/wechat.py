"""A back end of a WeChat account: a token, a template message, a mini program's message, and a push with both legs.

It calls what is documented and nothing else, so it runs against anything that serves the demo seed with its stand-ins:

    python3 -m deployed.wechat http://127.0.0.1:8080 http://127.0.0.1:8081
"""

from __future__ import annotations

import json
import sys
import time
import urllib.parse

from .command import command
from .processes import Json, http, require, wait_for

ACCOUNT = "wx00000000000000d1"
MINI_PROGRAM = "wx00000000000000d2"
SECRET = "demo0000000000000000000000000000"
PUSH_KEY = "demo-push-key"
OPENIDS = [f"odemo{n:023}" for n in (1, 2, 3)]


class BackEnd:
    """A program that has an appid and a secret of ours, as it would have WeChat's."""

    def __init__(self, url: str, appid: str) -> None:
        self.url = url
        query = {"grant_type": "client_credential", "appid": appid, "secret": SECRET}
        status, body = http("GET", f"{url}/cgi-bin/token?{urllib.parse.urlencode(query)}")
        answer = json.loads(body)
        require(status == 200 and set(answer) == {"access_token", "expires_in"}, f"the token call answered {body!r}")
        self.token = answer["access_token"]

    def send(self, path: str, message: Json) -> int:
        """Sends a message that is accepted; its msgid."""
        # As wechatpy does it: no content type.
        _, body = http("POST", f"{self.url}{path}?access_token={self.token}", json.dumps(message).encode(), {})
        answer = json.loads(body)
        require(answer["errcode"] == 0 and isinstance(answer["msgid"], int), f"{path} answered {answer}")
        return int(answer["msgid"])


def run(url: str, vendors_url: str, secrets: list[str] | None = None) -> str:
    """The whole way, from the token to the outcome. Answers what it saw; what nobody may log goes to `secrets`."""
    mark = f"{time.time_ns() % 10**12}"

    def arrived(text: str) -> Json:
        def inbox() -> list[Json]:
            _, body = http("GET", f"{vendors_url}/sandbox/inbox?last=1000")
            return [one for one in json.loads(body)["messages"] if text in json.dumps(one, ensure_ascii=False)]

        found = wait_for(f"`{text}` in the inbox", 60, inbox)
        require(len(found) == 1, f"`{text}` arrived {len(found)} times")
        return dict(found[0])

    shop = BackEnd(url, ACCOUNT)
    data = {"first": {"value": "你好"}, "keyword1": {"value": f"template {mark}"}}
    template = {"touser": OPENIDS[0], "template_id": "demo-keyword", "url": "https://example.com", "data": data}
    shop.send("/cgi-bin/message/template/send", template)
    require(arrived(f"template {mark}")["channel"] == "wechat-template", "the template took another channel")

    values = {"keyword1": f"m {mark}", "keyword2": "2026-05-18 13:00", "keyword3": "第二课时", "keyword4": "加油"}
    form = {
        "touser": OPENIDS[1],
        "template_id": "demo-form",
        "page": "pages/index/index",
        "form_id": f"form-{mark}",
        "data": {key: {"value": value} for key, value in values.items()},
    }
    program = BackEnd(url, MINI_PROGRAM)
    program.send("/cgi-bin/message/wxopen/template/send", form)
    require(arrived(f"m {mark}")["channel"] == "wechat-subscribe", "the mini program's message took another channel")

    push = {
        "openids": [OPENIDS[2]],
        "news_entity": {"title": f"article {mark}", "url": "https://example.com/n"},
        "template_entity": {"template_id": "demo-keyword", "data": {"keyword1": {"value": f"fallback {mark}"}}},
    }
    headers = {"authorization": PUSH_KEY, "content-type": "application/json", "idempotency-key": mark}
    for _ in range(2):
        status, body = http("POST", f"{url}/api/v4/pushes/wechat", json.dumps(push).encode(), headers)
        require((status, body) == (200, b""), f"the push answered {status} {body!r}")
    # Nobody has written to the account, so the article cannot reach anybody.
    require(arrived(f"fallback {mark}")["channel"] == "wechat-template", "the push took another channel")
    if secrets is not None:
        secrets += [shop.token, program.token, *(f"{what} {mark}" for what in ("template", "m", "article", "fallback"))]
    return "token, template, mini program and push with fallback"


if __name__ == "__main__":
    sys.exit(command("wechat", "URL SANDBOX", lambda given, secrets: run(given[0], given[1], secrets)))
