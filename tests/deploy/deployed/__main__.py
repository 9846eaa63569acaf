"""Builds, lints, deploys, drives. Ends with 0 when everything holds; otherwise shows what the functions logged."""

from __future__ import annotations

import argparse
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from . import rie
from .cloud import Cloud, StandIns
from .drive import CHECKS, Driver
from .egress import FixedEgress
from .lint import lint
from .logs import Logs
from .processes import Children, Failure
from .stack import Stack
from .template import ROOT, Template

CARGO = ["cargo", "build", "--quiet", "--workspace", "--bins"]


def step(name: str, work: Callable[[], object]) -> object:
    """Does one thing and says how long it took."""
    started = time.monotonic()
    result = work()
    said = f": {result}" if isinstance(result, str) else ""
    print(f"deploy: {name} {time.monotonic() - started:.1f} s{said}", flush=True)
    return result


def build(target: Path) -> str:
    """All binaries, in the profile that is fastest to build."""
    subprocess.run([*CARGO, "--target-dir", target], cwd=ROOT, check=True)
    return str((target / "debug").relative_to(ROOT))


def packaged(template: Template, packages: Path, built: Path, folder: Path) -> Path:
    """A folder with the functions of `make package` under the names that cargo gives them, and our own program for the test."""
    binaries = folder / "packaged"
    binaries.mkdir()
    for function in template.functions():
        (binaries / function.name).symlink_to(packages / function.logical_id / "bootstrap")
    (binaries / "upstream").symlink_to(built / "upstream")
    return binaries


def run(children: Children, folder: Path, arguments: argparse.Namespace) -> int:
    """Everything. The number of checks that failed."""
    target: Path = arguments.target_dir
    template, binaries = Template(arguments.template), target / "debug"
    if not arguments.no_build:
        step("build", lambda: build(target))
    if arguments.packaged:
        binaries = packaged(template, arguments.packaged.resolve(), binaries, folder)
    step("lint", lambda: lint(template, folder))
    cloud = Cloud(children, folder)
    vendors = StandIns(children, binaries / "upstream", folder)
    started = time.monotonic()
    stack = Stack(cloud, template, binaries, vendors.settings)
    print(f"deploy: stack {time.monotonic() - started:.1f} s: {len(template.functions())} functions", flush=True)
    vendors.seed(stack.environment("RefreshTokensFunction"))
    driver = Driver(stack, vendors, Logs(stack))
    checks: list[tuple[str, Callable[[], object]]] = [(check.__name__, partial(check, driver)) for check in CHECKS]
    checks.insert(-1, ("events", lambda: rie.run(driver, children, binaries, folder)))
    # Its message waits for a schedule while the others are at work.
    fixed = FixedEgress(children, driver, binaries, folder)
    checks.insert(2, ("egress_begins", fixed.begin))
    checks.append(("egress", fixed.run))
    failed = 0
    for name, check in checks:
        if arguments.checks and name not in arguments.checks:
            continue
        try:
            step(name, check)
        except Exception as failure:  # noqa: BLE001 - whatever it is, the logs say more, and the other checks too
            failed += 1
            why = str(failure) if isinstance(failure, Failure) else repr(failure)
            print(f"deploy: {name} FAILED: {why}", file=sys.stderr)
            print(f"--- what the functions logged meanwhile\n{driver.logs.shown()}", file=sys.stderr)
            print(f"--- what the cloud complains of\n{cloud.complaints()}", file=sys.stderr, flush=True)
    return failed


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="tests/deploy/run", description=__doc__)
    parser.add_argument("--target-dir", type=Path, default=ROOT / "target", help="where cargo builds")
    parser.add_argument("--no-build", action="store_true", help="drive what was built before")
    parser.add_argument("--packaged", type=Path, help="drive the functions in here, which `make package` built")
    parser.add_argument("--template", type=Path, default=ROOT / "template.yaml", help="deploy this one instead")
    parser.add_argument("--checks", nargs="*", help="only these checks")
    arguments = parser.parse_args()
    arguments.target_dir = arguments.target_dir.resolve()
    folder: Path = arguments.target_dir / "deploy"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    children = Children()
    # Ended from outside, it still ends what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    started = time.monotonic()
    try:
        failed = run(children, folder, arguments)
    except Failure as failure:
        print(f"deploy: FAILED: {failure}", file=sys.stderr)
        failed = 1
    except subprocess.CalledProcessError as failure:
        print(f"deploy: FAILED: {failure}", file=sys.stderr)
        failed = 1
    except KeyboardInterrupt:
        return 130
    finally:
        children.stop_all()
        shutil.rmtree(folder / "tmp", ignore_errors=True)
    print(f"deploy: {'FAILED' if failed else 'all well'} in {time.monotonic() - started:.0f} s", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
