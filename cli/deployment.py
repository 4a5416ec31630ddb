"""What all commands about a deployment take: which one, in which region."""

from __future__ import annotations

import argparse
import dataclasses
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from cli.errors import CliError

if TYPE_CHECKING:
    from pipelines.aws import Clients
    from pipelines.gates.limits import GateLimits
    from pipelines.settings import DeploymentSettings


def add_settings_arguments(parser: argparse.ArgumentParser) -> None:
    """Which deployment is meant."""
    add = parser.add_argument
    add("--settings", metavar="FILE", help="its settings (default: keepwarm.toml, if there is one)")
    add("--name", help="prefix of all its names in the account (default: keepwarm)")
    add("--region", help="AWS region (default: us-east-1)")


@contextmanager
def sentences() -> Iterator[None]:
    """What the pipeline raises, as one sentence; exit code 2 for what was asked wrongly, else 1."""
    from pipelines.errors import PipelineError, SettingsError

    try:
        yield
    except SettingsError as error:
        raise CliError(str(error), exit_code=2) from error
    except PipelineError as error:
        raise CliError(str(error)) from error


def settings_of(args: argparse.Namespace) -> DeploymentSettings:
    """The deployment's settings.

    Raises:
        SettingsError: a file or a value cannot be used.
    """
    from pipelines.settings import DeploymentSettings

    return DeploymentSettings.load(_file(args), os.environ, name=args.name, region=args.region)


def gates_of(args: argparse.Namespace) -> GateLimits:
    """What the deployment's judge lets pass.

    Raises:
        SettingsError: a file or a value cannot be used.
    """
    from pipelines.gates.limits import GateLimits

    return GateLimits.load(_file(args), os.environ)


def clients_of(settings: DeploymentSettings) -> Clients:
    """Clients of AWS, with the credentials of the environment."""
    from pipelines.aws import BotoClients

    return BotoClients(settings.region)


def with_account(settings: DeploymentSettings, clients: Clients) -> DeploymentSettings:
    """The settings with the account's number, asked of AWS when they have none.

    Raises:
        SettingsError: AWS cannot be asked.
    """
    from pipelines.aws import account_of, told
    from pipelines.errors import SettingsError

    if settings.account:
        return settings
    with told("the account", SettingsError):
        return dataclasses.replace(settings, account=account_of(clients))


def _file(args: argparse.Namespace) -> Path | None:
    return Path(args.settings).expanduser() if args.settings else None
