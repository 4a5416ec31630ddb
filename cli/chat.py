"""A conversation on the terminal, or one question without one."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress

from cli.chat_client import AnswerSettings, ChatClient, ChatError, Message
from cli.errors import CliError
from cli.receipt import Receipt
from cli.terminal import printable

DEFAULT_QUESTION = "What is the capital of France?"
HELP = "/reset forgets the conversation, /exit or Ctrl-D leaves, Ctrl-C stops an answer"
FATAL = ("unreachable",)

Check = Callable[[], None]


class Conversation:
    """The history with one server; each turn sends all of it and adds the answer."""

    def __init__(self, client: ChatClient, settings: AnswerSettings, system: str = "") -> None:
        self._client = client
        self._settings = settings
        self._system = system
        self._model = client.model()
        self.messages: list[Message] = []
        self.reset()

    @property
    def model(self) -> str:
        """Name of the model at the other end."""
        return self._model

    def reset(self) -> None:
        """Forget everything but the system prompt."""
        self.messages = [{"role": "system", "content": self._system}] if self._system else []

    def ask(self, question: str, write: Callable[[str], None]) -> Receipt:
        """One turn; `write` gets the pieces of the answer as they come.

        What was answered before a Ctrl-C stays in the history. After an error the turn is
        forgotten, so that it can be asked again.

        Raises:
            ChatError: no answer, or not a whole one.
            KeyboardInterrupt: the person stopped it.
        """
        sent = [*self.messages, {"role": "user", "content": question}]
        answer = self._client.ask(self._model, sent, self._settings)
        try:
            for piece in answer:
                write(piece)
            receipt = answer.receipt
        except KeyboardInterrupt:
            if answer.text:
                self.messages = [*sent, {"role": "assistant", "content": answer.text}]
            raise
        finally:
            answer.close()
        self.messages = [*sent, {"role": "assistant", "content": answer.text}]
        return receipt


def ask_once(conversation: Conversation, question: str) -> None:
    """Print a question, its answer and the receipt."""
    print(f"you> {printable(question)}")
    print("keepwarm> ", end="", flush=True)
    receipt = conversation.ask(question, _write)
    print(f"\n{receipt.line()}", flush=True)


def converse(
    conversation: Conversation, check_server: Check, read_line: Callable[[str], str] = input
) -> None:
    """Questions and answers until the person leaves.

    `check_server` raises CliError when the server has ended, with the reason; `read_line` shows a
    prompt and returns what was typed.

    Raises:
        CliError: the server is gone.
    """
    with suppress(ImportError):
        import readline  # noqa: F401 (gives input() its line editing)
    print(f"Chatting with {printable(conversation.model)}. {HELP}.")
    while (question := _read_question(read_line)) is not None:
        if question in {"/exit", "/quit"}:
            return
        if question == "/reset":
            conversation.reset()
            print("(forgotten)")
        elif question.startswith("/"):
            print(HELP)
        elif question:
            _turn(conversation, question, check_server)


def _read_question(read_line: Callable[[str], str]) -> str | None:
    """What was typed; nothing after Ctrl-C; None after Ctrl-D."""
    try:
        return read_line("you> ").strip()
    except EOFError:
        print()
        return None
    except KeyboardInterrupt:
        print(f"\n({HELP})")
        return ""


def _turn(conversation: Conversation, question: str, check_server: Check) -> None:
    print("keepwarm> ", end="", flush=True)
    try:
        receipt = conversation.ask(question, _write)
    except KeyboardInterrupt:
        print("\n(stopped)")
    except ChatError as error:
        print(flush=True)
        check_server()
        if error.code in FATAL:
            raise
        print(f"keepwarm: {printable(_advice(error))}", file=sys.stderr)
    else:
        print(f"\n{receipt.line()}")


def _advice(error: CliError) -> str:
    code = error.code if isinstance(error, ChatError) else ""
    hints = {
        "context_length_exceeded": "/reset starts a new conversation",
        "overloaded": "ask again in a moment",
        "broken_stream": "ask again",
    }
    return f"{error}; {hints[code]}" if code in hints else str(error)


def _write(piece: str) -> None:
    print(printable(piece), end="", flush=True)
