"""Phone vendors report: what is taken from them, what is not, and a token that dies by a report.

What they report of a push by themselves, and what apps acknowledge, is in `mobile.py`. Here somebody reports who may not, or
reports again. It calls what is documented and nothing else, so it runs against anything that serves the demo seed with its
stand-ins:

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

from .command import command
from .mobile import CHANNELS, DEMO_DEVICES, REPORTING, Day, each
from .processes import Json, http, require

RECEIPT_PATH = "demoReceiptPath00000000000000000"
HUAWEI_USER, HUAWEI_KEY = "demo-huawei", "demo-huawei-receipt-key"
MEIZU_TOKEN = "demo-meizu-receipt-token"
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


def enter_in_console(url: str, vendors: str) -> None:
    """An operator tells Huawei where to report; the others are told with every message."""
    console = json.dumps({"url": f"{url}/receipt/huawei/{RECEIPT_PATH}"}).encode()
    status, answer = http("PUT", f"{vendors}/sandbox/huawei/callback", console)
    require(status == 200, f"Huawei's console says {status}: {answer!r}")


def report(
    day: Day,
    channel: str,
    body: bytes,
    content_type: str = JSON,
    *,
    to: str = RECEIPT_PATH,
    signature: str | None = None,
) -> int:
    """Somebody reports to an address; the status of the answer."""
    headers = {"content-type": content_type} | ({"X-HUAWEI-CALLBACK-ID": signature} if signature else {})
    return http("POST", f"{day.url}/receipt/{channel}/{to}", body, headers)[0]


def signed(key: str) -> str:
    """As Huawei signs a receipt now."""
    at, nonce = str(time.time_ns() // 1_000_000), f"nonce-{time.time_ns()}"
    value = hmac.new(key.encode(), f"{at}{nonce}{HUAWEI_USER}".encode(), hashlib.sha256).digest()
    return f"timestamp={at}; nonce={nonce}; value={base64.b64encode(value).decode()}"


def run(url: str, vendors: str) -> str:
    """The whole way. Answers what it saw."""
    day = Day(url, vendors)
    enter_in_console(url, vendors)
    task = day.push("回执", "all")
    arrived = day.arrives("回执", **each())
    expected = {f"{name}_{what}": DEMO_DEVICES for name in CHANNELS.values() for what in ("target", "sent")}
    expected |= {f"{CHANNELS[channel]}_received": DEMO_DEVICES for channel in REPORTING}
    day.counts(task, **expected)
    refuse_and_repeat(day, arrived)
    day.counts(task, **expected)
    lose_and_find(day, arrived)
    return "forged receipts refused, repeated ones counted once, a token that died bound anew"


def refuse_and_repeat(day: Day, arrived: list[Json]) -> None:
    """What proves nothing is refused; what comes again changes nothing."""
    huawei = next(one for one in arrived if one["channel"] == "huawei")
    tag = huawei["raw"]["message"]["android"]["bi_tag"]
    entry = {"biTag": tag, "appid": "1", "token": huawei["recipient"], "status": 0, "timestamp": 1, "requestId": "1"}
    body = json.dumps({"statuses": [entry]}).encode()
    require(report(day, "huawei", body) == 401, "Huawei need not sign")
    require(report(day, "huawei", body, signature=signed("another key")) == 401, "Huawei may sign with any key")
    require(report(day, "huawei", body, signature=signed(HUAWEI_KEY)) == 200, "Huawei's signature is refused")
    require(report(day, "huawei", body, to="nobodys", signature=signed(HUAWEI_KEY)) == 404, "any address is taken")

    meizu = next(one for one in arrived if one["channel"] == "meizu")
    param = meizu["raw"]["extra"]["callback.param"]
    cb = json.dumps({"NS1-1": {"param": param, "type": 1, "targets": [meizu["recipient"]]}})
    for token, expected in (("", 401), ("wrong", 401), (MEIZU_TOKEN, 200)):
        body = urllib.parse.urlencode({"cb": cb, "access_token": token}).encode()
        status = report(day, "meizu", body, FORM)
        require(status == expected, f"Meizu with the token `{token}` was answered {status}")


def lose_and_find(day: Day, arrived: list[Json]) -> None:
    """Xiaomi says that a token is dead: it gets nothing any more, and nobody else loses anything. Then it is bound anew."""
    dead = max((one for one in arrived if one["channel"] == "xiaomi"), key=lambda one: str(one["recipient"]))
    entry = {"param": dead["raw"]["extra.callback.param"], "type": 16, "targets": dead["recipient"]}
    body = urllib.parse.urlencode({"data": json.dumps({"scm1": entry})}).encode()
    require(report(day, "xiaomi", body, FORM) == 200, "Xiaomi's report was not taken")
    day.push("少一台", {"tag": ["demo"]})
    left = day.arrives("少一台", **{**each(), "xiaomi": DEMO_DEVICES - 1})
    require(all(one["recipient"] != dead["recipient"] for one in left), "a dead token was pushed to")

    # The last of the demo users has it; on that phone they sign in and bind what Xiaomi gives them.
    me = {"username": f"user{DEMO_DEVICES}", "password": f"demo-password-{DEMO_DEVICES}"}
    phone = day.done(None, "POST", "/token/login", {**me, "device_guid": f"xiaomi-{DEMO_DEVICES}", "platform": 2})
    devices = day.done(phone["token"], "GET", "/user/device/list")
    device = next(one for one in devices if one["push_token"] == phone["push_token"])
    require(not device["notifiers"], f"the device whose token died is {device}")
    binding = {"device_sn": device["device_sn"], "device_token": dead["recipient"], "notifier_name": "demo-xiaomi"}
    day.done(phone["token"], "PUT", "/user/token/bind", binding)
    task = day.push("又来了", {"push_token": [phone["push_token"]]})
    day.counts(task, xiaomi_target=1, xiaomi_sent=1, xiaomi_received=1)


if __name__ == "__main__":
    sys.exit(command("receipts", "URL SANDBOX", lambda given, _: run(*given)))
