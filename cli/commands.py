"""What each command of `keepwarm` does."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

from cli.chat import DEFAULT_QUESTION, Conversation, ask_once, converse
from cli.chat_client import AnswerSettings, ChatClient
from cli.default_model import ensure_default_model
from cli.errors import CliError
from cli.model_folder import check_model_folder
from cli.network import require_free
from cli.progress import Reporter
from cli.server_process import ServerProcess, server_command, server_environment
from cli.settings_page import settings_page
from cli.terminal import is_interactive, piped_text


def run(args: argparse.Namespace) -> None:
    """Model, server, chat; the server ends with the chat."""
    reporter = Reporter()
    model = model_folder(args, reporter)
    with ServerProcess(model, reporter, args.port) as server:
        server.wait_ready()
        _chat(args, ChatClient(server.url), server.check_alive)


def chat(args: argparse.Namespace) -> None:
    """Chat with the server at --url; without one, as `run`."""
    if args.url is None:
        run(args)
    elif args.model is not None:
        raise CliError("--url names a running server, which has its model: leave --model away")
    else:
        _chat(args, ChatClient(args.url), check_server=lambda: None)


def serve(args: argparse.Namespace) -> None:
    """Become the server."""
    model = model_folder(args, Reporter())
    require_free(args.host, args.port)
    command = server_command(model, args.port)
    os.execve(command[0], command, server_environment(args.host))  # noqa: S606 (no shell wanted)


def model_fetch(args: argparse.Namespace) -> None:
    """Make the default model and print where it is."""
    output = None if args.output is None else Path(args.output).expanduser()
    print(ensure_default_model(Reporter(), output))


def settings(args: argparse.Namespace) -> None:
    """Print what docs/settings.md holds."""
    print(settings_page(), end="")


def version() -> str:
    """Name and version of what is installed."""
    try:
        return f"keepwarm {metadata.version('keepwarm')}"
    except metadata.PackageNotFoundError:
        return "keepwarm (not installed)"


def model_folder(args: argparse.Namespace, reporter: Reporter) -> Path:
    """The folder that --model names, looked at; without it the default model's, made if missing.

    Raises:
        CliError: it is no model folder.
    """
    if args.model is None:
        return ensure_default_model(reporter)
    if not args.model:
        raise CliError("--model needs the path of a model folder, and it is empty")
    return check_model_folder(Path(args.model))


def _chat(args: argparse.Namespace, client: ChatClient, check_server: Callable[[], None]) -> None:
    settings = AnswerSettings(max_tokens=args.max_tokens, temperature=args.temperature)
    conversation = Conversation(client, settings, args.system)
    question = args.ask
    if question is None and not is_interactive():
        question = piped_text() or DEFAULT_QUESTION
    if question is None:
        converse(conversation, check_server)
    elif question.strip():
        ask_once(conversation, question)
    else:
        raise CliError("--ask needs a question, and it is empty")
    sys.stdout.flush()
