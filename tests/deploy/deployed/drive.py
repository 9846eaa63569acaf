"""The checks: what a deployed stack has to do. Each takes a [`Driver`] and raises when something is not so."""

from __future__ import annotations

import json
import re
import time
import urllib.parse
from dataclasses import dataclass
from functools import partial
from typing import Any

from . import journey, mobile, own, portal, receipts, wechat
from .cloud import StandIns
from .events import call_for, events
from .logs import Line, Logs, function_of
from .processes import Failure, Json, http, require, wait_for
from .stack import ADMIN_TOKEN, Stack
from .template import Function

APP_TOKEN = "AT_demo0000000000000000000000000000"
# Not the first follower: the calls of `routes` remove and block what that one follows.
UID = "UID_demo000000000000000000000002"
SENT = 3
"""WxPusher's word for a message that was sent, in `GET /api/send/query/{messageId}`."""
SHORTENED = 4
"""Seconds that a message stays hidden where failing five times is waited for; longer than a busy machine takes for it."""
ANSWERS = {"request answered", "request refused"}
"""The last log line of an HTTP invocation that went well: answered, or refused for a reason of the caller's."""


@dataclass
class Driver:
    """A deployed stack and everything around it."""

    stack: Stack
    vendors: StandIns
    logs: Logs

    def inbox(self) -> list[Json]:
        """Everything that the stand-ins accepted."""
        _, body = http("GET", f"{self.vendors.url}/sandbox/inbox?since=0")
        return list(json.loads(body)["messages"])

    def send(self, content: str, uids: list[str] | None = None) -> int:
        """Sends a message to a demo follower; its id."""
        message = {"appToken": APP_TOKEN, "content": content, "contentType": 1, "uids": uids or [UID]}
        _, body = http(
            "POST",
            f"{self.stack.url}/api/send/message",
            json.dumps(message).encode(),
            {"content-type": "application/json"},
        )
        answer = json.loads(body)
        require(answer.get("code") == 1000, f"POST /api/send/message answered {answer}")
        return int(answer["data"][0]["messageId"])

    def arrived(self, content: str, seconds: float = 30) -> Json:
        """The message with this content, once it is in the inbox. More than one is a failure."""
        found = wait_for(
            f"`{content}` in the inbox",
            seconds,
            lambda: [one for one in self.inbox() if content in json.dumps(one, ensure_ascii=False)],
        )
        require(len(found) == 1, f"`{content}` arrived {len(found)} times")
        return found[0]

    def queue(self) -> Any:
        """A client of SQS."""
        return self.stack.cloud.client("sqs")

    def sources(self) -> list[tuple[Function, str, str]]:
        """Function, queue and dead-letter queue (logical ids) of every SQS event."""
        found = []
        for function in self.stack.template.functions():
            for event in function.events.values():
                if event["Type"] == "SQS":
                    queue = event["Properties"]["Queue"]["Fn::GetAtt"][0]
                    settings = self.stack.template.source["Resources"][queue]["Properties"]
                    dead = settings["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]
                    found.append((function, queue, dead))
        return found


def routes(driver: Driver) -> str:
    """Every route is answered by its own binary: its log line says so, under a request id of its own."""
    binaries = {function.logical_id: function.name for function in driver.stack.template.functions()}
    known = events()
    seen: set[str] = set()
    wrong = []
    for route in driver.stack.routes:
        name = binaries[route.logical_id]
        call = call_for(route, name, known)
        driver.logs.mark()
        status, body = http(call.method, driver.stack.url + call.path_and_query, call.body, call.headers)
        try:
            line = driver.logs.wait(
                f"{route.key}: a log line of `{name}` (answered {status}: {body[:200]!r})",
                partial(answered, name),
                5,
            )
        except Failure as failure:
            wrong.append(f"{failure}\n{driver.logs.shown(10)}")
            continue
        request_id = str(line["span"].get("request_id"))
        if line["message"] not in ANSWERS or status >= 500:
            wrong.append(f"{route.key} failed with {status}: {line}")
        elif not request_id or request_id in seen:
            wrong.append(f"{route.key}: the request id {request_id!r} is none, or not its own")
        seen.add(request_id)
    require(not wrong, "\n".join(wrong))
    return f"{len(driver.stack.routes)} routes"


def message(driver: Driver) -> str:
    """A message goes through the API, both queues and the stand-in; its status says so; its page shows it."""
    content = f"第一条消息 {time.time_ns()}"
    driver.logs.mark()
    message_id = driver.send(content)
    arrived = driver.arrived(content)

    def sent() -> bool:
        _, body = http("GET", f"{driver.stack.url}/api/send/query/{message_id}")
        return bool(json.loads(body).get("data") == SENT)

    wait_for(f"message {message_id} as sent", 15, sent)
    wrote = {function_of(line) for line in driver.logs.lines()}
    require({"wxpusher-send", "fanout", "deliver", "wxpusher-status"} <= wrote, f"only {wrote} were at work")

    # The link leads to the stack's own address, which only AWS serves; its path is asked for here.
    raw = json.dumps(arrived["raw"])
    links = re.findall(r"https://[^\"\\ ]+/m/[^\"\\ ]+", raw)
    require(len(links) == 1, f"the card has no link of ours: {raw}")
    link = urllib.parse.urlparse(links[0])
    outputs = driver.stack.outputs()
    require(f"https://{link.netloc}" == outputs["Url"], f"{links[0]} does not lead to {outputs['Url']}")
    status, page = http("GET", driver.stack.url + link.path)
    require(status == 200 and content in page.decode(), f"{link.path} answered {status} without the message")
    return f"message {message_id}"


def fair_batches(driver: Driver) -> str:
    """One bad message in a batch fails alone, five times, and ends in the dead-letter queue; its neighbour is done once.

    The queues' visibility timeout is shortened for it, as an operator may do, and then set back: five times six minutes
    are more than a test has.
    """
    sqs = driver.queue()
    sources = driver.sources()
    waiting: dict[str, Any] = {}
    driver.logs.mark()
    for function, queue, dead in sources:
        url = driver.stack.id(queue)
        settings = driver.stack.template.source["Resources"][queue]["Properties"]
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        redrive = json.loads(found["RedrivePolicy"])
        require(
            int(found["VisibilityTimeout"]) == settings["VisibilityTimeout"]
            and int(redrive["maxReceiveCount"]) == settings["RedrivePolicy"]["maxReceiveCount"],
            f"{queue} was deployed with other settings: {found}",
        )
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": str(SHORTENED)})
        poison = json.dumps({"kind": "no_such_kind", "queue": queue})
        sqs.send_message(QueueUrl=url, MessageBody=poison, MessageGroupId="poison")
        waiting[dead] = (function, queue, poison, int(redrive["maxReceiveCount"]))

    good, deliver = neighbour(driver)

    for dead, (function, queue, poison, most) in waiting.items():
        got = wait_for(
            f"the poison of {queue} in {dead}",
            60,
            partial(received, sqs, driver.stack.id(dead)),
        )
        require(got[0]["Body"] == poison, f"{dead} holds another message: {got}")
        sqs.delete_message(QueueUrl=driver.stack.id(dead), ReceiptHandle=got[0]["ReceiptHandle"])
        failed = [
            line
            for line in driver.logs.lines()
            if function_of(line) == function.name
            and line["span"].get("message_id") == got[0]["MessageId"]
            and line["message"] == "message failed"
        ]
        require(len(failed) == most, f"{function.name} failed {len(failed)} times on the poison of {queue}, not {most}")
    for _, queue, _ in sources:
        timeout = driver.stack.template.source["Resources"][queue]["Properties"]["VisibilityTimeout"]
        sqs.set_queue_attributes(QueueUrl=driver.stack.id(queue), Attributes={"VisibilityTimeout": str(timeout)})
    driver.arrived(good, 1)
    return f"{len(sources)} queues; {deliver}"


def neighbour(driver: Driver) -> tuple[str, str]:
    """Two messages to `deliver` in one call, one of them poison: the other one is delivered and does not come again.

    A poller may look between the two and take the first alone, so they are sent until they come together.
    """
    event = next(one for one in events() if one.file == "deliver.json")
    for attempt in range(5):
        content = f"好邻居 {time.time_ns()}"
        batch = json.loads(event.payload["Records"][0]["body"])
        # A batch of its own each time: a closed one would be recognised and not sent.
        batch["id"]["task"] += 32 * attempt
        batch["accepted_ms"] = int(time.time() * 1000)
        batch["message"]["summary"] = content
        bad, good = send_together(driver, "no JSON", json.dumps(batch, ensure_ascii=False))
        driver.arrived(content)
        wait_for("the bad neighbour to come again", 30, partial(came_again, driver, bad))
        came = set(calls_of(driver, good))
        require(len(came) == 1, f"the good message came {len(came)} times")
        if came & set(calls_of(driver, bad)):
            return content, "the good neighbour was delivered once"
    raise Failure("the two messages never came in one batch")


def send_together(driver: Driver, bad: str, good: str) -> tuple[str, str]:
    """Sends two messages to `deliver` in one request. Answers their ids."""
    entries = [
        {"Id": "bad", "MessageBody": bad, "MessageGroupId": "1"},
        {"Id": "good", "MessageBody": good, "MessageGroupId": "1"},
    ]
    queue = driver.stack.id("DeliverWechatTemplateQueue")
    sent = driver.queue().send_message_batch(QueueUrl=queue, Entries=entries)["Successful"]
    ids = {one["Id"]: one["MessageId"] for one in sent}
    return ids["bad"], ids["good"]


def answered(function: str, line: Line) -> bool:
    """Whether a log line is the one with which an HTTP function ends a call."""
    return function_of(line) == function and str(line.get("message", "")).startswith("request ")


def ticked(function: str, line: Line) -> bool:
    """Whether a log line is the one with which a scheduled function ends a run."""
    return function_of(line) == function and line["message"] == "scheduled run done"


def received(sqs: Any, url: str) -> list[Json]:
    """What a queue gives within a second; it is seen again a second later."""
    answer = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1, VisibilityTimeout=1)
    return list(answer.get("Messages", []))


