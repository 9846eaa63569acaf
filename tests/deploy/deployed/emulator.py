"""MiniStack with what it lacks here. A program: `python -m deployed.emulator`.

- Each answer of a function would wait 40 ms for an acknowledgement of the system.
- IAM has no `sqs:SendMessageBatch`: whoever may send a message may send ten.
- Its CloudFormation knows neither addresses nor NAT gateways, though its EC2 does, and forgets in which network a function is.
"""

from __future__ import annotations

import socketserver
from typing import Any

from ministack.app import main
from ministack.core import iam_actions
from ministack.services import ec2, lambda_svc
from ministack.services.cloudformation import provisioners

Made = tuple[str, dict[str, str]]
"""What `Ref` gives, and what `Fn::GetAtt` gives by its name."""


def make(ask: Any, kept: Any, request: dict[str, Any]) -> dict[str, Any]:
    """Has EC2 make something; what it keeps of it."""
    before = set(kept)
    status = ask({name: [str(value)] for name, value in request.items()})[0]
    made = set(kept) - before
    if status != 200 or len(made) != 1:
        raise ValueError(f"EC2 answered {status} and made {made}")
    return dict(kept[made.pop()])


def make_address(_logical_id: str, properties: dict[str, Any], _stack: str) -> Made:
    """An `AWS::EC2::EIP`."""
    made = make(ec2._allocate_address, ec2._addresses, properties)
    return made["PublicIp"], {name: made[name] for name in ("AllocationId", "PublicIp")}


def release_address(physical_id: str, _properties: dict[str, Any]) -> None:
    """Its end."""
    for allocation, address in list(ec2._addresses.items()):
        if address["PublicIp"] == physical_id:
            ec2._release_address({"AllocationId": [allocation]})


def make_gateway(_logical_id: str, properties: dict[str, Any], _stack: str) -> Made:
    """An `AWS::EC2::NatGateway`. Without an address and a subnet that are there, AWS makes none."""
    if properties["AllocationId"] not in ec2._addresses or properties["SubnetId"] not in ec2._subnets:
        raise ValueError(f"a NAT gateway needs an address and a subnet; it got {properties}")
    made = make(ec2._create_nat_gateway, ec2._nat_gateways, properties)["NatGatewayId"]
    return made, {"NatGatewayId": made}


def remove_gateway(physical_id: str, _properties: dict[str, Any]) -> None:
    """Its end."""
    ec2._delete_nat_gateway({"NatGatewayId": [physical_id]})


def make_function(logical_id: str, properties: dict[str, Any], stack: str) -> Made:
    """An `AWS::Lambda::Function`, in its network."""
    made: Made = FUNCTION["create"](logical_id, properties, stack)
    if "VpcConfig" in properties:
        network = lambda_svc._vpc_config_with_id(properties["VpcConfig"])
        lambda_svc._functions[made[0]]["config"]["VpcConfig"] = network
    return made


def as_iam_names_it(*call: Any) -> str | None:
    """The action that a call needs."""
    action: str | None = ACTIONS(*call)
    return action.removesuffix("Batch") if action and action.startswith("sqs:") else action


ACTIONS = iam_actions.extract_iam_action
KNOWN = provisioners._RESOURCE_HANDLERS
FUNCTION = KNOWN["AWS::Lambda::Function"]

if __name__ == "__main__":
    socketserver.StreamRequestHandler.disable_nagle_algorithm = True
    iam_actions.extract_iam_action = as_iam_names_it
    KNOWN["AWS::EC2::EIP"] = {"create": make_address, "delete": release_address}
    KNOWN["AWS::EC2::NatGateway"] = {"create": make_gateway, "delete": remove_gateway}
    KNOWN["AWS::Lambda::Function"] = {**FUNCTION, "create": make_function}
    main()
