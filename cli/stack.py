"""The local stack as the commands see it: its folder, its settings, its ports."""

from __future__ import annotations

import argparse
import errno
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from cli.default_model import cache_folder
from cli.errors import CliError
from cli.network import require_free
from local.errors import StackError
from local.ministack import EmulatorMissing
from local.stack.part import Part
from local.stack.parts import clear, stack_parts
from local.stack.room import check_room
from local.stack.settings import CONTAINER, GATEWAY, NAMES, StackSettings

HOST = "127.0.0.1"
WEB = Path(__file__).parents[1] / "web" / "dist"


def stack_folder() -> Path:
    """Where logs, state and kept data of the stack are."""
    return cache_folder() / "stack"


def stack_settings(args: argparse.Namespace, model: Path) -> StackSettings:
    """Settings from the command's arguments.

    Raises:
        CliError: a part is unknown, or two parts are to have one port.
    """
    ports = {**dict(args.port_of), **({GATEWAY: args.port} if args.port else {})}
    for name, port in ports.items():
        others = [other for other in ports if other != name and ports[other] == port]
        if others:
            raise CliError(f"{name} and {others[0]} cannot both have port {port}")
    with translated():
        return StackSettings(
            folder=stack_folder(),
            model=model,
            only=tuple(args.only),
            fleet=args.fleet,
            keep=args.keep,
            ports=ports,
            web=WEB if (WEB / "index.html").is_file() else None,
            faults=args.faults,
        )


def make_parts(settings: StackSettings) -> tuple[Sequence[Part], str]:
    """The parts on ports that are free now, and the address that a person opens.

    Raises:
        CliError: a port that was asked for is taken.
    """
    check_room(settings)
    ports = _ports(settings)
    clear(settings)
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
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES):
            raise
        raise CliError(
            f"{error.filename or stack_folder()} cannot be written ({error.strerror}); free that "
            "place or set KEEPWARM_HOME to another folder"
        ) from error


def _ports(settings: StackSettings) -> Mapping[str, int]:
    for name, port in settings.ports.items():
        try:
            require_free(HOST, port)
        except CliError as error:
            option = "--port" if name == GATEWAY else f"--port-of {name}=PORT"
            raise CliError(f"{name}: {str(error).replace('--port', option)}") from error
    with ExitStack() as held:
        return {name: settings.ports.get(name) or _free(held) for name in NAMES}


def _free(held: ExitStack) -> int:
    """A port that is free, and is held until all are chosen: none is given twice."""
    listener = held.enter_context(socket.create_server((HOST, 0)))
    return int(listener.getsockname()[1])
