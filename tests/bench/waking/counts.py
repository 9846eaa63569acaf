"""What a wake-up and the work after it take, in instructions: unlike milliseconds they are the same on a busy machine.
Counted by callgrind, with a Runtime API of our own before the function."""

from __future__ import annotations

import re
import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from deployed.processes import Children, Failure, minimal_environment, wait_for

from .functions import Woken, environment

TOTAL = re.compile(r"^totals: (\d+)", re.MULTILINE)
VERSION = "/2018-06-01/runtime"


def available() -> bool:
    """Whether there is a callgrind."""
    return shutil.which("valgrind") is not None


class Api:
    """Lambda's Runtime API for one function: hands out events, keeps what the function answers."""

    def __init__(self, events: Sequence[str]) -> None:
        self._events = list(events)
        self._over = threading.Event()
        self.idle = threading.Event()
        """Set once the function asks for an event and there is none left."""
        self.answers: list[str] = []
        """What it answered, in order."""
        self.failures: list[str] = []
        """What it reported as an error instead."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        """As `AWS_LAMBDA_RUNTIME_API` has it."""
        host, port = self._server.server_address[:2]
        return f"{host!s}:{port}"

    def close(self) -> None:
        """Ends it; a function that still waits for an event waits in vain."""
        self._over.set()
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                if self.path != f"{VERSION}/invocation/next":
                    self._answer(404, b"{}")
                elif api._events:
                    self._answer(200, api._events.pop(0).encode())
                else:
                    api.idle.set()
                    api._over.wait()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode(errors="replace")
                if self.headers.get("transfer-encoding") == "chunked":
                    body = self._chunks()
                (api.answers if self.path.endswith("/response") else api.failures).append(body)
                self._answer(202, b"{}")

            def _chunks(self) -> str:
                parts = b""
                while size := int(self.rfile.readline(), 16):
                    parts += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return parts.decode(errors="replace")

            def _answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.send_header("lambda-runtime-aws-request-id", f"request-{time.monotonic_ns()}")
                # A function under callgrind is fifty times slower.
                self.send_header("lambda-runtime-deadline-ms", str(int((time.time() + 600) * 1000)))
                self.send_header(
                    "lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:123456789012:function:woken"
                )
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler


def instructions(
    children: Children,
    woken: Woken,
    folder: Path,
    *,
    settings: Mapping[str, str] | None = None,
    events: Sequence[str] = (),
    holds: Callable[[str], bool] = lambda answer: True,
) -> int:
    """How many instructions a fresh start executes until it has answered all `events`, each so that it `holds`, and
    asks for another one."""
    counted = folder / f"callgrind-{woken.name}-{len(events)}.out"
    log = folder / f"callgrind-{woken.name}-{len(events)}.log"
    api = Api(events)
    try:
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={counted}", str(woken.binary)]
        process = children.start(
            command,
            minimal_environment() | dict(settings or environment()) | {"AWS_LAMBDA_RUNTIME_API": api.address},
            log,
        )

        def idle() -> bool:
            if process.poll() is not None:
                raise Failure(f"{woken.name} ended under callgrind:\n{log.read_text()[-2000:]}")
            return api.idle.is_set()

        wait_for(f"{woken.name} under callgrind", 300, idle)
        # Valgrind writes what it counted when the process is asked to end.
        children.stop(process)
    finally:
        api.close()
    if api.failures or len(api.answers) != len(events) or not all(map(holds, api.answers)):
        raise Failure(f"{woken.name} did not answer: {api.failures} {api.answers}\n{log.read_text()[-2000:]}")
    found = TOTAL.search(counted.read_text(errors="replace"))
    if found is None:
        raise Failure(f"callgrind counted nothing of {woken.name}:\n{log.read_text()[-2000:]}")
    return int(found[1])
