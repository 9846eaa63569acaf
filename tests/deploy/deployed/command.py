"""What the scripts that walk through the product have in common as commands."""

from __future__ import annotations

import sys
from collections.abc import Callable

from .processes import Failure


def command(script: str, usage: str, walk: Callable[[list[str], list[str]], str]) -> int:
    """Runs `walk` with the arguments that `usage` names and a list for what nobody may find in a log, and prints what it saw.

    With one argument more, that list is written to the file of that name, one a line. Answers the exit code: 1 when
    something is not as it must be, or nobody answers, 2 when arguments are missing.
    """
    needed = len(usage.split())
    arguments, files = sys.argv[1 : needed + 1], sys.argv[needed + 1 :]
    if len(arguments) < needed:
        print(f"usage: python3 -m deployed.{script} {usage}", file=sys.stderr)
        return 2
    secrets: list[str] = []
    try:
        print(walk(arguments, secrets))
    except (Failure, OSError) as failure:
        print(f"{script}: {failure}", file=sys.stderr)
        return 1
    finally:
        for file in files:
            with open(file, "a", encoding="utf-8") as written:
                written.writelines(f"{secret}\n" for secret in secrets)
    return 0
