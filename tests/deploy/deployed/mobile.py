"""A day of an app's back end and of somebody who uses the app, over seven phone vendors.

Read it from top to bottom. It calls what is documented and nothing else, so it runs against anything that serves the demo seed
with its stand-ins, for example what `cargo run` starts:

    cd tests/deploy && python3 -m deployed.mobile http://127.0.0.1:8080 http://127.0.0.1:8081
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from .command import command
from .processes import Failure, Json, http, require, wait_for

APP = "demo"
ADMIN_TOKEN = "demo-admin-token"
CHANNELS = {
    "apns": "apns",
    "fcm": "fcm",
    "huawei": "huawei",
    "xiaomi": "xiaomi",
    "oppo": "oppo",
    "vivo": "vivo",
    "meizu": "flyme",
}
"""The vendors, and what the counters call them."""
REPORTING = ("huawei", "xiaomi", "oppo", "meizu")
"""Those whose stand-ins report by themselves that a message arrived."""
DEMO_DEVICES = 3
"""Devices of the demo app per vendor."""
PATIENCE = 60.0
"""Seconds that something is waited for."""


@dataclass
class Day:
    """Where everything is, and what nobody may find in a log."""

    url: str
    vendors: str
    mark: str = field(default_factory=lambda: f"{time.time_ns() % 10**12:012}")
    secrets: list[str] = field(default_factory=lambda: [ADMIN_TOKEN])

    @property
    def text(self) -> str:
        """What every push of the day says."""
        return f"正文 {self.mark}"

    def call(self, token: str | None, method: str, path: str, body: Json | None = None) -> Json:
        """A call of the app's back end or of a phone: code, data, message."""
        headers = {"app_id": APP, "content-type": "application/json"}
        if token is not None:
            headers["access-token"] = token
        sent = None if body is None else json.dumps(body).encode()
        status, answer = http(method, self.url + path, sent, headers)
        require(status == 200, f"{method} {path} answered {status}: {answer!r}")
        found = dict(json.loads(answer))
        require(set(found) == {"code", "data", "message"}, f"{path} answered {found}")
        return found

    def done(self, token: str | None, method: str, path: str, body: Json | None = None) -> Any:
        """The same, for a call that succeeds; its `data`."""
        answer = self.call(token, method, path, body)
        require(answer["code"] == 200, f"{method} {path} answered {answer}")
        return answer["data"]

    def push(self, what: str, audience: Any, request_id: str = "", **message: Any) -> int:
        """The back end pushes; the task's number. The title is `what` and the mark of the day."""
        title = self.title(what)
        self.secrets.append(title)
        body = {
            "audience": audience,
            "setting": {"request_id": request_id},
            "message": {"title": title, "body": self.text, **message},
        }
        return int(self.done(ADMIN_TOKEN, "POST", "/push/notify", body)["task_id"])

    def title(self, what: str) -> str:
        """A title that nothing else of this world has."""
        return f"{what} {self.mark}"

    def inbox(self, what: str) -> list[Json]:
        """What vendors accepted of a push."""
        _, body = http("GET", f"{self.vendors}/sandbox/inbox?last=1000")
        return [one for one in json.loads(body)["messages"] if one["title"] == self.title(what)]

    def arrives(self, what: str, **channels: int) -> list[Json]:
        """Waits until every device has a push, by vendor: as many as named, and no more."""
        count = sum(channels.values())
        found = wait_for(f"{count} times `{what}`", PATIENCE, lambda: _at_least(count, self.inbox(what)))
        by_channel = Counter(one["channel"] for one in found)
        require(by_channel == Counter(channels), f"`{what}` arrived over {by_channel}, not {channels}")
        recipients = {(one["channel"], one["recipient"]) for one in found}
        require(len(recipients) == count, f"`{what}` reached a device twice: {sorted(recipients)}")
        return found

    def counters(self, task: int) -> Json:
        """What `POST /push/task/detail` says of a push."""
        found = self.done(ADMIN_TOKEN, "POST", "/push/task/detail", {"list": [task, 1]})
        require(len(found) == 1 and found[0]["task_id"] == task, f"the counters of {task} are {found}")
        return dict(found[0])

    def counts(self, task: int, **expected: int) -> Json:
        """Waits until the counters are as expected, and every other one is 0. What vivo says to have reached, it says later."""
        found: Json = {}

        def look() -> bool:
            found.update(self.counters(task))
            fixed = found.keys() - {"task_id", "vivo_received"}
            return all(found[name] == expected.get(name, 0) for name in fixed)

        try:
            wait_for("the counters", PATIENCE, look)
        except Failure as failure:
            said = {name: value for name, value in found.items() if value}
            raise Failure(f"the counters of {task} are {said}, not {expected}") from failure
        require(len(found) == 25, f"not 24 counters and a task: {found}")
        return found

    def order(self, **fault: Any) -> None:
        """A vendor's stand-in is told to fail."""
        status, body = http("POST", f"{self.vendors}/sandbox/faults", json.dumps(fault).encode())
        require(status == 200, f"the order {fault} was answered {status}: {body!r}")


