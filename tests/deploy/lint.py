"""Format, lints and types of the Python in this folder and in the bench: `python3 tests/deploy/lint.py`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from venv_of import ROOT, python_of

HERE = Path(__file__).resolve().parent
BENCH = HERE.parent / "bench"
FOLDERS = (".", "../bench")
# The clouds' packages are in another environment; what they return is `Any`.
TYPES = ("mypy", "--strict", "--ignore-missing-imports")
CHECKS = (
    ("ruff", "format", "--config=ruff.toml", "--check", *FOLDERS),
    ("ruff", "check", "--config=ruff.toml", *FOLDERS),
    (*TYPES, "."),
    (*TYPES, "--package", "waking"),
    (*TYPES, "../bench/peers/run.py", "../bench/peers/python/sender.py"),
)

if __name__ == "__main__":
    tools = python_of("lint").parent
    environment = os.environ | {
        "MYPYPATH": os.pathsep.join([str(HERE), str(BENCH)]),
        "MYPY_CACHE_DIR": str(ROOT / ".venv" / "mypy"),
        "RUFF_CACHE_DIR": str(ROOT / ".venv" / "ruff"),
    }
    wrong = [
        check
        for check in CHECKS
        if subprocess.run([tools / check[0], *check[1:]], cwd=HERE, env=environment, check=False).returncode != 0
    ]
    sys.exit(bool(wrong))
