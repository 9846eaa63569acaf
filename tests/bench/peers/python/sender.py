"""aioapns against the stand-in for APNs: `python sender.py <vendors.json> <count>`."""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aioapns import APNs, NotificationRequest, PushType, connection

IN_FLIGHT = 100


def with_token(token: str, make: Callable[..., Any], **settings: str) -> Any:
    """The library's own provider of tokens, which has made this one already. Apple takes one new token in twenty minutes of
    a key, and so does the stand-in: all clients show the same one."""
    provider = make(**settings)
    provider._JWTAuthorizationHeaderProvider__header = f"bearer {token}"
    provider._JWTAuthorizationHeaderProvider__issued_at = int(time.time())
    return provider


async def run(vendors: dict[str, Any], count: int) -> dict[str, Any]:
    """Sends; what that cost this process. The first notification, which connects, is not counted."""
    url = urlsplit(vendors["apns"])
    original = connection.JWTAuthorizationHeaderProvider
    connection.JWTAuthorizationHeaderProvider = partial(with_token, vendors["apns_jwt"], original)
    # Apple's host is built in, as an attribute of the class.
    connection.APNsProductionClientProtocol.APNS_SERVER = url.hostname
    connection.APNsProductionClientProtocol.APNS_PORT = url.port
    context = ssl.create_default_context(cafile=vendors["root"])
    context.set_alpn_protocols(["h2"])
    apns = APNs(
        key=Path(vendors["apns_key"]).read_text(encoding="utf-8"),
        key_id=vendors["key_id"],
        team_id=vendors["team_id"],
        topic=vendors["topic"],
        max_connections=1,
        ssl_context=context,
    )
    payload = json.loads(vendors["payload"])

    async def send(number: int) -> None:
        request = NotificationRequest(
            device_token=f"{number:064x}", message=payload, time_to_live=3600, priority=10, push_type=PushType.ALERT
        )
        answer = await apns.send_notification(request)
        if not answer.is_successful:
            raise SystemExit(f"not accepted: {answer.status} {answer.description}")

    await send(0)
    numbers = iter(range(1, count + 1))
    cpu, started = time.process_time(), time.monotonic()

    async def worker() -> None:
        for number in numbers:
            await send(number)

    await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))
    return {
        "name": "aioapns",
        "version": version("aioapns"),
        "deliveries": count,
        "cpu_seconds": time.process_time() - cpu,
        "seconds": time.monotonic() - started,
    }


if __name__ == "__main__":
    known = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    print(json.dumps(asyncio.run(run(known, int(sys.argv[2])))))
