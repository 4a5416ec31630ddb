"""The local stack as the commands see it: its folder, its settings, its ports."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from cli.default_model import cache_folder
from cli.errors import CliError
from cli.network import free_port, require_free
from local.errors import StackError
from local.ministack import EmulatorMissing
from local.stack.part import Part
from local.stack.parts import clear, stack_parts
from local.stack.settings import CONTAINER, GATEWAY, NAMES, StackSettings

HOST = "127.0.0.1"
WEB = Path(__file__).parents[1] / "web" / "dist"


def stack_folder() -> Path:
    """Where logs, state and kept data of the stack are."""
    return cache_folder() / "stack"


def stack_settings(args: argparse.Namespace, model: Path) -> StackSettings:
    """Settings from the command's arguments.

    Raises:
        CliError: a part is unknown.
    """
    told = {GATEWAY: args.port} if args.port else {}
    with translated():
        return StackSettings(
            folder=stack_folder(),
            model=model,
            only=tuple(args.only),
            fleet=args.fleet,
            keep=args.keep,
            ports={**dict(args.port_of), **told},
            web=WEB if (WEB / "index.html").is_file() else None,
            faults=args.faults,
        )


def make_parts(settings: StackSettings) -> tuple[Sequence[Part], str]:
    """The parts on ports that are free now, and the address that a person opens.

    Raises:
        CliError: a port that was asked for is taken.
    """
    clear(settings)
    ports = _ports(settings)
    parts = stack_parts(settings, ports)
    listening = {part.name for part in parts}
    opened = next((name for name in (GATEWAY, CONTAINER) if name in listening), "")
    return parts, f"http://{HOST}:{ports[opened]}" if opened else ""


@contextmanager
def translated() -> Iterator[None]:
    """What keeps a stack from running, as one sentence of the command."""
    try:
        yield
    except (StackError, EmulatorMissing, ValueError) as error:
        raise CliError(str(error)) from error


def _ports(settings: StackSettings) -> Mapping[str, int]:
    for port in settings.ports.values():
        require_free(HOST, port)
    return {name: settings.ports.get(name) or free_port(HOST) for name in NAMES}
