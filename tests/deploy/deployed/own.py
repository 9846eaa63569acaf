"""A device on our own channel, and its app's back end: signs in, gets a push, acknowledges it, leaves.

It calls what is documented and nothing else, so it runs against anything that serves the demo seed and the stand-ins:

    python3 -m deployed.own http://127.0.0.1:8080 ws://127.0.0.1:8080/live http://127.0.0.1:8081
"""

from __future__ import annotations

import json
import socket
import sys
import time
import urllib.parse
from contextlib import suppress
from dataclasses import dataclass

from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, Event, RejectConnection, Request, TextMessage
from wsproto.utilities import RemoteProtocolError

from .command import command
from .processes import Failure, Json, http, require, wait_for

APP = "demo"
ADMIN_TOKEN = "demo-admin-token"
PUSH_TOKEN = "demo-huawei-1"
OFFLINE_TOKEN = "demo-huawei-2"
PATIENCE = 60.0
"""Seconds that a frame is waited for: functions may have to start."""
SETTLES = 8.0
"""Seconds after which what has not been sent is taken not to be."""
MOST_TRIES = 5
"""Pushes until it is noticed that a device has left: one that comes while the connection closes is still sent."""


class Device:
    """A connection."""

    def __init__(self, url: str, headers: dict[str, str] | None = None) -> None:
        where = urllib.parse.urlsplit(url)
        self._events: list[Event] = []
        self._text = ""
        self._socket = socket.create_connection((where.hostname or "", where.port or 80), PATIENCE)
        self._protocol = WSConnection(ConnectionType.CLIENT)
        extra = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
        self._send(Request(host=where.netloc, target=where.path or "/", extra_headers=extra))
        answer = self._next()
        self.open = isinstance(answer, AcceptConnection)
        if not self.open and not isinstance(answer, (RejectConnection, CloseConnection)):
            raise Failure(f"the handshake was answered with {answer}")

    def _send(self, event: Event) -> None:
        self._socket.sendall(self._protocol.send(event))

    def _next(self) -> Event:
        while not self._events:
            received = self._socket.recv(65536)
            self._protocol.receive_data(received or None)
            self._events.extend(self._protocol.events())
        return self._events.pop(0)

    def say(self, frame: Json) -> None:
        """Says a frame."""
        self._send(TextMessage(data=json.dumps({"v": 1, **frame})))

    def hear(self) -> Json:
        """The next frame."""
        while True:
            event = self._next()
            if isinstance(event, CloseConnection):
                raise Failure(f"the connection was closed: {event.code} {event.reason}")
            if isinstance(event, TextMessage):
                self._text += event.data
                if event.message_finished:
                    text, self._text = self._text, ""
                    return dict(json.loads(text))

    def leave(self) -> None:
        """Closes the connection."""
        self._send(CloseConnection(code=1000))
        with suppress(OSError, RemoteProtocolError):
            while not isinstance(self._next(), CloseConnection):
                pass
        self._socket.close()


@dataclass
class BackEnd:
    """The app's back end, and what it sees of the vendors."""

    url: str
    vendors: str

    def call(self, path: str, body: Json) -> Json:
        """A call that succeeds."""
        headers = {"app_id": APP, "access-token": ADMIN_TOKEN, "content-type": "application/json"}
        _, answer = http("POST", self.url + path, json.dumps(body).encode(), headers)
        found = dict(json.loads(answer))
        require(found.get("code") == 200, f"{path} answered {found}")
        return found

    def push(self, text: str, strategy: str = "mxpush_only", to: str = PUSH_TOKEN) -> int:
        """Pushes to one device; the task."""
        audience = {"push_token": [to]}
        setting = {"distribution_strategy": strategy}
        body = {"audience": audience, "setting": setting, "message": {"title": "t", "body": text}}
        return int(self.call("/push/notify", body)["data"]["task_id"])

    def counted(self, task: int, expected: tuple[int, int, int], vendor: tuple[int, int] = (0, 0)) -> None:
        """Waits until our own channel's counters of a task are so, and Huawei's."""
        found: Json = {}

        def look() -> bool:
            found.update(self.call("/push/task/detail", {"list": [task]})["data"][0])
            own = tuple(found[f"mxpush_{what}"] for what in ("target", "sent", "received"))
            return own == expected and tuple(found[f"huawei_{what}"] for what in ("target", "sent")) == vendor

        try:
            wait_for("the counters", PATIENCE, look)
        except Failure as failure:
            raise Failure(f"counters of {task} are {found}, not {expected}") from failure

    def sent(self, task: int) -> bool:
        """Whether a push over our own channel alone was sent to its one device, once that is known: nobody it is for is online,
        or it goes out within moments."""
        deadline = time.monotonic() + SETTLES
        while time.monotonic() < deadline:
            if self.call("/push/task/detail", {"list": [task]})["data"][0]["mxpush_sent"]:
                return True
            time.sleep(0.25)
        return False

    def accepted(self, text: str) -> list[Json]:
        """What vendors accepted of a push."""
        _, body = http("GET", f"{self.vendors}/sandbox/inbox?last=1000")
        return [one for one in json.loads(body)["messages"] if one["body"] == text]


