"""How quickly functions wake up: `python3 tests/bench/waking/run.py --help`. Runs with any Python that can make an
environment; the emulator that it measures under is in the one that `tests/deploy` has.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

BENCH = Path(__file__).resolve().parents[1]
DEPLOY = BENCH.parent / "deploy"
sys.path.insert(0, str(DEPLOY))

from venv_of import python_of

if __name__ == "__main__":
    python = python_of("cloud")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(BENCH), str(DEPLOY)])
    module, arguments = ("waking", sys.argv[1:]) if sys.argv[1:2] != ["profiles"] else ("waking.profiles", sys.argv[2:])
    os.execv(python, [str(python), "-m", module, *arguments])
