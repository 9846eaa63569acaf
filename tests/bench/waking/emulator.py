"""Init under Lambda's Runtime Interface Emulator: from the start of the process until it asks for its first event."""

from __future__ import annotations

import re
import threading
from pathlib import Path

from deployed.processes import Children, Failure, wait_for
from deployed.rie import Emulator

from .functions import Woken, environment

INIT = re.compile(r"INIT REPORT\(durationMs: ([0-9.]+)")
"""The emulator's own figure. The Init Duration of its REPORT line is another, and wrong."""


def init_ms(children: Children, woken: Woken, log: Path) -> float:
    """One fresh start, in milliseconds."""
    emulator = Emulator(children, woken.binary, environment(), log)
    # The emulator starts a function when somebody calls it. What the function answers is of no interest.
    threading.Thread(target=_call, args=[emulator], daemon=True).start()
    try:
        return wait_for(f"the init of {woken.name}", 20, lambda: _reported(log), every=0.01)
    finally:
        emulator.stop()


def _call(emulator: Emulator) -> None:
    try:
        emulator.invoke({})
    except (Failure, OSError, ValueError):
        pass


def _reported(log: Path) -> float | None:
    found = INIT.search(log.read_text(errors="replace"))
    return float(found[1]) if found else None
