"""The events in `tests/events`: one of each function's kind, `<function>.json` or `<function>.<variant>.json`."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass

from .processes import Json
from .template import ROOT, Route

FOLDER = ROOT / "tests" / "events"


@dataclass(frozen=True)
class Event:
    """An event of a function."""

    file: str
    function: str
    payload: Json

    @property
    def kind(self) -> str:
        """`http`, `socket`, `queue` or `schedule`."""
        if "routeKey" in self.payload:
            return "http"
        if "connectionId" in self.payload.get("requestContext", {}):
            return "socket"
        return "queue" if "Records" in self.payload else "schedule"


def events() -> list[Event]:
    """Every event."""
    files = sorted(FOLDER.glob("*.json"))
    return [
        Event(file.name, file.name.split(".")[0], json.loads(file.read_text(encoding="utf-8")))
        for file in files
        if file.name != "env.json"
    ]


@dataclass(frozen=True)
class Call:
    """An HTTP request."""

    method: str
    path_and_query: str
    headers: dict[str, str]
    body: bytes | None


def call_of(payload: Json) -> Call:
    """The request that an HTTP API would have made this event of."""
    query = payload.get("rawQueryString", "")
    body = payload.get("body")
    if body is not None:
        body = base64.b64decode(body) if payload.get("isBase64Encoded") else body.encode()
    ours = {"content-length", "host"}
    headers = {name: value for name, value in payload.get("headers", {}).items() if name.lower() not in ours}
    path = payload["rawPath"] + (f"?{query}" if query else "")
    return Call(payload["requestContext"]["http"]["method"], path, headers, body)


def call_for(route: Route, function: str, known: list[Event]) -> Call:
    """A request that takes `route`: its own event where there is one, otherwise the simplest there can be."""
    key = route.key
    for event in known:
        if event.function == function and event.payload.get("routeKey") == key:
            return call_of(event.payload)
    path = "/" if route.is_default else route.path
    parts = ["x" if part.startswith("{") else part for part in path.split("/")]
    method = "POST" if route.method == "ANY" else route.method
    body = b"{}" if method in ("POST", "PUT") else None
    return Call(method, "/".join(parts), {"content-type": "application/json"} if body else {}, body)
