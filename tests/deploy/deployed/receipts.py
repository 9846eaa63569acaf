"""Phone vendors and apps report: whom a push has reached, and whose token is dead.

A push to everybody reaches every demo device over its vendor. Huawei reports with its signature, Meizu with its token, the
others to an address that only they know; the apps of Apple's and Google's devices acknowledge by themselves. It calls what is
documented and nothing else, so it runs against anything that serves the demo seed with its stand-ins:

    python3 -m deployed.receipts http://127.0.0.1:8080 http://127.0.0.1:8081
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import sys
import time
import urllib.parse
from collections import Counter
from dataclasses import dataclass

from .processes import Failure, Json, http, require, wait_for

APP = "demo"
ADMIN_TOKEN = "demo-admin-token"
RECEIPT_PATH = "demoReceiptPath00000000000000000"
HUAWEI_USER, HUAWEI_KEY = "demo-huawei", "demo-huawei-receipt-key"
MEIZU_TOKEN = "demo-meizu-receipt-token"
USERS = 3
"""How many demo devices each vendor has."""
COUNTED_AS = {
    "apns": "apns",
    "fcm": "fcm",
    "huawei": "huawei",
    "xiaomi": "xiaomi",
    "oppo": "oppo",
    "vivo": "vivo",
    "meizu": "flyme",
}
"""What the counters of a channel are called."""
REPORTING = ("huawei", "xiaomi", "oppo", "meizu")
"""Vendors that report by themselves. vivo does so only of messages to one device; of those to several it is asked."""
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
PATIENCE = 60.0
"""Seconds: functions may have to start."""


@dataclass
class Reporting:
    """The demo app's back end, its devices, and their vendors."""

    url: str
    vendors: str

    def call(self, method: str, path: str, body: Json | None = None, user: int | None = None) -> object:
        """The app's back end calls, in a user's place where one is named; the answer's `data`."""
        headers = {"app_id": APP, "access-token": ADMIN_TOKEN, "content-type": JSON}
        if user is not None:
            headers["user_id"] = str(user)
        sent = None if body is None else json.dumps(body).encode()
        _, answer = http(method, self.url + path, sent, headers)
        found = dict(json.loads(answer))
        require(found.get("code") == 200, f"{method} {path} answered {found}")
        return found["data"]

    def push(self, audience: object, mark: str) -> int:
        """Pushes to an audience; the task."""
        accepted = self.call("POST", "/push/notify", {"audience": audience, "message": {"title": mark, "body": mark}})
        require(isinstance(accepted, dict), f"the push was answered {accepted}")
        assert isinstance(accepted, dict)
        return int(accepted["task_id"])

    def counters(self, task: int) -> Json:
        """The counters of a task."""
        found = self.call("POST", "/push/task/detail", {"list": [task]})
        require(isinstance(found, list) and len(found) == 1, f"the detail of {task} is {found}")
        assert isinstance(found, list)
        return dict(found[0])

    def counts(self, task: int, expected: dict[str, int]) -> None:
        """Waits until these counters are so."""
        found: Json = {}

        def look() -> bool:
            found.update(self.counters(task))
            return all(found.get(name) == count for name, count in expected.items())

        try:
            wait_for("the counters", PATIENCE, look, 0.3)
        except Failure as failure:
            raise Failure(f"the counters of {task} are {found}, not {expected}") from failure

    def inbox(self, mark: str) -> list[Json]:
        """What vendors accepted of a push."""
        _, body = http("GET", f"{self.vendors}/sandbox/inbox?last=1000")
        return [one for one in json.loads(body)["messages"] if mark in json.dumps(one["raw"])]

    def report(
        self, channel: str, body: bytes, content_type: str = JSON, to: str = RECEIPT_PATH, signature: str | None = None
    ) -> int:
        """Somebody reports to an address; the status of the answer."""
        headers = {"content-type": content_type} | ({"X-HUAWEI-CALLBACK-ID": signature} if signature else {})
        return http("POST", f"{self.url}/receipt/{channel}/{to}", body, headers)[0]


