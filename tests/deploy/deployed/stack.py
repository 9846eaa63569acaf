"""The stack: the template deployed with the real binaries."""

from __future__ import annotations

import hashlib
import io
import json
import platform
import shutil
import subprocess
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from .cloud import REGION, ROOT_KEY, Cloud
from .processes import Failure, Json, wait_for
from .template import Route, Template, routes

ADMIN_TOKEN = "AD_deployed000000000000000000000000"
ARTIFACTS = "artifacts"
ARCHITECTURES = {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}


def architecture() -> str:
    """This machine's, as Lambda calls it."""
    return ARCHITECTURES[platform.machine()]


MOST_BYTES = 40_000_000
"""The most that a function has in the profile of this test, without debug information: 2.3 times what it has in release, where
16 MiB are the most (`package.py`). One with more has taken in something that it does not need."""


def package(binary: Path) -> bytes:
    """A function's package: the binary as `bootstrap`. Without debug information, which is half of it."""
    with tempfile.NamedTemporaryFile() as stripped:
        strip = shutil.which("strip")
        if strip:
            subprocess.run([strip, "-o", stripped.name, binary], check=True)
        content = (Path(stripped.name) if strip else binary).read_bytes()
    if strip and len(content) > MOST_BYTES:
        raise Failure(f"{binary.name} has {len(content)} bytes, more than {MOST_BYTES}")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        entry = zipfile.ZipInfo("bootstrap")
        entry.external_attr = 0o100755 << 16
        file.writestr(entry, content, zipfile.ZIP_DEFLATED, 1)
    return archive.getvalue()


