"""`template.yaml`: what it says, and what SAM makes of it."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

from .processes import Json

ROOT = Path(__file__).resolve().parents[3]
FUNCTION = "AWS::Serverless::Function"


@dataclass(frozen=True)
class Function:
    """A function of the template."""

    logical_id: str
    """Its id there, for example `WxpusherSendFunction`."""
    name: str
    """Its binary, which is also the `function` field of its log lines."""
    events: Json
    """What calls it, by the event's name."""


@dataclass(frozen=True)
class Route:
    """A way to a function over HTTP."""

    method: str
    """`GET` …, or `ANY`."""
    path: str
    """For example `/m/{key}`, or `$default`."""
    logical_id: str
    """The function behind it."""

    @property
    def is_default(self) -> bool:
        """Whether it takes what no other route takes."""
        return self.path.lstrip("/") == "$default"

    @property
    def key(self) -> str:
        """As API Gateway names it."""
        return "$default" if self.is_default else f"{self.method} {self.path}"


class Template:
    """The template at `path`."""

    def __init__(self, path: Path = ROOT / "template.yaml") -> None:
        self.source: Json = yaml_parse(path.read_text(encoding="utf-8"))

    def functions(self) -> list[Function]:
        """Every function."""
        return [
            Function(name, resource["Metadata"]["BuildProperties"]["Binary"], resource["Properties"].get("Events", {}))
            for name, resource in self.of_type(FUNCTION)
        ]

    def of_type(self, kind: str) -> Iterator[tuple[str, Json]]:
        """Resources of one type: logical id and resource."""
        return ((name, one) for name, one in self.source["Resources"].items() if one["Type"] == kind)

    def parameter_behind(self, variable: str) -> str:
        """The parameter that sets a variable of all functions."""
        return str(self.source["Globals"]["Function"]["Environment"]["Variables"][variable]["Ref"])

    def with_code(self, uris: dict[str, str]) -> Json:
        """The template with the place of each function's code filled in, as `sam package` does it; else unchanged."""
        template = copy.deepcopy(self.source)
        for name, uri in uris.items():
            template["Resources"][name]["Properties"]["CodeUri"] = uri
        return template

    def translated(self) -> Json:
        """What SAM makes of it."""
        os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
        packaged = self.with_code({name: f"s3://code/{name}" for name, _ in self.of_type(FUNCTION)})
        translated: Json = json.loads(json.dumps(Translator({}, Parser()).translate(packaged, {})))
        return translated


def routes(translated: Json) -> list[Route]:
    """The routes of every HTTP API in a translated template."""
    found = []
    for resource in translated["Resources"].values():
        # The WebSocket API has no document.
        if resource["Type"] == "AWS::ApiGatewayV2::Api" and "Body" in resource["Properties"]:
            for path, methods in resource["Properties"]["Body"]["paths"].items():
                for method, operation in methods.items():
                    uri = operation["x-amazon-apigateway-integration"]["uri"]["Fn::Sub"]
                    function = uri.rsplit("${", 1)[1].split(".Arn", 1)[0]
                    known = "ANY" if "any" in method else method.upper()
                    found.append(Route(known, path, function))
    return found
