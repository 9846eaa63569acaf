"""aioapns against the stand-in for APNs: `python sender.py <vendors.json> <count>`."""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aioapns import APNs, NotificationRequest, PushType
from aioapns.connection import APNsProductionClientProtocol

IN_FLIGHT = 100


async def run(vendors: dict[str, Any], count: int) -> dict[str, Any]:
    """Sends; what that cost this process. The first notification, which connects, is not counted."""
    url = urlsplit(vendors["apns"])
    # Apple's host is built in, as an attribute of the class.
    APNsProductionClientProtocol.APNS_SERVER = url.hostname
    APNsProductionClientProtocol.APNS_PORT = url.port
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
