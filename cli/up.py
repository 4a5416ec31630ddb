"""`keepwarm up`: the whole architecture on this machine, a page to open, a chat in the terminal."""

from __future__ import annotations

import argparse
import getpass
import os
import signal
import sys
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING

from cli.chat import DEFAULT_QUESTION, Conversation, ask_once, converse
from cli.chat_client import AnswerSettings
from cli.errors import CliError
from cli.gateway_chat import GatewayChat
from cli.network import port_number
from cli.progress import Reporter
from cli.terminal import is_interactive, piped_text
from local.errors import StackError
from local.stack.settings import GATEWAY, NAMES

if TYPE_CHECKING:
    from local.stack.supervisor import Stack

TEND_S = 0.5


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
    add("--faults", default="", help="what goes wrong on the way, such as cut:after=2000,times=1")
    add("--stay", action="store_true", help="no chat here: run until Ctrl-C or `keepwarm down`")


def up(args: argparse.Namespace) -> None:
    """Start, chat or stay, stop all.

    In a terminal one can chat until Ctrl-C or Ctrl-D. Without one, one question is asked.

    Raises:
        CliError: a part does not start, or ends again and again.
    """
    from cli.commands import model_folder
    from cli.stack import make_parts, stack_settings, translated
    from cli.stack_view import StackView
    from local.stack.supervisor import running_stack

    settings = stack_settings(args, model_folder(args, Reporter()))
    view = StackView()
    with ExitStack() as followed, translated():
        followed.enter_context(view.following())
        with running_stack(settings, lambda: make_parts(settings), view.show) as stack:
            followed.close()
            print(f"\nKeepwarm is up: {stack.url}\n", file=sys.stderr, flush=True)
            with _Tending(stack):
                _use(args, stack)
            print("Stopping ...", file=sys.stderr, flush=True)


class _Tending:
    """Keeps the parts alive from a thread while the block runs.

    Raises:
        StackError: at the end, if one could not be kept alive; the block was interrupted then.
    """

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._over = threading.Event()
        self._failure: StackError | None = None
        self._thread = threading.Thread(target=self._tend, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *exc_info: object) -> None:
        self._over.set()
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def _tend(self) -> None:
        while not self._over.wait(TEND_S):
            try:
                self._stack.tend()
            except StackError as error:
                self._failure = error
                os.kill(os.getpid(), signal.SIGINT)
                return


def _use(args: argparse.Namespace, stack: Stack) -> None:
    chatting = any(one.part.name == GATEWAY for one in stack.parts) and not args.stay
    if not chatting:
        _stay()
        return
    question = args.ask
    if question is None and not is_interactive():
        question = piped_text() or DEFAULT_QUESTION
    if question is not None and not question.strip():
        raise CliError("--ask needs a question, and it is empty")
    settings = AnswerSettings(max_tokens=args.max_tokens, temperature=args.temperature)
    conversation = Conversation(GatewayChat(stack.url, _user()), settings, args.system)
    if question is not None:
        ask_once(conversation, question)
    else:
        converse(conversation, lambda: None, _read_line)


def _stay() -> None:
    """Until Ctrl-C, or SIGTERM from `keepwarm down`."""
    print("Ctrl-C stops everything.", file=sys.stderr, flush=True)
    threading.Event().wait()


def _read_line(prompt: str) -> str:
    """Ctrl-C at the prompt leaves, as Ctrl-D does: here it stands for the whole stack."""
    try:
        return input(prompt)
    except KeyboardInterrupt:
        raise EOFError from None


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "me"


def _port_of(text: str) -> tuple[str, int]:
    name, _, port = text.partition("=")
    if name not in NAMES:
        known = ", ".join(NAMES)
        raise argparse.ArgumentTypeError(f"PART=PORT with a part of {known}, got {text!r}")
    return name, port_number(port)