def _at_least(count: int, found: list[Json]) -> list[Json] | None:
    return found if len(found) >= count else None


@dataclass
class Phone:
    """A phone on which somebody has signed in."""

    day: Day
    token: str
    push_token: str

    def done(self, method: str, path: str, body: Json | None = None) -> Any:
        """A call of the app on the phone that succeeds; its `data`."""
        return self.day.done(self.token, method, path, body)

    def bind(self, vendor: str, provider: int) -> None:
        """The phone asks what to register with its vendor by, does so, and tells the token that it was given."""
        certificate = self.done("GET", f"/push/certificate?provider={provider}")
        require(certificate["app_secret"] is None, f"a phone was told the secret of {certificate['name']}")
        token = f"{vendor}-token-{self.day.mark}"
        self.day.secrets.append(token)
        body = {"device_sn": 1, "device_token": token, "notifier_name": certificate["name"]}
        self.done("POST", "/user/token/bind", body)

    def bound(self) -> set[str]:
        """Over which vendors it is reached."""
        return set(self.done("GET", "/user/device/list")[0]["notifiers"])


def run(url: str, vendors_url: str, secrets: list[str] | None = None, reporting: Collection[str] = REPORTING) -> str:
    """The whole day. Answers what it saw; what nobody may log goes to `secrets`."""
    day = Day(url, vendors_url)
    try:
        everybody(day, reporting)
        phone = sign_up(day)
        try:
            dead_token(day, phone, reporting)
        finally:
            # The demo world is as it was.
            phone.done("DELETE", "/user/device/remove?device_sn=1")
        on_time(day)
    finally:
        if secrets is not None:
            secrets += day.secrets
    return "21 devices, counters, a dead token, a repeat and a message for later"


def each(count: int = DEMO_DEVICES) -> dict[str, int]:
    """The demo devices by vendor."""
    return dict.fromkeys(CHANNELS, count)


def everybody(day: Day, reporting: Collection[str]) -> None:
    """One call reaches 21 devices over seven vendors, also when it is made twice, and its counters say so."""
    task = day.push("全体", "all", request_id=f"everybody {day.mark}")
    messages = day.arrives("全体", **each())
    again = day.push("全体", "all", request_id=f"everybody {day.mark}")
    require(again == task, f"a repeated request id made another task: {again}, not {task}")

    # Some vendors report what arrived; Apple's and Google's devices do it themselves, by what came with the message.
    for message, channel in ((one, one["channel"]) for one in messages if one["channel"] in ("apns", "fcm")):
        raw = message["raw"]
        receipt = raw["mx_receipt"] if channel == "apns" else raw["message"]["data"]["mx_receipt"]
        body = json.dumps({"app_id": APP, "receipt": receipt}).encode()
        for _ in range(2):
            # The last character of a demo device's tokens says whose it is.
            path = f"/receipt/{channel}/{APP}-{channel}-{message['recipient'][-1]}"
            status, said = http("POST", day.url + path, body, {"content-type": "application/json"})
            require(status == 200, f"{path} answered {status}: {said!r}")
    arrived = {"apns", "fcm", *reporting}
    expected = {f"{name}_{what}": DEMO_DEVICES for name in CHANNELS.values() for what in ("target", "sent")}
    expected |= {f"{CHANNELS[channel]}_received": DEMO_DEVICES for channel in arrived}
    day.counts(task, **expected)
    day.arrives("全体", **each())


