"""`keepwarm up`: the whole architecture on this machine, a page to open, a chat in the terminal."""

from __future__ import annotations

import argparse
import getpass
import sys
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from cli.chat import DEFAULT_QUESTION, Conversation, ask_once, converse
from cli.chat_client import AnswerSettings
from cli.errors import CliError
from cli.extras import extras
from cli.gateway_chat import GatewayChat
from cli.network import port_number
from cli.progress import Reporter
from cli.tending import Tending
from cli.terminal import is_interactive, piped_text
from local.gateway.faults import parse_faults
from local.stack.settings import GATEWAY, NAMES

if TYPE_CHECKING:
    from local.stack.supervisor import Stack


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `up` takes beside the model and what a chat takes."""
    add = parser.add_argument
    add(
        "--only",
        action="append",
        default=[],
        choices=NAMES,
        metavar="PART",
        help=f"start this part and what it needs ({', '.join(NAMES)}); may be repeated",
    )
    add("--fleet", action="store_true", help="a second container, as the EC2 fleet")
    add("--keep", action="store_true", help="keep conversations and sessions for the next start")
    add("--port", type=port_number, help="port of the page and the API (default: a free one)")
    add(
        "--port-of",
        action="append",
        default=[],
        type=_port_of,
        metavar="PART=PORT",
        help="port of another part; may be repeated",
    )
    add(
        "--faults",
        default="",
        type=_faults,
        help="what goes wrong on the way, such as cut:after=2000,times=1",
    )
    add("--stay", action="store_true", help="no chat here: run until Ctrl-C or `keepwarm down`")


def up(args: argparse.Namespace) -> None:
    """Start, chat or stay, stop all.

    In a terminal one can chat until Ctrl-C or Ctrl-D. Without one, one question is asked.

    Raises:
        CliError: a part does not start, or ends again and again.
    """
    with extras():
        from cli.stack import make_parts, stack_settings, translated
        from cli.stack_view import StackView
        from local.stack.supervisor import running_stack

    _check(args)
    settings = stack_settings(args, _model(args))
    view = StackView()
    with ExitStack() as followed, translated():
        followed.enter_context(view.following())
        with running_stack(settings, lambda: make_parts(settings), view.show) as stack:
            followed.close()
            print(f"\nKeepwarm is up{_at(stack)}\n", file=sys.stderr, flush=True)
            with Tending(stack) as tending:
                _use(args, stack, tending)
            print("Stopping ...", file=sys.stderr, flush=True)


def _check(args: argparse.Namespace) -> None:
    """What can be told before anything is started."""
    if args.ask is None:
        return
    if not args.ask.strip():
        raise CliError("--ask needs a question, and it is empty")
    if args.stay:
        raise CliError("--ask asks one question and stops, --stay does not stop: leave one away")
    if args.only and GATEWAY not in args.only:
        raise CliError(f"--ask needs the {GATEWAY}: leave --only away, or add --only {GATEWAY}")


def _model(args: argparse.Namespace) -> Path:
    """The weights; they are made or looked at only where a container shall load them."""
    from cli.commands import model_folder
    from cli.default_model import default_model_folder
    from local.stack.parts import loads_model

    if loads_model(args.only):
        return model_folder(args, Reporter())
    return default_model_folder() if args.model is None else Path(args.model)


def _at(stack: Stack) -> str:
    return f": {stack.url}" if stack.url else ""


def _use(args: argparse.Namespace, stack: Stack, tending: Tending) -> None:
    chatting = any(one.part.name == GATEWAY for one in stack.parts) and not args.stay
    if not chatting:
        _stay()
        return
    question = args.ask
    if question is None and not is_interactive():
        question = piped_text() or DEFAULT_QUESTION
    settings = AnswerSettings(max_tokens=args.max_tokens, temperature=args.temperature)
    conversation = Conversation(GatewayChat(stack.url, _user()), settings, args.system)
    if question is not None:
        ask_once(conversation, question)
    else:
        converse(conversation, tending.check, tending.read_line)


def _stay() -> None:
    """Until Ctrl-C, or SIGTERM from `keepwarm down`."""
    print("Ctrl-C stops everything.", file=sys.stderr, flush=True)
    threading.Event().wait()


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "me"


def _faults(text: str) -> str:
    try:
        parse_faults(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


def _port_of(text: str) -> tuple[str, int]:
    name, _, port = text.partition("=")
    if name not in NAMES:
        known = ", ".join(NAMES)
        raise argparse.ArgumentTypeError(f"PART=PORT with a part of {known}, got {text!r}")
    return name, port_number(port)