def came_again(driver: Driver, message_id: str) -> bool:
    """Whether a message has been worked on more than once."""
    return len(calls_of(driver, message_id)) > 1


def calls_of(driver: Driver, message_id: str) -> list[str]:
    """The request ids of the calls that worked on a message, one for each line they logged of it."""
    lines = driver.logs.lines()
    return [line["span"]["request_id"] for line in lines if line["span"].get("message_id") == message_id]


def purge(driver: Driver) -> str:
    """A purged queue loses nothing: `release-due` drives on what the table knows."""
    functions, sqs = driver.stack.cloud.client("lambda"), driver.queue()
    name = driver.stack.id("FanoutFunction")
    mapping = functions.list_event_source_mappings(FunctionName=name)["EventSourceMappings"][0]["UUID"]
    functions.update_event_source_mapping(UUID=mapping, Enabled=False)
    wait_for(
        "fan-out to stand still",
        20,
        lambda: functions.get_event_source_mapping(UUID=mapping)["State"] == "Disabled",
    )
    content = f"清空以后 {time.time_ns()}"
    driver.send(content)
    queue = driver.stack.id("TasksQueue")
    waiting = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessages"])
    require(waiting["Attributes"]["ApproximateNumberOfMessages"] == "1", f"the hint is not in the queue: {waiting}")
    sqs.purge_queue(QueueUrl=queue)
    functions.update_event_source_mapping(UUID=mapping, Enabled=True)
    invoke(driver, "ReleaseDueFunction", {"recover": True})
    driver.arrived(content)
    return "what was purged arrived"