def sign_up(day: Day) -> Phone:
    """Somebody signs up on a phone of Huawei's that has Google's services too, and chooses an alias."""
    name, password = f"traveller{day.mark}", f"password{day.mark}"
    me = {"username": name, "password": password, "device_guid": f"phone {day.mark}", "platform": 2}
    day.done(None, "POST", "/user/register/push", me)
    signed = day.done(None, "POST", "/token/login", me)
    phone = Phone(day, signed["token"], signed["push_token"])
    day.secrets += [password, phone.token, phone.push_token, day.text]
    for vendor, provider in (("huawei", 2), ("fcm", 7)):
        phone.bind(vendor, provider)
    phone.done("POST", "/user/push/alias", {"alias": f"旅人{day.mark}"})
    day.push("第一条", {"alias": [f"旅人{day.mark}", "nobody"]})
    day.arrives("第一条", huawei=1)
    return phone


def dead_token(day: Day, phone: Phone, reporting: Collection[str]) -> None:
    """Huawei calls the phone's token dead: Google brings the message, the token is forgotten, and nothing else is."""
    both = {"huawei", "fcm"}
    require(phone.bound() == both, f"the phone is bound to {phone.bound()}")
    dead = {"channel": "huawei", "errcode": 1, "recipient": f"huawei-token-{day.mark}"}
    day.order(**dead)
    task = day.push("换路", {"push_token": [phone.push_token]})
    day.arrives("换路", fcm=1)
    day.counts(task, huawei_target=1, fcm_target=1, fcm_sent=1)
    # Where Huawei took nothing at all, the certificate may be the wrong one: no token is forgotten for that.
    require(phone.bound() == both, f"one refusal left the phone bound to {phone.bound()}")

    # Beside devices that it takes, Huawei is believed.
    day.order(**dead)
    task = day.push("再次", "all")
    day.arrives("再次", **{**each(), "fcm": DEMO_DEVICES + 1})
    expected = {f"{name}_{what}": DEMO_DEVICES for name in CHANNELS.values() for what in ("target", "sent")}
    expected |= {"huawei_target": DEMO_DEVICES + 1, "fcm_target": DEMO_DEVICES + 1, "fcm_sent": DEMO_DEVICES + 1}
    expected |= {f"{CHANNELS[channel]}_received": DEMO_DEVICES for channel in reporting}
    day.counts(task, **expected)
    wait_for("the dead token to be forgotten", PATIENCE, lambda: phone.bound() == {"fcm"})

    # Huawei would take it by now, but there is nobody to send to.
    task = day.push("又一次", "all")
    day.arrives("又一次", **{**each(), "fcm": DEMO_DEVICES + 1})
    require(day.counters(task)["huawei_target"] == DEMO_DEVICES, "a demo device was forgotten, or the dead one was not")


def on_time(day: Day) -> None:
    """What is for later appears when its time has come: not before, and once."""
    begin = int(time.time()) + 4
    task = day.push("准点", {"push_token": [f"{APP}-huawei-1"]}, show_begin_time=begin)
    found = day.arrives("准点", huawei=1)
    early = begin * 1000 - found[0]["at_ms"]
    require(early <= 0, f"the message came {early} ms too early")
    require(day.counters(task)["huawei_target"] == 1, "the message for later has no target")


if __name__ == "__main__":
    sys.exit(command("mobile", "URL SANDBOX", lambda given, secrets: run(given[0], given[1], secrets)))
