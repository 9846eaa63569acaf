"""MiniStack: an AWS on this machine, with IAM enforced."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import botocore.config

from .processes import Children, Failure, free_port, http, minimal_environment, wait_for

REGION = "us-east-1"
ROOT_KEY = "test"
"""The credentials of the account's root, as whoever deploys has them."""


class Cloud:
    """A running MiniStack."""

    def __init__(self, children: Children, folder: Path) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.log = folder / "ministack.log"
        temporary = folder / "tmp"
        temporary.mkdir(parents=True, exist_ok=True)
        environment = minimal_environment() | {
            "AUTH": "true",
            "AWS_ACCESS_KEY_ID": ROOT_KEY,
            "AWS_SECRET_ACCESS_KEY": ROOT_KEY,
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(port),
            "LAMBDA_STRICT": "0",
            # The emulator is found wherever this was started.
            "PYTHONPATH": str(Path(__file__).resolve().parents[1]),
            "TMPDIR": str(temporary),
        }
        self._process = children.start([sys.executable, "-m", "deployed.emulator"], environment, self.log)
        wait_for("MiniStack", 30, self._ready)

    def _ready(self) -> bool:
        if self._process.poll() is not None:
            raise Failure(f"MiniStack does not start:\n{self.complaints()}")
        try:
            return http("GET", f"{self.url}/_ministack/health", timeout=2)[0] == 200
        except OSError:
            return False

    def complaints(self, most: int = 20) -> str:
        """The last warnings and errors in MiniStack's own log, or its end when there are none."""
        # Functions' output is in it too, and in the logs.
        lines = [line for line in self.log.read_text(errors="replace").splitlines() if not line.startswith("{")]
        found = [line for line in lines if " WARNING " in line or " ERROR " in line]
        return "\n".join((found or lines)[-most:])

    def client(self, service: str) -> Any:
        """A client in the name of the account's root."""
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=ROOT_KEY,
            aws_secret_access_key=ROOT_KEY,
            config=botocore.config.Config(retries={"max_attempts": 1}, read_timeout=90),
        )


class StandIns:
    """The vendors' stand-ins, and the seed: `upstream.rs` beside this folder."""

    def __init__(self, children: Children, program: Path, folder: Path, name: str = "upstream") -> None:
        self._program = program
        log = folder / f"{name}.log"
        children.start([program, "serve"], minimal_environment(), log)
        ready = "ready "

        def lines() -> list[str]:
            return [line for line in log.read_text().splitlines() if line.startswith(ready)]

        said = json.loads(wait_for("the stand-ins", 10, lambda: lines() or None)[0].removeprefix(ready))
        self.url = str(said["url"])
        """Of the sandbox."""
        self.settings: dict[str, str] = said["settings"]
        """What functions are told of the vendors, by the names of their environment."""

    def seed(self, environment: dict[str, str]) -> None:
        """Writes the demo seed into the tables that a function's environment names."""
        seeded = subprocess.run(
            [self._program, "seed"],
            check=False,
            env=minimal_environment() | environment,
            capture_output=True,
            text=True,
        )
        if seeded.returncode != 0:
            raise Failure(f"the seed cannot be written:\n{seeded.stdout}{seeded.stderr}")