def signed(key: str) -> str:
    """As Huawei signs a receipt now."""
    at, nonce = str(time.time_ns() // 1_000_000), f"nonce-{time.time_ns()}"
    value = hmac.new(key.encode(), f"{at}{nonce}{HUAWEI_USER}".encode(), hashlib.sha256).digest()
    return f"timestamp={at}; nonce={nonce}; value={base64.b64encode(value).decode()}"


def run(url: str, vendors: str) -> str:
    """The whole way. Answers what it saw."""
    demo = Reporting(url, vendors)
    # The address that an operator enters in Huawei's console; the others are told with every message.
    console = json.dumps({"url": f"{url}/receipt/huawei/{RECEIPT_PATH}"}).encode()
    status, answer = http("PUT", f"{vendors}/sandbox/huawei/callback", console)
    require(status == 200, f"Huawei's console says {status}: {answer!r}")

    mark = f"receipts-{time.time_ns()}"
    task = demo.push("all", mark)
    everybody = USERS * len(COUNTED_AS)
    arrived = wait_for(
        "everybody's push", PATIENCE, lambda: found if len(found := demo.inbox(mark)) >= everybody else None, 0.3
    )
    by_channel = Counter(one["channel"] for one in arrived)
    require(by_channel == dict.fromkeys(COUNTED_AS, USERS), f"the vendors got {by_channel}")
    require(len({(one["channel"], one["recipient"]) for one in arrived}) == everybody, "somebody got it twice")
    expected = {f"{name}_{what}": USERS for name in COUNTED_AS.values() for what in ("target", "sent")}
    expected |= {f"{COUNTED_AS[name]}_received": USERS for name in REPORTING}
    demo.counts(task, expected | {"apns_received": 0, "fcm_received": 0})

    # Devices of Apple's and Google's acknowledge for themselves, as often as they like.
    for name in ("apns", "fcm"):
        raw = next(one["raw"] for one in arrived if one["channel"] == name)
        receipt = raw["mx_receipt"] if name == "apns" else raw["message"]["data"]["mx_receipt"]
        body = json.dumps({"app_id": APP, "receipt": receipt}).encode()
        for _ in range(2):
            require(demo.report(name, body, to=f"demo-{name}-1") == 200, f"{name} could not acknowledge")
        require(demo.report(name, body, to="nobody") == 404, f"nobody acknowledged on {name}")
    expected |= {"apns_received": 1, "fcm_received": 1}
    demo.counts(task, expected)

    refuse_and_repeat(demo, arrived)
    require(
        all(demo.counters(task)[name] == count for name, count in expected.items()),
        f"the counters of {task} are {demo.counters(task)}, not {expected}",
    )
    lose_and_find(demo, arrived)
    return f"{everybody} devices on {len(COUNTED_AS)} vendors, over TLS where they ask for it; each report counted once"


def refuse_and_repeat(demo: Reporting, arrived: list[Json]) -> None:
    """What proves nothing is refused; what comes again changes nothing."""
    huawei = next(one for one in arrived if one["channel"] == "huawei")
    tag = huawei["raw"]["message"]["android"]["bi_tag"]
    entry = {"biTag": tag, "appid": "1", "token": huawei["recipient"], "status": 0, "timestamp": 1, "requestId": "1"}
    body = json.dumps({"statuses": [entry]}).encode()
    require(demo.report("huawei", body) == 401, "Huawei need not sign")
    require(demo.report("huawei", body, signature=signed("another key")) == 401, "Huawei may sign with any key")
    require(demo.report("huawei", body, signature=signed(HUAWEI_KEY)) == 200, "Huawei's signature is refused")
    require(demo.report("huawei", body, to="nobodys", signature=signed(HUAWEI_KEY)) == 404, "any address is taken")

    meizu = next(one for one in arrived if one["channel"] == "meizu")
    param = meizu["raw"]["extra"]["callback.param"]
    cb = json.dumps({"NS1-1": {"param": param, "type": 1, "targets": [meizu["recipient"]]}})
    for token, expected in (("", 401), ("wrong", 401), (MEIZU_TOKEN, 200)):
        body = urllib.parse.urlencode({"cb": cb, "access_token": token}).encode()
        status = demo.report("meizu", body, FORM)
        require(status == expected, f"Meizu with the token `{token}` was answered {status}")


def lose_and_find(demo: Reporting, arrived: list[Json]) -> None:
    """Xiaomi says that a token is dead: it gets nothing any more, and nobody else loses anything. Then it is bound anew."""
    xiaomi = [one for one in arrived if one["channel"] == "xiaomi"]
    dead = max(xiaomi, key=lambda one: str(one["recipient"]))
    entry = {"param": dead["raw"]["extra.callback.param"], "type": 16, "targets": dead["recipient"]}
    body = urllib.parse.urlencode({"data": json.dumps({"scm1": entry})}).encode()
    require(demo.report("xiaomi", body, FORM) == 200, "Xiaomi's report was not taken")
    mark = f"bereft-{time.time_ns()}"
    task = demo.push({"tag": ["demo"]}, mark)
    left = dict.fromkeys(COUNTED_AS.values(), USERS) | {"xiaomi": USERS - 1}
    demo.counts(task, {f"{name}_{what}": count for name, count in left.items() for what in ("target", "sent")})
    require(all(one["recipient"] != dead["recipient"] for one in demo.inbox(mark)), "a dead token was pushed to")

    devices = demo.call("GET", "/user/device/list", user=USERS)
    require(isinstance(devices, list), f"the devices are {devices}")
    assert isinstance(devices, list)
    device = next(one for one in devices if one["push_token"] == f"demo-xiaomi-{USERS}")
    require(not device["notifiers"], f"the device whose token died is {device}")
    binding = {"device_sn": device["device_sn"], "device_token": dead["recipient"], "notifier_name": "demo-xiaomi"}
    demo.call("PUT", "/user/token/bind", binding, user=USERS)
    task = demo.push({"push_token": [device["push_token"]]}, f"back-{time.time_ns()}")
    demo.counts(task, {"xiaomi_target": 1, "xiaomi_sent": 1, "xiaomi_received": 1})


if __name__ == "__main__":
    print(run(sys.argv[1], sys.argv[2]))
