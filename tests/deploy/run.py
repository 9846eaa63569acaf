"""The template, deployed whole: `python3 tests/deploy/run.py`. Runs with any Python that can make an environment.

The work is done by `deployed/` in an environment of its own, which has the cloud in it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from venv_of import python_of

HERE = Path(__file__).resolve().parent

if __name__ == "__main__":
    python = python_of("cloud")
    os.chdir(HERE)
    os.execv(python, [str(python), "-m", "deployed", *sys.argv[1:]])
