"""`keepwarm deploy`, `rollback`, `status` and `delete`: the production endpoint."""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cli.deployment import add_settings_arguments, clients_of, sentences, settings_of
from cli.errors import CliError
from cli.progress import Reporter
from cli.terminal import is_interactive, printable

if TYPE_CHECKING:
    from pipelines.endpoint.converge import Outcome
    from pipelines.endpoint.deployment import Deployment

GOES_ON = "it goes on without this command; `keepwarm status` shows how far it is"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `deploy` takes."""
    add_settings_arguments(parser)
    add = parser.add_argument
    add("--version", type=_natural, metavar="N", help="(default: the newest approved one)")
    add("--approve", action="store_true", help="approve the version if nobody has decided yet")
    _add_wait(parser)


def add_rollback_arguments(parser: argparse.ArgumentParser) -> None:
    """What `rollback` takes."""
    add_settings_arguments(parser)
    add = parser.add_argument
    add("--to", type=_natural, metavar="N", help="version (default: the approved one before)")
    add("--reason", default="rolled back by hand", help="why; the registry keeps it")
    _add_wait(parser)


def add_status_arguments(parser: argparse.ArgumentParser) -> None:
    """What `status` takes."""
    add_settings_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print all of it as JSON")


def add_delete_arguments(parser: argparse.ArgumentParser) -> None:
    """What `delete` takes."""
    add_settings_arguments(parser)
    parser.add_argument("--yes", action="store_true", help="do not ask")
    _add_wait(parser)


def deploy(args: argparse.Namespace) -> int:
    """Bring the newest approved version to the endpoint."""
    from pipelines.endpoint import follow
    from pipelines.endpoint.rollback import approve

    with sentences():
        if args.approve and args.version is None:
            raise CliError("--approve needs --version", exit_code=2)
        deployment = _open(args)
        approve(deployment, args.version, also_pending=args.approve)
        if not args.wait:
            return _tell(follow.begin(deployment))
        with _shown("deploying") as say:
            outcome = follow.deploy(deployment, say, time.sleep)
    print(printable(outcome.note))
    return 0


def rollback(args: argparse.Namespace) -> int:
    """Reject the version that serves, and go back to the approved one before."""
    from pipelines.endpoint.converge import converge
    from pipelines.endpoint.rollback import roll_back

    with sentences():
        deployment = _open(args)
        first = roll_back(deployment, args.reason, args.to)
        return _end(first, lambda: converge(deployment), "rolling back", wait=args.wait)


def delete(args: argparse.Namespace) -> int:
    """Delete the endpoint and what was made for it; versions, images and weights stay."""
    from pipelines.endpoint.remove import remove

    with sentences():
        deployment = _open(args)
        _confirm(args, deployment.names.endpoint)
        return _end(remove(deployment), lambda: remove(deployment), "deleting", wait=args.wait)


def status(args: argparse.Namespace) -> int:
    """Show the endpoint, its version, alarms, scaling, and the pipeline's last execution."""
    from cli.deploy_view import print_status
    from pipelines.endpoint.status import status as look

    with sentences():
        found = look(_open(args))
    if args.json:
        print(json.dumps(dataclasses.asdict(found), indent=2, default=str))
    else:
        print_status(found)
    return 0


def _open(args: argparse.Namespace) -> Deployment:
    from pipelines.endpoint.deployment import Deployment

    settings = settings_of(args)
    return Deployment.open(clients_of(settings), settings)


def _end(first: Outcome, step: Callable[[], Outcome], title: str, *, wait: bool) -> int:
    """Say what began, or stay to its end."""
    from pipelines.endpoint.follow import POLL_S, follow

    if first.ended or not wait:
        return _tell(first)
    with _shown(title) as say:
        say(first)
        time.sleep(POLL_S)
        outcome = follow(step, say, time.sleep)
    print(printable(outcome.note))
    return 0


def _tell(outcome: Outcome) -> int:
    print(printable(outcome.note))
    if not outcome.ended:
        Reporter().say(GOES_ON)
    return 0


@contextmanager
def _shown(title: str) -> Iterator[Callable[[Outcome], None]]:
    """Progress on standard error; Ctrl-C leaves AWS to it and says so."""
    reporter = Reporter()
    try:
        with reporter.task(title, measurable=False) as task:
            yield lambda outcome: task.update(description=printable(outcome.note))
    except KeyboardInterrupt:
        reporter.say(GOES_ON)
        raise


def _confirm(args: argparse.Namespace, endpoint: str) -> None:
    if args.yes:
        return
    if not is_interactive():
        raise CliError(f"this deletes the endpoint {endpoint}: say --yes", exit_code=2)
    if input(f"delete the endpoint {endpoint}? Type its name: ").strip() != endpoint:
        raise CliError("nothing was deleted")


def _add_wait(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--wait", action="store_true", help="stay and show what happens")


def _natural(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 on, got {text!r}")
    return int(text)
