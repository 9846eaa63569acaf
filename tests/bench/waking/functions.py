"""What is woken: the release binaries, and the environment that they wake up in."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from deployed.processes import Failure
from deployed.template import ROOT, Template

HELLO = "hello"
"""A function that answers a fixed text, built with the same profile: `tests/bench/waking/hello.rs`."""


@dataclass(frozen=True)
class Woken:
    """A binary."""

    name: str
    binary: Path

    @property
    def size(self) -> int:
        """In bytes, as it is packaged."""
        return self.binary.stat().st_size


def functions(folder: Path, only: list[str] | None = None) -> list[Woken]:
    """The hello-world function, then every function of the template, as they lie in a target folder of cargo."""
    names = [function.name for function in Template(ROOT / "template.yaml").functions()]
    unknown = set(only or []) - set(names)
    if unknown:
        raise Failure(f"the template has no {', '.join(sorted(unknown))}")
    found = [Woken(HELLO, folder / "examples" / HELLO)]
    found += [Woken(name, folder / name) for name in names if not only or name in only]
    missing = [one.name for one in found if not one.binary.exists()]
    if missing:
        raise Failure(f"{folder} has no {', '.join(missing)}; without --no-build they are built")
    return found


def environment() -> dict[str, str]:
    """What Lambda sets, and the settings that `sam local` is given for every function. Nothing listens there: waking up
    connects to nothing."""
    settings: dict[str, str] = json.loads((ROOT / "tests" / "events" / "env.json").read_text())["Parameters"]
    return settings | {
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_LAMBDA_FUNCTION_NAME": "woken",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "woken",
        "AWS_SECRET_ACCESS_KEY": "woken",
        "TUISONG_LOG": "info",
    }
