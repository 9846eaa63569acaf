"""Release profiles beside each other: what each costs to build, and what its binaries cost to wake and to run.

`tests/bench/waking/profiles z/thin s/off 3/off` builds three binaries under each, in a target folder of its own (some
minutes each), and counts instructions. It writes nothing: the choice stands in `Cargo.toml`, and what is
known of the alternatives in `tests/bench/notes/profile.md`.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from deployed.processes import Children, Failure
from deployed.template import ROOT

from .counts import instructions
from .functions import HELLO, Woken
from .world import World, batch, event

ENDPOINT = "wxpusher-send"
WORKER = "deliver"
DELIVERIES = 100
"""How many more the larger of two batches has."""


@dataclass(frozen=True)
class Profile:
    """An alternative to the release profile."""

    opt_level: str
    lto: str

    @staticmethod
    def read(text: str) -> Profile:
        """`s/off`: the optimisation level and the kind of link-time optimisation."""
        opt_level, _, lto = text.partition("/")
        if opt_level not in ("1", "2", "3", "s", "z") or lto not in ("off", "thin", "fat"):
            raise argparse.ArgumentTypeError(f"`{text}` is not like `z/thin`, `s/off` or `3/fat`")
        return Profile(opt_level, lto)

    def __str__(self) -> str:
        return f"{self.opt_level}/{self.lto}"

    def build(self, target: Path, *binaries: str) -> float:
        """Builds, and answers how many seconds of CPU that took."""
        level = self.opt_level if self.opt_level.isdigit() else f'"{self.opt_level}"'
        settings = [f"profile.release.opt-level={level}", f'profile.release.lto="{self.lto}"']
        command = [
            "cargo",
            "build",
            "--quiet",
            "--release",
            "--target-dir",
            str(target),
        ]
        command += [word for setting in settings for word in ("--config", setting)]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([*command, *binaries], cwd=ROOT, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measured(profile: Profile, children: Children, world: World, folder: Path) -> str:
    """One line of the table."""
    target = ROOT / "target" / "profiles" / str(profile).replace("/", "-")
    first = profile.build(target, "--bin", ENDPOINT, "--example", HELLO)
    another = profile.build(target, "--bin", WORKER)
    release = target / "release"
    hello, endpoint, worker = (
        Woken(HELLO, release / "examples" / HELLO),
        Woken(ENDPOINT, release / ENDPOINT),
        Woken(WORKER, release / WORKER),
    )
    init = instructions(children, endpoint, folder)
    figures = [
        first,
        another,
        hello.size,
        endpoint.size,
        worker.size,
        instructions(children, hello, folder),
        init,
        instructions(children, worker, folder),
        instructions(children, endpoint, folder, settings=world.environment, events=[event(ENDPOINT)], holds=accepted)
        - init,
        deliveries(children, world, worker, folder) / DELIVERIES,
    ]
    return " ".join([f"{profile!s:10}", *(f"{figure:>13,.0f}" for figure in figures)])


def deliveries(children: Children, world: World, worker: Woken, folder: Path) -> int:
    """What so many more deliveries take, in a process that has done a batch before."""

    def both(*events: str) -> int:
        return instructions(children, worker, folder, settings=world.environment, events=events, holds=acknowledged)

    return both(batch(12), batch(10 + DELIVERIES)) - both(batch(11), batch(10))


def accepted(answer: str) -> bool:
    """Whether an endpoint of WxPusher's family took what it was sent."""
    return bool(json.loads(json.loads(answer)["body"])["code"] == 1000)


def acknowledged(answer: str) -> bool:
    """Whether a worker is done with every message."""
    return bool(json.loads(answer) == {"batchItemFailures": []})


HEADS = (
    "build CPU s",
    "one more bin",
    "hello bytes",
    "send bytes",
    "deliver bytes",
    "hello init",
    "send init",
    "deliver init",
    "first answer",
    "per delivery",
)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="tests/bench/waking/profiles", description=__doc__)
    parser.add_argument("profiles", type=Profile.read, nargs="+", help="for example z/thin s/off 3/off")
    arguments = parser.parse_args()
    children = Children()
    print(" ".join([f"{'profile':10}", *(f"{head:>13}" for head in HEADS)]), flush=True)
    try:
        subprocess.run(["cargo", "build", "--quiet", "--workspace", "--bin", "upstream"], cwd=ROOT, check=True)
        upstream = ROOT / "target" / "debug" / "upstream"
        for profile in arguments.profiles:
            with tempfile.TemporaryDirectory(prefix="profiles-") as folder:
                # A world of its own: nothing of what the others sent is in it.
                world = World(children, upstream, Path(folder))
                print(measured(profile, children, world, Path(folder)), flush=True)
                children.stop_all()
    except (Failure, subprocess.CalledProcessError) as failure:
        print(f"profiles: FAILED: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        children.stop_all()
    return 0


if __name__ == "__main__":
    sys.exit(main())