def run(url: str, socket_url: str, vendors: str) -> str:
    """The whole way. Answers what it saw."""
    back_end = BackEnd(url, vendors)
    device = sign_in(socket_url)
    online(back_end, device)
    device.leave()
    away(back_end, socket_url)
    return "a push over a connection, acknowledged and not offered again; combined: the vendor for who is offline alone"


def sign_in(socket_url: str) -> Device:
    """A device opens a connection and says who it is."""
    forged = Device(socket_url, {"app_id": APP, "push-token": "forged"})
    require(not forged.open, "a forged push token opened a connection")
    device = Device(socket_url)
    require(device.open, "the connection was refused")
    device.say({"type": "ping"})
    refused = device.hear()
    require(refused.get("code") == "own_not_signed_in", f"a ping before the login was answered {refused}")
    device.say({"type": "login", "app_id": APP, "push_token": PUSH_TOKEN})
    welcome = device.hear()
    require(welcome.get("type") == "welcome", f"the login was answered {welcome}")
    return device


def online(back_end: BackEnd, device: Device) -> None:
    """The device gets what is pushed to it, and acknowledges it."""
    mark = f"online {time.time_ns()}"
    task = back_end.push(mark)
    frame = device.hear()
    shown = (frame.get("type"), frame.get("task_id"), frame["message"]["body"])
    require(shown == ("message", task, mark), f"the device heard {frame}")
    device.say({"type": "ack", "task_ids": [task]})
    acked = device.hear()
    require(acked.get("task_ids") == [task], f"the acknowledgement was answered {acked}")
    back_end.counted(task, (1, 1, 1))

    # Online, the vendor is not called; another device, which is offline, has its vendor.
    live, away = f"combined online {time.time_ns()}", f"combined offline {time.time_ns()}"
    task, other = back_end.push(live, "combined"), back_end.push(away, "combined", OFFLINE_TOKEN)
    frame = device.hear()
    require(frame.get("task_id") == task and frame["message"]["body"] == live, f"the device heard {frame}")
    device.say({"type": "ack", "task_ids": [task]})
    require(device.hear().get("task_ids") == [task], "the acknowledgement was not answered")
    back_end.counted(task, (1, 1, 1))
    back_end.counted(other, (0, 0, 0), (1, 1))
    require(not back_end.accepted(live), "the vendor was called for a device that is online")
    there = back_end.accepted(away)
    require([one["channel"] for one in there] == ["huawei"], f"the vendor has {there}")


def away(back_end: BackEnd, socket_url: str) -> None:
    """The device has left: its vendor has what may go there, and it is offered the rest when it is back."""
    offline = gone(back_end)
    # The same device has its vendor now.
    mark = f"combined gone {time.time_ns()}"
    task = back_end.push(mark, "combined")
    back_end.counted(task, (0, 0, 0), (1, 1))
    require(len(back_end.accepted(mark)) == 1, f"the vendor has {back_end.accepted(mark)}")

    again = Device(socket_url, {"app_id": APP, "push-token": PUSH_TOKEN})
    require(again.open, "a push token in the handshake was refused")
    again.say({"type": "resume"})
    welcome = again.hear()
    # What was sent while it left is offered. What came before that was acknowledged.
    offered = {message["task_id"] for message in welcome.get("messages", [])}
    require(offered <= offline, f"what was acknowledged was offered again: {welcome}")
    again.leave()
    # Whoever pushes to everybody next finds nobody online.
    gone(back_end)


def gone(back_end: BackEnd) -> set[int]:
    """Waits until the device is known to be offline; the tasks of what was pushed to find out. Whether the gateway is told that
    the connection has closed or finds out by itself: sooner or later nobody gets the next one."""
    pushed = {back_end.push(f"offline {time.time_ns()}")}
    while back_end.sent(max(pushed)):
        require(len(pushed) < MOST_TRIES, "the device has left, and is still sent to")
        time.sleep(0.5)
        pushed.add(back_end.push(f"offline {time.time_ns()}"))
    return pushed


if __name__ == "__main__":
    sys.exit(command("own", "URL SOCKET SANDBOX", lambda given, _: run(*given)))
