"""Wakes every release binary, again and again: how long its init takes, how many instructions, and how large it is,
beside a hello-world function that was built with the same profile.

Times are of this machine and noisy; sizes and instructions are not. A binary that is too large is a failure, a slow one a
missed target in the table.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from deployed.processes import Children, Failure
from deployed.template import ROOT
from package import MOST_BYTES

from . import counts
from .emulator import init_ms
from .functions import HELLO, Woken, functions

DELIVER = "deliver"
"""The one function that knows every vendor."""
TIMES_HELLO = {DELIVER: 3.0}
"""How much longer than the hello-world function a function may take to wake up, if not `ENDPOINT_TIMES_HELLO`."""
ENDPOINT_TIMES_HELLO = 2.0
SOME = ["wxpusher-send", "mobile-notify", "fanout", DELIVER]
"""Enough for a quick look: each takes about a minute of CPU to build."""


@dataclass
class Waking:
    """What was measured of one binary."""

    woken: Woken
    inits_ms: list[float] = field(default_factory=list)
    instructions: int | None = None

    @property
    def init_ms(self) -> float:
        """The median."""
        return statistics.median(self.inits_ms)


def build(target: Path, only: list[str] | None) -> Path:
    """The release binaries and the hello-world function; the folder they are in."""
    binaries = [word for name in only for word in ("--bin", name)] if only else ["--bins"]
    # With the features that they are deployed with: `sam build` builds the workspace's default members, too.
    command = ["cargo", "build", "--release", *binaries, "--example", HELLO]
    subprocess.run([*command, "--target-dir", str(target)], cwd=ROOT, check=True)
    return target / "release"


def measure(children: Children, wakings: list[Waking], starts: int, folder: Path) -> None:
    """`starts` rounds, in each of which every binary is started once: what else the machine does hits all alike."""
    for number in range(1, starts + 1):
        for waking in wakings:
            waking.inits_ms.append(init_ms(children, waking.woken, folder / "emulator.log"))
        print(f"waking: round {number} of {starts}", file=sys.stderr, flush=True)


def count(children: Children, wakings: list[Waking], folder: Path) -> None:
    """The instructions of each."""
    if not counts.available():
        print("waking: SKIPPED: instructions were NOT counted: there is no valgrind", file=sys.stderr, flush=True)
        return
    for waking in wakings:
        waking.instructions = counts.instructions(children, waking.woken, folder)


def rows(wakings: list[Waking]) -> list[dict[str, object]]:
    """As the bench's table takes them."""
    hello = next(one for one in wakings if one.woken.name == HELLO)
    found: list[dict[str, object]] = []
    for waking in wakings:
        name, peer = waking.woken.name, waking is hello
        most = None if peer else TIMES_HELLO.get(name, ENDPOINT_TIMES_HELLO)
        common = {"name": name, "better": "lower", "peer": peer}
        if waking.inits_ms:
            times = waking.init_ms / hello.init_ms
            found.append(
                {
                    **common,
                    "section": "waking",
                    "value": round(waking.init_ms, 3),
                    "unit": "ms of init, median",
                    "target": None if most is None else round(most * hello.init_ms, 3),
                    "note": f"{times:.2f} x hello; {min(waking.inits_ms):.2f} to {max(waking.inits_ms):.2f} ms",
                    "instructions": waking.instructions,
                }
            )
        found.append(
            {
                **common,
                "section": "size",
                "value": waking.woken.size,
                "unit": "bytes",
                "target": None if peer else MOST_BYTES,
                "note": "",
            }
        )
    return found


def table(wakings: list[Waking]) -> str:
    """For people."""
    hello = wakings[0]
    lines = [f"{'function':32} {'bytes':>12} {'init ms':>9} {'x hello':>8} {'instructions':>14} {'x hello':>8}"]
    for waking in wakings:
        line = f"{waking.woken.name:32} {waking.woken.size:12,}"
        if waking.inits_ms:
            line += f" {waking.init_ms:9.2f} {waking.init_ms / hello.init_ms:8.2f}"
        else:
            line += f" {'-':>9} {'-':>8}"
        if waking.instructions and hello.instructions:
            line += f" {waking.instructions:14,} {waking.instructions / hello.instructions:8.2f}"
        lines.append(line)
    return "\n".join(lines)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="tests/bench/waking/run", description=__doc__)
    parser.add_argument("--target-dir", type=Path, default=ROOT / "target", help="where cargo builds")
    parser.add_argument("--build", action="store_true", help="build and end: that is not to be timed")
    parser.add_argument("--no-build", action="store_true", help="measure what was built before")
    quick = bool(os.environ.get("QUICK"))
    parser.add_argument("--starts", type=int, default=5 if quick else 20, help="per binary")
    some = SOME if quick else None
    parser.add_argument("--only", nargs="*", default=some, help="only these functions, beside the hello-world one")
    parser.add_argument("--no-instructions", action="store_true", help="leave callgrind out")
    parser.add_argument("--keep", type=Path, help="keep logs and what callgrind counted in this folder")
    arguments = parser.parse_args()
    target: Path = arguments.target_dir.resolve()
    children = Children()
    folder = arguments.keep or Path(tempfile.mkdtemp(prefix="waking-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        binaries = target / "release" if arguments.no_build else build(target, arguments.only)
        if arguments.build:
            return 0
        wakings = [Waking(woken) for woken in functions(binaries, arguments.only)]
        measure(children, wakings, arguments.starts, folder)
        if not arguments.no_instructions:
            count(children, wakings, folder)
    except (Failure, subprocess.CalledProcessError) as failure:
        print(f"waking: FAILED: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        children.stop_all()
        if not arguments.keep:
            shutil.rmtree(folder, ignore_errors=True)
    print(table(wakings))
    if kept := os.environ.get("BENCH_ROWS"):
        with Path(kept).open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows(wakings))
    large = [waking.woken.name for waking in wakings if waking.woken.size > MOST_BYTES]
    if large:
        print(f"waking: FAILED: more than {MOST_BYTES} bytes: {', '.join(large)}", file=sys.stderr)
    return 1 if large else 0


if __name__ == "__main__":
    sys.exit(main())
