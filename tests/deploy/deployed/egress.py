"""A second stack, with `FixedEgress=nat`: only `refresh-tokens` asks WeChat for tokens, from an address that stays.

MiniStack has the network's parts and their ways, but no network: that packets take these ways is for AWS to show.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from .cloud import StandIns
from .drive import Driver
from .logs import Line, Logs, function_of
from .processes import Children, Json, http, require
from .stack import Stack

NAME = "tuisong-fixed"
FETCHER = "RefreshTokensFunction"
ORDERS = 1000
"""More token calls than anybody makes here."""


def waits(line: Line) -> bool:
    """Whether `deliver` says that a message waits for a token that others fetch."""
    return function_of(line) == "deliver" and line["message"] == "message has no token"


class FixedEgress:
    """The stack. It is begun before the other checks and looked at after them: a message waits in it meanwhile."""

    def __init__(self, children: Children, first: Driver, binaries: Path, folder: Path) -> None:
        self._children = children
        self._first = first.stack
        self._binaries = binaries
        self._folder = folder
        self._content = f"等令牌 {time.time_ns()}"

    def begin(self) -> str:
        """Deploys it, and sends a message for which nobody but the fetcher may ask for a token."""
        self._vendors = StandIns(self._children, self._binaries / "upstream", self._folder, "fixed")
        self._stack = Stack(
            self._first.cloud,
            self._first.template,
            self._binaries,
            self._vendors.settings,
            name=NAME,
            more={"FixedEgress": "nat"},
        )
        self._ec2 = self._stack.cloud.client("ec2")
        self._vendors.seed(self._stack.environment(FETCHER))
        self._driver = Driver(self._stack, self._vendors, Logs(self._stack))
        # Whoever asks from an address that is not on the list is told so, and the order counts it.
        rules, rule = self._stack.cloud.client("events"), self._stack.id(f"{FETCHER}Every5Minutes")
        rules.disable_rule(Name=rule)
        order = {"channel": "wechat", "operation": "token", "errcode": 40164, "times": ORDERS}
        faults = f"{self._vendors.url}/sandbox/faults"
        http("POST", faults, json.dumps(order).encode())
        self._driver.send(self._content)
        self._driver.logs.wait("the message to wait for a token", waits, 60)
        _, left = http("GET", faults)
        require(json.loads(left)["faults"][0]["times"] == ORDERS, f"somebody else asked for a token: {left!r}")
        http("DELETE", faults)
        rules.enable_rule(Name=rule)
        return "a message waits for its token"

    def run(self) -> str:
        """Everything. Answers what it saw."""
        if not hasattr(self, "_driver"):
            self.begin()
        address = self.network()
        self.functions()
        # The fetcher's next tick brings the token; the message comes again a minute after it was put back.
        self._driver.arrived(self._content, 150)
        return f"one function calls out from {address}; what waited for it arrived"

    def routes_of(self, subnet: str) -> Json:
        """Where a subnet's packets go that go out, by what the route names."""
        asked = [{"Name": "association.subnet-id", "Values": [self._stack.id(subnet)]}]
        tables = self._ec2.describe_route_tables(Filters=asked)["RouteTables"]
        require(len(tables) == 1, f"{subnet} has the route tables {tables}")
        out = [one for one in tables[0]["Routes"] if one.get("DestinationCidrBlock") == "0.0.0.0/0"]
        require(len(out) == 1, f"{subnet} has the ways out {out}")
        return dict(out[0])

    def network(self) -> str:
        """From the function's subnet over the NAT gateway to the internet, with the address that the output names."""
        stack, ec2 = self._stack, self._ec2
        out = self.routes_of("EgressPrivateSubnet")
        require(out.get("NatGatewayId") == stack.id("EgressNat"), f"the fetcher's way out is {out}")
        gateway = ec2.describe_nat_gateways(NatGatewayIds=[stack.id("EgressNat")])["NatGateways"][0]
        require(gateway["SubnetId"] == stack.id("EgressPublicSubnet"), f"the NAT gateway is {gateway}")
        out = self.routes_of("EgressPublicSubnet")
        require(out.get("GatewayId") == stack.id("EgressInternetGateway"), f"the NAT gateway's way out is {out}")
        address = stack.outputs()["EgressAddress"]
        known = [one["PublicIp"] for one in ec2.describe_addresses()["Addresses"]]
        require(address in known, f"the address {address} is none of {known}")
        group = ec2.describe_security_groups(GroupIds=[stack.id("EgressSecurityGroup")])["SecurityGroups"][0]
        require(not group["IpPermissions"], f"something may come in: {group}")
        ports = [(one["FromPort"], one["ToPort"]) for one in group["IpPermissionsEgress"]]
        require(ports == [(443, 443)], f"what goes out is {ports}")
        return address

    def functions(self) -> None:
        """Only the fetcher is in the network; all others know that they must not ask, and it runs every minute."""
        functions = self._stack.cloud.client("lambda")
        for function in self._stack.template.functions():
            settings: dict[str, Any] = functions.get_function_configuration(
                FunctionName=self._stack.id(function.logical_id)
            )
            network = settings.get("VpcConfig") or {}
            where = (network.get("SubnetIds") or [], network.get("SecurityGroupIds") or [])
            inside = ([self._stack.id("EgressPrivateSubnet")], [self._stack.id("EgressSecurityGroup")])
            expected = inside if function.logical_id == FETCHER else ([], [])
            require(where == expected, f"{function.name} is in {where}")
            fetch = settings["Environment"]["Variables"]["TUISONG_TOKEN_FETCH"]
            require(fetch == "elsewhere", f"{function.name}: TUISONG_TOKEN_FETCH is {fetch}")
        rules = self._stack.cloud.client("events")
        rule = rules.describe_rule(Name=self._stack.id(f"{FETCHER}Every5Minutes"))
        require(rule["ScheduleExpression"] == "rate(1 minute)", f"the fetcher runs at {rule['ScheduleExpression']}")