class Stack:
    """A deployed stack."""

    def __init__(
        self,
        cloud: Cloud,
        template: Template,
        binaries: Path,
        vendors: dict[str, str],
        *,
        name: str = "tuisong",
        more: dict[str, str] | None = None,
    ) -> None:
        """Deploys it. `vendors`: what functions are told of them; `more`: parameters besides those that it needs here."""
        self.cloud = cloud
        self.template = template
        self._name = name
        self._cloudformation = cloud.client("cloudformation")
        packaged = template.with_code(self._upload(binaries))
        parameters = {
            "AdminTokenHash": hashlib.sha256(ADMIN_TOKEN.encode()).hexdigest(),
            "Architecture": architecture(),
            "EndpointUrl": cloud.url,
            # Then queue functions say of each message that it is done.
            "LogLevel": "debug",
            **{template.parameter_behind(variable): value for variable, value in vendors.items()},
            **(more or {}),
        }
        known = set(template.source["Parameters"])
        # What the emulator answers goes back on a connection in any case.
        packaged["Resources"] = {
            name: one
            for name, one in packaged["Resources"].items()
            if one["Type"] != "AWS::ApiGatewayV2::RouteResponse"
        }
        self._create(packaged, {name: value for name, value in parameters.items() if name in known})
        self._ids = {
            one["LogicalResourceId"]: one["PhysicalResourceId"]
            for one in self._cloudformation.describe_stack_resources(StackName=self._name)["StackResources"]
        }
        translated = self._cloudformation.get_template(StackName=self._name, TemplateStage="Processed")["TemplateBody"]
        self.translated: Json = json.loads(translated) if isinstance(translated, str) else translated
        self.routes: list[Route] = routes(self.translated)
        self._close_gaps()
        self.url = f"{cloud.url}/_aws/execute-api/{self.id('HttpApi')}/$default"
        live = f"/_aws/execute-api/{self.id('OwnApi')}/{self.id('OwnStage')}"
        self.socket_url = cloud.url.replace("http", "ws", 1) + live
        for logical_id in ("DeliverFunction", "OwnMessageFunction", "ReleaseDueFunction"):
            self._tell(logical_id, "TUISONG_CONNECTIONS_URL", cloud.url + live)

    def _upload(self, binaries: Path) -> dict[str, str]:
        s3 = self.cloud.client("s3")
        uris = {one.logical_id: f"s3://{ARTIFACTS}/{one.name}" for one in self.template.functions()}
        if any(one["Name"] == ARTIFACTS for one in s3.list_buckets()["Buckets"]):
            return uris
        s3.create_bucket(Bucket=ARTIFACTS)
        for function in self.template.functions():
            binary = binaries / function.name
            if not binary.exists():
                raise Failure(f"{function.logical_id}: there is no binary `{function.name}`")
            s3.put_object(Bucket=ARTIFACTS, Key=function.name, Body=package(binary))
        return uris

    def _create(self, template: Json, parameters: dict[str, str]) -> None:
        s3 = self.cloud.client("s3")
        s3.put_object(Bucket=ARTIFACTS, Key="template.json", Body=json.dumps(template).encode())
        self._cloudformation.create_stack(
            StackName=self._name,
            # As `sam deploy` does it: a template of this size does not fit into the call.
            TemplateURL=f"{self.cloud.url}/{ARTIFACTS}/template.json",
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
        )

        def ended() -> str | None:
            status = self._cloudformation.describe_stacks(StackName=self._name)["Stacks"][0]["StackStatus"]
            return None if status.endswith("IN_PROGRESS") else str(status)

        status = wait_for("the stack", 120, ended)
        if status != "CREATE_COMPLETE":
            events = self._cloudformation.describe_stack_events(StackName=self._name)["StackEvents"]
            failed = [
                f"{one['LogicalResourceId']}: {one.get('ResourceStatusReason')}"
                for one in events
                if "FAILED" in one["ResourceStatus"]
            ]
            raise Failure("\n".join([f"the stack ended as {status}", *failed]))

    def _close_gaps(self) -> None:
        """What MiniStack leaves out: the routes in an HTTP API's `Body`, a table's TTL, and TLS."""
        gateway, functions = self.cloud.client("apigatewayv2"), self.cloud.client("lambda")
        api = self.id("HttpApi")
        have = {one["RouteKey"] for one in gateway.get_routes(ApiId=api, MaxResults="1000")["Items"]}
        for route in self.routes:
            if route.key in have:
                continue
            arn = functions.get_function(FunctionName=self.id(route.logical_id))["Configuration"]["FunctionArn"]
            integration = gateway.create_integration(
                ApiId=api, IntegrationType="AWS_PROXY", IntegrationUri=arn, PayloadFormatVersion="2.0"
            )
            gateway.create_route(ApiId=api, RouteKey=route.key, Target=f"integrations/{integration['IntegrationId']}")
        tables = self.cloud.client("dynamodb")
        for name, table in self.template.of_type("AWS::DynamoDB::Table"):
            forget = table["Properties"].get("TimeToLiveSpecification")
            if forget:
                tables.update_time_to_live(TableName=self.id(name), TimeToLiveSpecification=forget)
        # Over plain HTTP the bucket refuses everything, as it must; its policy says nothing else (the tests of the
        # template see to that it is there).
        self.cloud.client("s3").delete_bucket_policy(Bucket=self.id("Bucket"))

    def let_callbacks_go_to(self, address: str) -> None:
        """Lets callbacks go to an address of this machine: possible because this AWS is on this machine, too."""
        for logical_id in ("AdminFunction", "CallbackFunction"):
            self._tell(logical_id, "TUISONG_CALLBACK_EXCEPTIONS", address)

    def let_vendors_report(self) -> None:
        """Tells vendors an address at which they reach this stack: the API's own is one that only AWS serves."""
        self._tell("DeliverFunction", "TUISONG_PUBLIC_URL", self.url)

    def _tell(self, logical_id: str, name: str, value: str) -> None:
        """Sets a variable of a function that the template cannot set."""
        functions, function = self.cloud.client("lambda"), self.id(logical_id)
        variables = functions.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
        functions.update_function_configuration(
            FunctionName=function, Environment={"Variables": {**variables, name: value}}
        )

    def id(self, logical_id: str) -> str:
        """The physical id of a resource: a table's name, a queue's URL, a function's name."""
        return str(self._ids[logical_id])

    def outputs(self) -> dict[str, str]:
        """The stack's outputs."""
        stack = self._cloudformation.describe_stacks(StackName=self._name)["Stacks"][0]
        return {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}

    def environment(self, logical_id: str) -> dict[str, str]:
        """What Lambda gives a function, with the credentials of the account's root."""
        functions = self.cloud.client("lambda")
        settings: dict[str, Any] = functions.get_function_configuration(FunctionName=self.id(logical_id))
        return {
            **settings["Environment"]["Variables"],
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": ROOT_KEY,
            "AWS_SECRET_ACCESS_KEY": ROOT_KEY,
        }
