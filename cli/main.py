"""The `keepwarm` command: arguments, and the border where every failure becomes one sentence."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from cli import (
    commands,
    deploy,
    doctor,
    infra,
    model_check,
    model_pack,
    pipeline,
    pipeline_run,
    plan,
    stack_commands,
    up,
)
from cli.errors import CliError
from cli.network import port_number
from cli.terminal import survive_any_encoding

INTERRUPTED = 130
INTERNAL_ERROR = 70


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code is 0, 1 (it failed), 2 (wrong arguments) or 130 (Ctrl-C).

    A command that answers a question by its exit code returns it.
    """
    survive_any_encoding()
    args = _parser().parse_args(argv)
    try:
        with _leaving_cleanly_on(signal.SIGTERM, signal.SIGHUP):
            exit_code: int | None = args.command(args)
            sys.stdout.flush()
    except CliError as error:
        return _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone; nothing more can be said there.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        return _fail(f"{error.strerror or error}: {error.filename or 'no file named'}", 1)
    except Exception as error:
        if os.environ.get("KEEPWARM_DEBUG"):
            raise
        what = f"{type(error).__name__}: {error}"
        return _fail(f"internal error: {what} (KEEPWARM_DEBUG=1 shows where)", INTERNAL_ERROR)
    return exit_code or 0


def _fail(sentence: str, exit_code: int) -> int:
    print(f"keepwarm: {sentence}", file=sys.stderr)
    return exit_code


@contextmanager
def _leaving_cleanly_on(*signals: signal.Signals) -> Iterator[None]:
    """End by SystemExit, so that a server that was started is stopped."""

    def leave(number: int, frame: FrameType | None) -> None:
        sys.exit(128 + number)

    before = {number: signal.signal(number, leave) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="keepwarm", description="Chat serving that keeps each conversation's KV cache warm."
    )
    parser.add_argument("--version", action="version", version=commands.version())
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, command: _Command, about: str) -> _Parser:
        made = subparsers.add_parser(name, help=about, description=about)
        made.set_defaults(command=command)
        return made

    run = add("run", commands.run, "Start a server and chat with it here.")
    _add_model(run)
    run.add_argument("--port", type=port_number, help="port of the server (default: a free one)")
    _add_chat(run)

    serve = add("serve", commands.serve, "Start the server alone, in the foreground.")
    _add_model(serve)
    serve.add_argument("--port", type=port_number, default=8080, help="default: 8080")
    serve.add_argument("--host", default="127.0.0.1", help="default: 127.0.0.1, this machine alone")

    chat = add("chat", commands.chat, "Chat with a running server, or with one started for it.")
    chat.add_argument("--url", help="the server, http://host:port (default: start one)")
    _add_model(chat)
    chat.set_defaults(port=None)
    _add_chat(chat)

    started = add("up", up.up, "Start the whole architecture on this machine, and chat with it.")
    _add_model(started)
    up.add_arguments(started)
    _add_chat(started)
    logs = add("logs", stack_commands.logs, "Show what the parts of the stack say.")
    stack_commands.add_logs_arguments(logs)
    add("down", stack_commands.down, "Stop the stack that runs on this machine.")
    looked = "Say what is missing on this machine, and the command that mends it."
    doctor.add_arguments(add("doctor", doctor.doctor, looked))

    add("settings", commands.settings, "Print every setting of server and engine as Markdown.")

    planned = "Show which instances a model fits on, how many sessions stay warm, what it costs."
    plan.add_arguments(add("plan", plan.plan, planned))

    _add_model_actions(add("model", commands.model_fetch, "Check and pack model artifacts."))
    _add_deployment(add)
    return parser


def _add_deployment(add: _Add) -> None:
    """From weights to a live endpoint."""
    here = pipeline.Action(
        "run", pipeline_run.pipeline_run, "Run its steps here.", pipeline_run.add_arguments
    )
    piped = "Build, check, register: the pipeline in the account, or all of it here."
    pipeline.add_actions(add("pipeline", _no_action, piped), here)
    swapped = "Everything for new weights, with the image that serves."
    pipeline.add_swap_arguments(add("swap", pipeline.swap, swapped))
    deployed = "Bring an approved version to the endpoint, a canary first."
    deploy.add_arguments(add("deploy", deploy.deploy, deployed))
    returned = "Go back to the approved version before."
    deploy.add_rollback_arguments(add("rollback", deploy.rollback, returned))
    stated = "Show the endpoint, its version, its alarms and the pipeline's steps."
    deploy.add_status_arguments(add("status", deploy.status, stated))
    deleted = "Delete the endpoint and all that belongs to it; the versions stay."
    deploy.add_delete_arguments(add("delete", deploy.delete, deleted))
    edge = "The AWS edge: templates, differences, deployment, its end."
    infra.add_actions(add("infra", _no_action, edge))


def _no_action(args: argparse.Namespace) -> None:
    """Argparse asks for an action before it comes to this."""


def _add_model_actions(parser: _Parser) -> None:
    actions = parser.add_subparsers(required=True, metavar="ACTION")

    def add(name: str, command: _Command, about: str) -> _Parser:
        made = actions.add_parser(name, help=about, description=about)
        made.set_defaults(command=command)
        return made

    fetch = add("fetch", commands.model_fetch, "Make the default model and print its path.")
    fetch.add_argument("--output", metavar="FOLDER", help="make it there instead")
    checked = "Check an artifact before an endpoint loads it, and write its manifest."
    model_check.add_arguments(add("check", model_check.model_check, checked))
    packed = "Check a model and lay it out as SageMaker expects it."
    model_pack.add_arguments(add("pack", model_pack.model_pack, packed))


_Parser = argparse.ArgumentParser
_Command = Callable[[argparse.Namespace], int | None]
_Add = Callable[[str, _Command, str], _Parser]


def _add_model(parser: _Parser) -> None:
    parser.add_argument(
        "--model", metavar="FOLDER", help="a Hugging Face model folder (default: SmolLM2-135M)"
    )


def _add_chat(parser: _Parser) -> None:
    add = parser.add_argument
    add("--ask", metavar="QUESTION", help="ask this alone, print the answer and stop")
    add("--system", default="", metavar="TEXT", help="system prompt")
    add("--max-tokens", type=_positive, default=512, help="of an answer (default: 512)")
    add("--temperature", type=_temperature, default=0.0, help="0 is greedy (default: 0)")


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 on, got {text!r}")
    return int(text)


def _temperature(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 100:
        raise argparse.ArgumentTypeError(f"must be a number from 0 to 100, got {text!r}")
    return value


if __name__ == "__main__":
    sys.exit(main())
