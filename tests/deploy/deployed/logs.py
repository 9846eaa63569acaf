"""What the deployed functions logged."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from .processes import wait_for
from .stack import Stack

Line = dict[str, Any]


class Logs:
    """Reads the stack's log group, from the last mark on."""

    def __init__(self, stack: Stack) -> None:
        self._client = stack.cloud.client("logs")
        self._group = stack.id("Logs")
        self._old: set[str] = set()

    def mark(self) -> None:
        """From now on only what comes later counts."""
        self._old = {event["logStreamName"] for event in self._events()}

    def _events(self) -> list[dict[str, Any]]:
        return list(self._client.filter_log_events(logGroupName=self._group, limit=10_000)["events"])

    def raw(self) -> list[str]:
        """Lines after the mark, as they are. MiniStack gives each invocation a stream of its own."""
        return [event["message"] for event in self._events() if event["logStreamName"] not in self._old]

    def lines(self) -> list[Line]:
        """Lines after the mark that are our own: JSON with the span of the invocation."""
        parsed = []
        for text in self.raw():
            try:
                line = json.loads(text)
            except ValueError:
                continue
            if isinstance(line, dict) and "span" in line:
                parsed.append(line)
        return parsed

    def wait(self, what: str, fits: Callable[[Line], bool], seconds: float = 15) -> Line:
        """The first line after the mark that fits."""
        return wait_for(what, seconds, lambda: next((line for line in self.lines() if fits(line)), None))

    def shown(self, most: int = 40) -> str:
        """The end of what was logged after the mark, for a person: without metrics and platform lines."""
        lines = [text for text in self.raw() if '"_aws"' not in text and not text.startswith(("END", "REPORT"))]
        return "\n".join(lines[-most:]) or "(nothing was logged)"


def function_of(line: Line) -> str:
    """Which function wrote a line."""
    return str(line["span"].get("function"))
