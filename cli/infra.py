"""`keepwarm infra ...`: the AWS edge. Synthesis is ours, all that touches an account is cdk's."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cli.errors import CliError
from cli.progress import Reporter
from cli.terminal import is_interactive

if TYPE_CHECKING:
    from infrastructure.settings import Stage
    from infrastructure.toolkit import Toolkit
    from pipelines.aws import Clients

ROOT = Path(__file__).resolve().parents[1]
NEVER_ASK = ("--require-approval", "never")


def add_actions(parser: argparse.ArgumentParser) -> None:
    """The actions of `infra`."""
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    for one in ACTIONS:
        made = actions.add_parser(one.name, help=one.about, description=one.about)
        made.set_defaults(command=one.command)
        made.add_argument("--stage", default="dev", help="which stage (default: dev)")
        made.add_argument(
            "--stages", type=Path, metavar="FILE", help="the stages (default: the shipped ones)"
        )
        one.add_arguments(made)


def add_output(parser: argparse.ArgumentParser) -> None:
    """Where `synth` writes."""
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="(default: build/infrastructure/STAGE)"
    )


def add_yes(parser: argparse.ArgumentParser) -> None:
    """What `deploy` and `destroy` may do without asking."""
    parser.add_argument("--yes", action="store_true", help="ask nothing")


def add_nothing(parser: argparse.ArgumentParser) -> None:
    """What `diff` takes beside the stage."""


def synth(args: argparse.Namespace) -> int:
    """Write the templates, print which ones; asks no AWS."""
    from infrastructure.synthesis import synthesise

    with sentences():
        stage = _stage(args)
        output = args.output or Path("build", "infrastructure", stage.name)
        with Reporter().task(f"Synthesising stage {stage.name}", measurable=False):
            written = synthesise(stage, output)
    for stack in written:
        print(f"{stack.name}  {stack.region}  {stack.template}")
    return 0


def diff(args: argparse.Namespace) -> int:
    """Show what `deploy` would change."""
    with sentences():
        stage, toolkit = _ready(args)
        return _run(toolkit, "diff", stage, real=True)


def deploy(args: argparse.Namespace) -> int:
    """Build page and function, then bring the account to the stage's templates."""
    with sentences():
        stage, toolkit = _ready(args)
        return _run(toolkit, "deploy", stage, NEVER_ASK if args.yes else (), real=True)


def destroy(args: argparse.Namespace) -> int:
    """Delete the stage's stacks; what it retains stays."""
    with sentences():
        stage, toolkit = _ready(args)
        if not args.yes:
            _confirm(stage)
        return _run(toolkit, "destroy", stage, ("--force",), real=False)


@contextmanager
def sentences() -> Iterator[None]:
    """What can go wrong, as one sentence; exit code 2 for settings, else 1."""
    from infrastructure.errors import InfrastructureError, SettingsError
    from pipelines.errors import PipelineError

    try:
        yield
    except SettingsError as error:
        raise CliError(str(error), exit_code=2) from error
    except (InfrastructureError, PipelineError) as error:
        raise CliError(str(error)) from error


def clients_of(stage: Stage) -> Clients:
    """Clients of AWS, with the credentials of the environment."""
    from pipelines.aws import BotoClients

    return BotoClients(stage.region)


def _stage(args: argparse.Namespace) -> Stage:
    from infrastructure import settings

    return settings.load(args.stage, args.stages.expanduser() if args.stages else None)


def _ready(args: argparse.Namespace) -> tuple[Stage, Toolkit]:
    """The stage and cdk, once nothing speaks against touching the account."""
    from infrastructure import settings, toolkit
    from infrastructure.errors import SettingsError

    stage = _stage(args)
    if made_up := settings.placeholders(stage):
        raise SettingsError(
            f"stage {stage.name!r} still has the documentation's values in {', '.join(made_up)}; "
            "put your own into a copy of the file and name it by --stages"
        )
    program = toolkit.find()
    _check_account(stage)
    return stage, program


def _check_account(stage: Stage) -> None:
    from infrastructure.errors import DeploymentError
    from pipelines.aws import account_of, told
    from pipelines.errors import DeployError

    with told("the account", DeployError):
        account = account_of(clients_of(stage))
    if account != stage.account:
        raise DeploymentError(
            f"the credentials are for account {account}, stage {stage.name!r} is for "
            f"{stage.account}; use that account's credentials"
        )


def _run(
    toolkit: Toolkit, action: str, stage: Stage, options: tuple[str, ...] = (), *, real: bool
) -> int:
    from infrastructure.synthesis import synthesise

    reporter = Reporter()
    if real:
        with reporter.task("Building the page", measurable=False):
            _build_page()
    with tempfile.TemporaryDirectory(prefix="keepwarm-edge-") as folder:
        assembly = Path(folder) / "assembly"
        with reporter.task(f"Synthesising stage {stage.name}", measurable=False):
            synthesise(stage, assembly, real=real)
        return toolkit.run(action, assembly, options)


def _build_page() -> None:
    """By make, which knows whether there is anything to do.

    Raises:
        DeploymentError: this is no checkout, or the page cannot be built.
    """
    from infrastructure.errors import DeploymentError

    make = shutil.which("make")
    if make is None or not (ROOT / "web" / "package.json").is_file():
        raise DeploymentError(
            "the page is built from its sources: run this in a checkout with make"
        )
    if subprocess.run(
        [make, "--silent", "web"], cwd=ROOT, stdout=sys.stderr, check=False
    ).returncode:
        raise DeploymentError("the page cannot be built; `make web` says why")


def _confirm(stage: Stage) -> None:
    """A person types the stage's name.

    Raises:
        CliError: nobody is there to ask, or the answer is another one.
    """
    if not is_interactive():
        raise CliError(f"destroying stage {stage.name} needs --yes where nobody can be asked")
    if stage.retains:
        print('Its stacks are protected: deploy with removal = "destroy" first, else AWS refuses.')
    if input(f"Type {stage.name} to destroy its stacks: ").strip() != stage.name:
        raise CliError("nothing was destroyed")


@dataclass(frozen=True)
class Action:
    """`keepwarm infra NAME`: what it does, and what it takes."""

    name: str
    command: Callable[[argparse.Namespace], int]
    about: str
    add_arguments: Callable[[argparse.ArgumentParser], None]


ACTIONS = (
    Action("synth", synth, "Write a stage's templates; asks no AWS.", add_output),
    Action("diff", diff, "Show what a deployment would change.", add_nothing),
    Action("deploy", deploy, "Bring a stage to its account.", add_yes),
    Action("destroy", destroy, "Delete a stage's stacks.", add_yes),
)
