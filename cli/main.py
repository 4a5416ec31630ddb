"""The `keepwarm` command: arguments, and the border where every failure becomes one sentence."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from cli import commands
from cli.errors import CliError
from cli.network import port_number
from cli.terminal import survive_any_encoding

INTERRUPTED = 130
INTERNAL_ERROR = 70


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code is 0, 1 (it failed), 2 (wrong arguments) or 130 (Ctrl-C)."""
    survive_any_encoding()
    args = _parser().parse_args(argv)
    try:
        with _leaving_cleanly_on(signal.SIGTERM, signal.SIGHUP):
            args.command(args)
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
    return 0


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

    def add(name: str, command: Callable[[argparse.Namespace], None], about: str) -> _Parser:
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

    add("settings", commands.settings, "Print every setting of server and engine as Markdown.")

    model = add("model", commands.model_fetch, "The default model.")
    actions = model.add_subparsers(required=True, metavar="ACTION")
    fetch = actions.add_parser("fetch", help="make it in the cache folder and print its path")
    fetch.add_argument("--output", metavar="FOLDER", help="make it there instead")
    return parser


_Parser = argparse.ArgumentParser


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
