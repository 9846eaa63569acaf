"""Builds what `sam deploy` deploys, and checks that it runs on Amazon Linux 2023.

`python3 tests/deploy/package.py [--architecture x86_64|arm64]` runs `sam build` with SAM, cargo-lambda and a linker for an
old glibc, all from pinned packages, and then asks of every bootstrap which glibc it needs.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from pathlib import Path

from venv_of import ROOT, python_of

NEWEST = (2, 34)
"""The glibc of Amazon Linux 2023, on which `provided.al2023` runs."""
MOST_BYTES = 16 * 1024 * 1024
"""A binary is fetched and mapped before its function can wake up. 14 MB is what the largest has; what goes far beyond has taken in
something that it does not need."""
SYMBOL = re.compile(r"GLIBC_(\d+)\.(\d+)")
MACHINES = {"x86_64": "X86-64", "arm64": "AArch64"}


def needs(binary: Path) -> tuple[int, int]:
    """The newest glibc whose symbols a binary asks for."""
    shown = subprocess.run(["readelf", "--version-info", "--wide", binary], capture_output=True, text=True, check=True)
    versions = [(int(major), int(minor)) for major, minor in SYMBOL.findall(shown.stdout)]
    if not versions:
        sys.exit(f"{binary} asks for no glibc at all; is it a function?")
    return max(versions)


def machine(binary: Path) -> str:
    """What a binary runs on, in readelf's words."""
    shown = subprocess.run(["readelf", "--file-header", binary], capture_output=True, text=True, check=True)
    return next(line.split(":", 1)[1].strip() for line in shown.stdout.splitlines() if "Machine:" in line)


def check(folder: Path, architecture: str) -> int:
    """Checks every bootstrap below `folder`; how many there are."""
    bootstraps = sorted(folder.glob("*/bootstrap"))
    for bootstrap in bootstraps:
        major, minor = needs(bootstrap)
        print(
            f"{bootstrap.parent.name}: {machine(bootstrap)}, needs glibc {major}.{minor}, {bootstrap.stat().st_size} bytes"
        )
        if (major, minor) > NEWEST:
            sys.exit(f"{bootstrap} needs a newer glibc than Amazon Linux 2023 has, {NEWEST[0]}.{NEWEST[1]}")
        if bootstrap.stat().st_size > MOST_BYTES:
            sys.exit(f"{bootstrap} has more than {MOST_BYTES} bytes")
        if MACHINES[architecture] not in machine(bootstrap):
            sys.exit(f"{bootstrap} is not for {architecture}")
    if not bootstraps:
        sys.exit(f"no bootstrap in {folder}")
    return len(bootstraps)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--architecture", choices=sorted(MACHINES), default="arm64")
    parser.add_argument("--check-only", action="store_true", help="check what was built before")
    parser.add_argument("--build-dir", type=Path, default=ROOT / ".aws-sam" / "build")
    arguments = parser.parse_args()
    started = time.monotonic()
    if not arguments.check_only:
        tools = python_of("sam").parent
        # SAM looks for cargo-lambda in the path, and cargo-lambda for a Python that has the linker.
        environment = os.environ | {"PATH": f"{tools}{os.pathsep}{os.environ['PATH']}", "SAM_CLI_TELEMETRY": "0"}
        overrides = f"Architecture={arguments.architecture}"
        command = [tools / "sam", "build", "--parameter-overrides", overrides, "--build-dir", arguments.build_dir]
        subprocess.run(command, cwd=ROOT, env=environment, check=True)
    count = check(arguments.build_dir, arguments.architecture)
    print(
        f"{count} functions in {time.monotonic() - started:.0f} s; `sam deploy --parameter-overrides "
        f"Architecture={arguments.architecture}` deploys them"
    )


if __name__ == "__main__":
    main()