def by_default(value: Any) -> Any:
    """A value of the template where every parameter has its default: the last branch of an `!If`."""
    return by_default(value["Fn::If"][-1]) if isinstance(value, dict) and "Fn::If" in value else value


def invoke(driver: Driver, logical_id: str, payload: Json) -> Any:
    """Invokes a function and gives its answer."""
    functions = driver.stack.cloud.client("lambda")
    answer = functions.invoke(FunctionName=driver.stack.id(logical_id), Payload=json.dumps(payload).encode())
    body = answer["Payload"].read()
    require("FunctionError" not in answer, f"{logical_id} failed: {body!r}")
    return json.loads(body)


def schedules(driver: Driver) -> str:
    """Every schedule is there as the template says; those that run each minute tick by themselves, the others work."""
    rules = driver.stack.cloud.client("events")
    ticking: list[str] = []
    # From here on nobody else calls these functions, so a run is a tick.
    driver.logs.mark()
    for function in driver.stack.template.functions():
        for name, event in function.events.items():
            if event["Type"] != "Schedule":
                continue
            rule = rules.describe_rule(Name=driver.stack.id(f"{function.logical_id}{name}"))
            every = by_default(event["Properties"]["Schedule"])
            found = (rule["ScheduleExpression"], rule["State"])
            require(found == (every, "ENABLED"), f"{function.name}, schedule {name}: {found}")
            if every == "rate(1 minute)":
                ticking.append(function.name)
            else:
                payload = json.loads(event["Properties"].get("Input", "{}"))
                require(invoke(driver, function.logical_id, payload) is None, f"{function.name} answered something")
    require(bool(ticking), "no schedule runs each minute")
    for name in ticking:
        driver.logs.wait(
            f"a tick of {name}",
            partial(ticked, name),
            100,
        )
    return f"ticks of {', '.join(ticking)}"


