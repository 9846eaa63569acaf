"""Virtual environments with pinned packages, below `.venv`, one per list of pins. Nothing is installed system-wide."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PINS = Path(__file__).resolve().parent / "requirements"


def python_of(name: str, lists: Path = PINS) -> Path:
    """The Python of the environment `name`, which is a list in `lists`; made when it is missing or its pins have changed."""
    pins = lists / f"{name}.txt"
    what = pins.read_bytes() + sys.version.encode()
    folder = ROOT / ".venv" / f"{name}-{hashlib.sha256(what).hexdigest()[:12]}"
    python = folder / "bin" / "python"
    complete = folder / "complete"
    if complete.exists():
        return python
    print(f"installing {pins.relative_to(ROOT)} into {folder.relative_to(ROOT)}", flush=True)
    for old in folder.parent.glob(f"{name}-*"):
        shutil.rmtree(old)
    venv.create(folder, with_pip=True)
    # The lists name everything, so nothing else may come along.
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:"]
    subprocess.run([python, "-m", "pip", "install", *options, "--requirement", pins], check=True)
    complete.touch()
    return python
