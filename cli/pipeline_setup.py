"""What puts the pipeline into an account, and what shows beforehand what would be put there."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.deployment import (
    add_settings_arguments,
    clients_of,
    gates_of,
    sentences,
    settings_of,
    with_account,
)
from cli.progress import Reporter, Task
from cli.terminal import printable

if TYPE_CHECKING:
    from pipelines.aws import Clients
    from pipelines.definition.render import Sources
    from pipelines.publish import Material
    from pipelines.settings import DeploymentSettings
    from pipelines.template.stack import Stack

MISTAKES = 1
SAMPLE_ACCOUNT = "123456789012"


def add_template_arguments(parser: argparse.ArgumentParser) -> None:
    """What `template` takes."""
    add_settings_arguments(parser)
    parser.add_argument("--bucket", action="store_true", help="only the bucket, which comes first")


def add_lint_arguments(parser: argparse.ArgumentParser) -> None:
    """What `lint` takes."""
    add_settings_arguments(parser)
    parser.add_argument("file", nargs="?", metavar="FILE", help="(default: this pipeline's)")


def setup(args: argparse.Namespace) -> int:
    """Stack, sources, functions, signing, pipeline; each only where something is to be done."""
    from pipelines.template.stack import Stack

    with sentences():
        settings, clients = _deployment(args)
        stack = Stack(clients, settings.names.stack)
        if not stack.exists:
            _begin(stack, settings)
        sources = _publish(settings, clients)
        _bring_up(stack, args, clients, sources)
        _sign(settings, clients)
        _put(settings, clients, sources)
    return 0


def publish(args: argparse.Namespace) -> int:
    """Publish the sources, print what the template is to be told of them."""
    from pipelines.template.template import FUNCTIONS_KEY

    with sentences():
        print(f"{FUNCTIONS_KEY}={_publish(*_deployment(args)).functions}")
    return 0


def upsert(args: argparse.Namespace) -> int:
    """Publish what the steps run, then give the pipeline its definition."""
    with sentences():
        settings, clients = _deployment(args)
        _put(settings, clients, _publish(settings, clients))
    return 0


def template(args: argparse.Namespace) -> int:
    """Print the template; it holds for any account and region."""
    from pipelines.template.template import bucket_template
    from pipelines.template.template import template as whole

    with sentences():
        settings = settings_of(args)
        made = bucket_template(settings) if args.bucket else whole(settings, gates_of(args))
    print(json.dumps(made, indent=2))
    return 0


def definition(args: argparse.Namespace) -> int:
    """Print what `upsert` would put there, with the sources as they are now."""
    with sentences():
        settings, _ = _deployment(args)
        print(json.dumps(_rendered(settings), indent=2))
    return 0


def lint(args: argparse.Namespace) -> int:
    """Print what is wrong with a definition; 1 when anything is. Asks no AWS."""
    from pipelines.definition.linter import lint as find
    from pipelines.documents import read_document

    with sentences():
        if args.file:
            found = find(read_document(Path(args.file).expanduser()))
        else:
            settings = settings_of(args)
            account = settings.account or SAMPLE_ACCOUNT
            found = find(_rendered(dataclasses.replace(settings, account=account)))
    for one in found:
        print(printable(str(one)))
    print(f"mistakes: {len(found)}")
    return MISTAKES if found else 0


def _deployment(args: argparse.Namespace) -> tuple[DeploymentSettings, Clients]:
    settings = settings_of(args)
    clients = clients_of(settings)
    return with_account(settings, clients), clients


def _begin(stack: Stack, settings: DeploymentSettings) -> None:
    """The bucket comes first: what the rest is made of must lie in it."""
    from pipelines.template.template import as_text, bucket_template

    with Reporter().task("Making the bucket", measurable=False):
        stack.deploy(as_text(bucket_template(settings)), {})


def _publish(settings: DeploymentSettings, clients: Clients) -> Sources:
    from pipelines.definition.render import bucket_name
    from pipelines.publish import publish as store

    with Reporter().task("Publishing the sources") as task:
        return store(clients, bucket_name(settings), _material(), _share(task))


def _bring_up(stack: Stack, args: argparse.Namespace, clients: Clients, sources: Sources) -> None:
    from pipelines.publish import publish_template
    from pipelines.template.template import FUNCTIONS_KEY, as_text
    from pipelines.template.template import template as whole

    settings = with_account(settings_of(args), clients)
    text = as_text(whole(settings, gates_of(args)))
    with Reporter().task("Bringing the account to the template", measurable=False):
        address = publish_template(clients, settings, text)
        outcome = stack.deploy(address, {FUNCTIONS_KEY: sources.functions})
    print(f"stack {settings.names.stack}: {outcome}")


def _sign(settings: DeploymentSettings, clients: Clients) -> None:
    from pipelines.aws import told
    from pipelines.errors import BuildError
    from pipelines.image.signing import ensure_signing

    with told("signing of images", BuildError):
        ensure_signing(clients, settings.names)


def _put(settings: DeploymentSettings, clients: Clients, sources: Sources) -> None:
    from pipelines.definition.pipeline import upsert as put
    from pipelines.definition.render import render

    outcome = put(clients, settings, render(settings, sources))
    print(f"pipeline {settings.names.pipeline}: {outcome}")


def _rendered(settings: DeploymentSettings) -> dict[str, Any]:
    from pipelines.definition.render import bucket_name, render

    return render(settings, _material().sources(bucket_name(settings)))


def _material() -> Material:
    from container.image.bundle import make_bundle
    from pipelines.publish import gather

    image = make_bundle()
    return gather(image.content, image.fingerprint)


def _share(task: Task) -> Callable[[str, int, int], None]:
    return lambda path, done, total: task.update(done / total)
