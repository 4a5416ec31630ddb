"""Data and functions of made-up stages, synthesised offline, once a process and variant."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import aws_cdk as cdk

from infrastructure.app import FLAGS
from infrastructure.functions.consumer import Consumer
from infrastructure.functions.dead_letters import DeadLetters
from infrastructure.functions.orchestrator import Orchestrator
from infrastructure.functions.sweeper import Sweeper
from infrastructure.network.vpc import zone_context
from infrastructure.settings import Stage
from infrastructure.stacks.data import DataStack
from infrastructure.stacks.keys import KeysStack
from infrastructure.stacks.names import stack_name
from infrastructure.stacks.network import NetworkStack
from tests.support.edge_boxes import Template
from tests.support.infrastructure import a_stage

VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "dev": ("dev", {}),
    "prod": ("prod", {}),
    "serverless": ("dev", {"sessions": {"kind": "serverless"}}),
    "redis": ("dev", {"sessions": {"engine": "redis", "version": "7.1"}}),
    "for_ever": ("dev", {"function": {"retention_days": 0}}),
    "long_kept": ("dev", {"events": {"retention_hours": 8760}}),
    "ready": (
        "dev",
        {
            "function": {
                "snap_start": False,
                "provisioned_concurrency": 2,
                "reserved_concurrency": 20,
                "tracing": False,
                "architecture": "x86_64",
            }
        },
    ),
    "own_issuer": (
        "dev",
        {
            "network": {"nat_gateways": 1},
            "sign_in": {"issuer": "https://id.example.org/realm", "client_id": "page"},
        },
    ),
}


@dataclass(frozen=True)
class Endpoint:
    """In the place of the box that makes the endpoint."""

    name: str = "keepwarm"
    arn: str = "arn:aws:sagemaker:us-east-1:111122223333:endpoint/keepwarm"
    component: str = ""


@dataclass(frozen=True)
class Fleet:
    """In the place of the fleet's box."""

    url: str = "https://fleet.chat.example.com"


@dataclass(frozen=True)
class SignIn:
    """In the place of the sign-in's box."""

    issuer: str
    client_id: str
    pool: Any


@dataclass(frozen=True)
class ChatTemplates:
    """What a stage's data and functions become."""

    stage: Stage
    keys: Template
    data: Template
    chat: Template

    def only(self, part: str, kind: str, box: str) -> dict[str, Any]:
        """Properties of the one resource of a type in a box of ours."""
        template: Template = getattr(self, part)
        (found,) = [one["Properties"] for name, one in template.named(kind) if name.startswith(box)]
        return found

    def environment(self, box: str) -> dict[str, str]:
        """A function's variables, with plausible values for what CloudFormation fills in."""
        function = self.only("chat", "AWS::Lambda::Function", box)
        variables = function["Environment"]["Variables"]
        return {name: filled_in(value) for name, value in variables.items()}


def variant_stage(variant: str) -> Stage:
    """A stage by the name of what is unusual about it."""
    name, changes = VARIANTS[variant]
    return a_stage(name, **changes)


@cache
def chat_templates(variant: str = "dev") -> ChatTemplates:
    """The boxes as a stage wires them, in stacks of their own."""
    stage = variant_stage(variant)
    app = cdk.App(context={**FLAGS, **zone_context(stage)}, analytics_reporting=False)
    _wire(app, stage)
    folder = Path(app.synth().directory)
    parts = {part: _template(folder, stack_name(stage, part)) for part in ("keys", "data", "chat")}
    return ChatTemplates(stage, **parts)


def _template(folder: Path, name: str) -> Template:
    document = json.loads((folder / f"{name}.template.json").read_text())
    outputs = document.get("Outputs", {}).values()
    exports = {one["Export"]["Name"]: one["Value"] for one in outputs if "Export" in one}
    return Template(document["Resources"], exports)


def _wire(app: cdk.App, stage: Stage) -> None:
    key = KeysStack(app, stage=stage).data
    network = NetworkStack(app, stage=stage, key=key)
    data = DataStack(app, stage=stage, network=network, key=key)
    here = cdk.Environment(account=stage.account, region=stage.region)
    chat = cdk.Stack(app, stack_name(stage, "chat"), env=here)
    dead_letters = DeadLetters(chat, "DeadLetters", stage=stage, key=key)
    sign_in = SignIn(
        stage.sign_in.issuer or "https://cognito.example.org/pool",
        stage.sign_in.client_id or "page",
        None if stage.sign_in.issuer else "a pool",
    )
    place: dict[str, Any] = {"stage": stage, "key": key}
    place |= {"vpc": network.vpc, "security": network.security}
    stores: dict[str, Any] = {"tables": data.tables, "events": data.events}
    state: dict[str, Any] = {**stores, "texts": data.texts, "sessions": data.sessions}
    orchestrator = Orchestrator(
        chat,
        "Orchestrator",
        **place,
        **state,
        endpoint=Endpoint(component="chat" if stage.model.kind == "components" else ""),
        fleet=Fleet() if stage.fleet.enabled else None,
        sign_in=sign_in,
    )
    Sweeper(
        chat,
        "Sweeper",
        **place,
        **state,
        environment=orchestrator.environment,
        dead_letters=dead_letters,
    )
    Consumer(chat, "Consumer", **place, **stores, dead_letters=dead_letters)


def filled_in(value: Any) -> str:
    """What CloudFormation might make of a value."""
    if isinstance(value, str):
        return value
    if "Fn::Join" in value:
        glue, parts = value["Fn::Join"]
        text = str(glue).join(filled_in(part) for part in parts)
        return "s" * 48 if text.startswith("{{resolve:") else text
    return "made-by-aws"
