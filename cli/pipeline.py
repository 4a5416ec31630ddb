"""`keepwarm pipeline ...` and `keepwarm swap`: executions of the pipeline, and its actions."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from time import sleep
from typing import TYPE_CHECKING

from cli import pipeline_setup
from cli.deployment import (
    add_settings_arguments,
    clients_of,
    sentences,
    settings_of,
)
from cli.errors import CliError
from cli.progress import Reporter
from cli.terminal import printable

if TYPE_CHECKING:
    from pipelines.aws import Clients
    from pipelines.definition.execution import StepState
    from pipelines.settings import DeploymentSettings

NOT_SUCCEEDED = 1


@dataclass(frozen=True)
class Action:
    """`keepwarm pipeline NAME`: what it does, and what it takes."""

    name: str
    command: Callable[[argparse.Namespace], int]
    about: str
    add_arguments: Callable[[argparse.ArgumentParser], None] = add_settings_arguments


def add_actions(parser: argparse.ArgumentParser, *others: Action) -> None:
    """The actions of `pipeline`, and those of other modules."""
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    for one in (*ACTIONS, *others):
        made = actions.add_parser(one.name, help=one.about, description=one.about)
        made.set_defaults(command=one.command)
        one.add_arguments(made)


def add_start_arguments(parser: argparse.ArgumentParser) -> None:
    """What `start` takes."""
    add_swap_arguments(parser)
    parser.add_argument("--image", metavar="URI", help="by digest (default: built if it must be)")


def add_swap_arguments(parser: argparse.ArgumentParser) -> None:
    """What `swap` takes."""
    add_settings_arguments(parser)
    add = parser.add_argument
    add("--weights", required=True, metavar="S3", help="s3:// prefix of a packed model")
    add("--set", action="append", default=[], metavar="NAME=VALUE", help="another parameter")
    add("--wait", action="store_true", help="follow its steps to the end")


def start(args: argparse.Namespace) -> int:
    """Start an execution, print its ARN; with --wait 1 unless all of it succeeds."""
    with sentences():
        settings, asked = _asked(args)
        image = {"ImageUri": args.image} if args.image else {}
        return _start(clients_of(settings), settings, {**asked, **image}, wait=args.wait)


def swap(args: argparse.Namespace) -> int:
    """Everything for new weights with the image that serves now: no build."""
    from pipelines.definition.pipeline import serving_image

    with sentences():
        settings, asked = _asked(args)
        clients = clients_of(settings)
        image = serving_image(clients, settings.names)
        Reporter().say(f"image: {printable(image)}, as it serves now")
        return _start(clients, settings, {**asked, "ImageUri": image}, wait=args.wait)


def _asked(args: argparse.Namespace) -> tuple[DeploymentSettings, dict[str, str]]:
    """The settings, and what the execution is told; AWS is not asked for what cannot be."""
    from pipelines.definition.parameters import checked
    from pipelines.definition.pipeline import weights_place

    settings = settings_of(args)
    weights = weights_place(args.weights, settings)
    return settings, checked({"WeightsUri": weights, **_pairs(args.set)})


def _start(
    clients: Clients, settings: DeploymentSettings, values: dict[str, str], *, wait: bool
) -> int:
    from pipelines.definition.pipeline import start as begin

    execution = begin(clients, settings, values)
    print(execution, flush=True)
    return _follow(clients, execution) if wait else 0


def _follow(clients: Clients, execution: str) -> int:
    from pipelines.definition.execution import follow

    reporter = Reporter()

    def say(step: StepState) -> None:
        reporter.say(printable(f"{step.name}: {step.status}"))

    ended = follow(clients, execution, say, sleep)
    for reason in ended.reasons:
        reporter.say(printable(reason))
    print(ended.status)
    return 0 if ended.succeeded else NOT_SUCCEEDED


def _pairs(texts: list[str]) -> dict[str, str]:
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise CliError(f"--set {text!r} is not of the form NAME=VALUE", exit_code=2)
        found[name] = value
    return found


ACTIONS = (
    Action("setup", pipeline_setup.setup, "Put all that the pipeline needs into the account."),
    Action("publish", pipeline_setup.publish, "Put the sources into the deployment's bucket."),
    Action("upsert", pipeline_setup.upsert, "Publish the sources and put the pipeline there."),
    Action("start", start, "Start an execution for a model.", add_start_arguments),
    Action(
        "template",
        pipeline_setup.template,
        "Print the CloudFormation template that setup deploys.",
        pipeline_setup.add_template_arguments,
    ),
    Action("definition", pipeline_setup.definition, "Print the pipeline's definition."),
    Action(
        "lint",
        pipeline_setup.lint,
        "Look for mistakes in a definition.",
        pipeline_setup.add_lint_arguments,
    ),
)
