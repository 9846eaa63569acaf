"""Format, lints and types of the Python in this folder: `python3 tests/deploy/lint.py`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from venv_of import ROOT, python_of

HERE = Path(__file__).resolve().parent
CHECKS = (
    ("ruff", "format", "--check", "."),
    ("ruff", "check", "."),
    # The clouds' packages are in another environment; what they return is `Any`.
    ("mypy", "--strict", "--ignore-missing-imports", "."),
)

if __name__ == "__main__":
    tools = python_of("lint").parent
    environment = os.environ | {
        "MYPY_CACHE_DIR": str(ROOT / ".venv" / "mypy"),
        "RUFF_CACHE_DIR": str(ROOT / ".venv" / "ruff"),
    }
    wrong = [
        check
        for check in CHECKS
        if subprocess.run([tools / check[0], *check[1:]], cwd=HERE, env=environment, check=False).returncode != 0
    ]
    sys.exit(bool(wrong))