def connection(driver: Driver) -> str:
    """A device that is connected gets what is pushed to it, and acknowledges it; one that is not has its vendor."""
    return own.run(driver.stack.url, driver.stack.socket_url, driver.vendors.url)


def phones(driver: Driver) -> str:
    """An app's back end pushes to seven vendors' phones, now and later; what vendors report of it is counted, what is
    forged is not, and a token that died is forgotten."""
    driver.stack.let_vendors_report()
    receipts.enter_in_console(driver.stack.url, driver.vendors.url)
    seen = mobile.run(driver.stack.url, driver.vendors.url)
    return f"{seen}; {receipts.run(driver.stack.url, driver.vendors.url)}"


def enterprise(driver: Driver) -> str:
    """A portal uploads into the bucket, through the API and by a link, and writes to one, to many and to everybody."""
    seen = portal.run(driver.stack.url, driver.vendors.url, ADMIN_TOKEN)
    bucket = driver.stack.cloud.client("s3")
    kept = bucket.list_objects_v2(Bucket=driver.stack.id("Bucket"), Prefix="media/").get("Contents", [])
    require(any(one["Size"] > 4_000_000 for one in kept), f"the bucket holds {[one['Key'] for one in kept]}")
    return f"{seen}; {len(kept)} files in the bucket"


def back_end(driver: Driver) -> str:
    """A back end of a WeChat account finds here what it would find at WeChat, and pushes by openid."""
    return wechat.run(driver.stack.url, driver.vendors.url)


def follower(driver: Driver) -> str:
    """A person follows, is reached, blocked, removed, comes back and leaves; the developer is called back."""
    developer = journey.Developer(0)
    try:
        driver.stack.let_callbacks_go_to(f"127.0.0.1:{developer.port}")
        return journey.run(journey.Journey(driver.stack.url, driver.vendors.url, ADMIN_TOKEN), developer)
    finally:
        developer.close()


CHECKS = [routes, message, back_end, connection, phones, enterprise, follower, fair_batches, purge, schedules]
"""In this order: the schedules' first tick is a minute away from the deployment."""
