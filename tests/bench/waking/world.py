"""What functions talk to once they are awake: tables and queues of an AWS on this machine, stand-ins, the demo seed.

Not the template deployed, which `tests/deploy` does: things are named as `tests/events/env.json` names them.
"""

from __future__ import annotations

import json
import secrets
import time
from pathlib import Path

from deployed.cloud import Cloud, StandIns
from deployed.processes import Children
from deployed.template import ROOT, Template

from .functions import environment


class World:
    """A cloud with the demo seed in it, and stand-ins beside it."""

    def __init__(self, children: Children, upstream: Path, folder: Path) -> None:
        cloud = Cloud(children, folder)
        self._vendors = StandIns(children, upstream, folder)
        template = Template(ROOT / "template.yaml")
        dynamodb, sqs = cloud.client("dynamodb"), cloud.client("sqs")
        for name, table in template.of_type("AWS::DynamoDB::Table"):
            properties = table["Properties"]
            wanted = {key: properties[key] for key in ("AttributeDefinitions", "KeySchema", "BillingMode")}
            dynamodb.create_table(TableName=name, **wanted)
        for name, _ in template.of_type("AWS::SQS::Queue"):
            sqs.create_queue(QueueName=name)
        cloud.client("s3").create_bucket(Bucket=environment()["TUISONG_BUCKET"])
        key = folder / "seal.key"
        key.write_bytes(secrets.token_bytes(32))
        vendors = self._vendors.url
        settings = {
            name: value.replace("http://host.docker.internal:4566", cloud.url).replace(
                "http://host.docker.internal:8081", vendors
            )
            for name, value in environment().items()
        }
        self.environment = settings | {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "TUISONG_KEY_FILE": str(key),
            # Under callgrind, and on a busy machine, nothing is quick.
            "TUISONG_UPSTREAM_TIMEOUT_MS": "120000",
        }
        """What a function is started with."""
        self._vendors.seed(self.environment)


def event(name: str) -> str:
    """What Lambda hands a function: its event in `tests/events`."""
    return (ROOT / "tests" / "events" / f"{name}.json").read_text(encoding="utf-8")


def batch(recipients: int) -> str:
    """A batch for `deliver` with so many recipients: its event, with the one recipient again and again. Each has a message
    of its own."""
    payload = json.loads(event("deliver"))
    record = payload["Records"][0]
    body = json.loads(record["body"])
    one = body["recipients"][0]
    body["recipients"] = [one | {"s": slot} for slot in range(recipients)]
    # Another batch each time: one that was done before is not sent again.
    body["id"]["number"] = recipients
    # Its day is not over: who is late is told so without a call.
    body["accepted_ms"] = body["message"]["sent_ms"] = time.time_ns() // 1_000_000
    record["body"] = json.dumps(body)
    return json.dumps(payload)
