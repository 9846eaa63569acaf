"""Children of this process, ended with it, and free ports."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, TypeVar

T = TypeVar("T")
Json = dict[str, Any]


class Failure(Exception):
    """Something is not as it must be; the text says what."""


def require(holds: bool, otherwise: str) -> None:
    """Raises unless `holds`."""
    if not holds:
        raise Failure(otherwise)


class Children:
    """Processes that end when this does, with whatever they started themselves."""

    def __init__(self) -> None:
        self._running: list[subprocess.Popen[bytes]] = []

    def start(
        self, command: Sequence[str | Path], environment: Mapping[str, str], log: Path
    ) -> subprocess.Popen[bytes]:
        """Starts a process in a group of its own, its output going to `log`."""
        output: IO[bytes]
        with log.open("wb") as output:
            child = subprocess.Popen(
                [str(word) for word in command],
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._running.append(child)
        return child

    def stop(self, child: subprocess.Popen[bytes]) -> None:
        """Ends one process and its group."""
        self._running.remove(child)
        for sign, patience in ((signal.SIGTERM, 3), (signal.SIGKILL, 3)):
            try:
                os.killpg(child.pid, sign)
                child.wait(patience)
            except subprocess.TimeoutExpired:
                continue
            except ProcessLookupError:
                break

    def stop_all(self) -> None:
        """Ends everything that still runs."""
        for child in list(self._running):
            self.stop(child)


def minimal_environment() -> dict[str, str]:
    """What a child inherits: enough to run, and nothing of AWS."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TERM") if name in os.environ}


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def wait_for(what: str, seconds: float, look: Callable[[], T | None], every: float = 0.1) -> T:
    """What `look` finds, as soon as that is something."""
    end = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > end:
            raise Failure(f"{what}: not within {seconds:g} s")
        time.sleep(every)


def http(
    method: str,
    url: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: float = 30,
) -> tuple[int, bytes]:
    """Status and body of an answer, whatever the status."""
    request = urllib.request.Request(url, data=body, headers=dict(headers or {}), method=method)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as answer:
        return answer.code, answer.read()
