"""The events in `tests/events` through the Runtime Interface Emulator, which is what `sam local invoke` runs a function
in. It ships in aws-sam-cli and runs a bootstrap directly, without a container."""

from __future__ import annotations

import json
import stat
import sysconfig
from pathlib import Path
from typing import Any

from .drive import Driver
from .events import Event, events
from .processes import Children, Failure, free_port, http, minimal_environment, require, wait_for
from .stack import architecture

INVOKE = "/2015-03-31/functions/function/invocations"


class Emulator:
    """The emulator around one bootstrap."""

    def __init__(self, children: Children, bootstrap: Path, environment: dict[str, str], log: Path) -> None:
        self._children = children
        port = free_port()
        self.url = f"http://127.0.0.1:{port}{INVOKE}"
        self.log = log
        packages = Path(sysconfig.get_paths()["purelib"])
        program = packages / "samcli" / "local" / "rapid" / f"aws-lambda-rie-{architecture()}"
        # It is data of its package, and data is not executable.
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        addresses = [f"--runtime-interface-emulator-address=127.0.0.1:{port}"]
        addresses.append(f"--runtime-api-address=127.0.0.1:{free_port()}")
        self._process = children.start([program, *addresses, bootstrap], minimal_environment() | environment, log)

    def invoke(self, payload: Any) -> Any:
        """What the function answers."""

        def ask() -> tuple[int, bytes] | None:
            try:
                return http("POST", self.url, json.dumps(payload).encode(), timeout=60)
            except OSError:
                return None

        status, body = wait_for("the emulator", 20, ask)
        require(status == 200, f"the emulator answered {status}: {body!r}")
        return json.loads(body)

    def stop(self) -> None:
        """Ends it."""
        self._children.stop(self._process)


def fits(event: Event, answer: Any) -> str | None:
    """What is wrong with an answer to an event of its kind."""
    match event.kind, answer:
        case "http" | "socket", {"statusCode": int(status)} if status < 500:
            return None
        case "queue", {"batchItemFailures": list(failed)}:
            known = {record["messageId"] for record in event.payload["Records"]}
            return (
                None if {one["itemIdentifier"] for one in failed} <= known else "names messages that it was not given"
            )
        case "schedule", None:
            return None
    return "is no answer to an event of this kind"


def run(driver: Driver, children: Children, binaries: Path, folder: Path) -> str:
    """Each function takes its events, in the environment that it has in the stack."""
    by_name = {function.name: function for function in driver.stack.template.functions()}
    wrong, count = [], 0
    named: set[str] = set()
    for event in events():
        function = by_name.get(event.function)
        if function is None:
            wrong.append(f"{event.file}: the template has no function `{event.function}`")
            continue
        named.add(event.function)
        count += 1
        environment = driver.stack.environment(function.logical_id) | {"TUISONG_LOG": "debug"}
        emulator = Emulator(children, binaries / function.name, environment, folder / f"rie-{event.file}.log")
        try:
            answer = emulator.invoke(event.payload)
            problem = fits(event, answer)
            if problem is None and f'"function":"{function.name}"' not in emulator.log.read_text():
                problem = "came without a log line of the function"
        except (Failure, ValueError) as failure:
            answer, problem = None, str(failure)
        finally:
            emulator.stop()
        if problem is not None:
            wrong.append(f"{event.file}: the answer {answer} {problem}\n{emulator.log.read_text()[-3000:]}")
    wrong += [f"`{name}` has no event" for name in sorted(by_name.keys() - named)]
    require(not wrong, "\n".join(wrong))
    return f"{count} events"
