"""A conversation on the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from cli.chat import Conversation, ask_once, converse
from cli.chat_client import AnswerSettings, ChatClient, ChatError
from cli.errors import CliError
from tests.support.scripted_server import Answer, ScriptedServer
from tests.unit.cli.chat_server import ChatServer, delta, whole_answer

SYSTEM = ("system", "You are terse.")


def typed(*lines: str | type[BaseException]) -> Callable[[str], str]:
    """A person who types these lines, then Ctrl-D; an exception class is its key."""
    left = iter(lines)

    def read_line(prompt: str) -> str:
        line = next(left, EOFError)
        if isinstance(line, str):
            return line
        raise line

    return read_line


def talk(
    script: ChatServer,
    *lines: str | type[BaseException],
    check: Callable[[], None] = lambda: None,
) -> None:
    with ScriptedServer(script) as server:
        conversation = Conversation(ChatClient(server.url), AnswerSettings(), SYSTEM[1])
        converse(conversation, check, typed(*lines))


def test_each_turn_sends_the_history_with_the_servers_own_answers(
    capsys: pytest.CaptureFixture[str],
) -> None:
    script = ChatServer(whole_answer("One", "."), whole_answer("Two."))
    talk(script, "first", "second")
    first = [SYSTEM, ("user", "first")]
    assert script.histories() == [first, [*first, ("assistant", "One."), ("user", "second")]]
    out = capsys.readouterr().out
    assert "keepwarm> One.\n[receipt: 24 cached + 6 new tokens in" in out
    assert "keepwarm> Two.\n[receipt: " in out


def test_reset_forgets_all_but_the_system_prompt() -> None:
    script = ChatServer(whole_answer("One."), whole_answer("Two."))
    talk(script, "first", "/reset", "second")
    assert script.histories()[1] == [SYSTEM, ("user", "second")]


@pytest.mark.parametrize("leave", ["/exit", "/quit", EOFError])
def test_leaving(leave: str | type[BaseException]) -> None:
    script = ChatServer()
    talk(script, leave, "never asked")
    assert script.asked == []


def test_empty_lines_and_unknown_commands_ask_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    script = ChatServer()
    talk(script, "", "   ", "/what", KeyboardInterrupt)
    assert script.asked == []
    assert capsys.readouterr().out.count("/reset forgets") == 3


def test_ctrl_c_stops_the_answer_and_keeps_what_was_said() -> None:
    def interrupted(piece: str) -> None:
        raise KeyboardInterrupt

    script = ChatServer([delta("Half an")], whole_answer("Whole."))
    with ScriptedServer(script) as server:
        conversation = Conversation(ChatClient(server.url), AnswerSettings())
        with pytest.raises(KeyboardInterrupt):
            conversation.ask("first", interrupted)
        conversation.ask("second", lambda piece: None)
    expected = [("user", "first"), ("assistant", "Half an"), ("user", "second")]
    assert script.histories()[1] == expected


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ([delta("half")], "keepwarm: the stream ended without its receipt"),
        (
            Answer(400, b'{"error": {"code": "context_length_exceeded", "message": "Long"}}'),
            "keepwarm: Long; /reset starts a new conversation",
        ),
        (
            Answer(429, b'{"error": {"code": "overloaded", "message": "Full"}}'),
            "keepwarm: Full; ask again in a moment",
        ),
    ],
)
def test_a_failed_turn_is_forgotten_and_the_conversation_goes_on(
    capsys: pytest.CaptureFixture[str], answer: Iterable[bytes] | Answer, sentence: str
) -> None:
    script = ChatServer(answer, whole_answer("Yes."))
    talk(script, "first", "again")
    assert script.histories()[1] == [SYSTEM, ("user", "again")]
    assert sentence in capsys.readouterr().err


def test_a_server_that_ended_ends_the_chat() -> None:
    def ended() -> None:
        raise CliError("the server ended")

    with pytest.raises(CliError, match="the server ended"):
        talk(ChatServer([delta("half")]), "first", check=ended)


def test_control_characters_do_not_reach_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    talk(ChatServer(whole_answer("a\x1b[2Jb\x07\n\tc\x9d")), "first")
    assert "keepwarm> a[2Jb\n\tc\n" in capsys.readouterr().out


class TestAskOnce:
    def test_question_answer_and_receipt(self, capsys: pytest.CaptureFixture[str]) -> None:
        with ScriptedServer(ChatServer(whole_answer("Paris", "."))) as server:
            ask_once(Conversation(ChatClient(server.url), AnswerSettings()), "Capital?")
        out = capsys.readouterr().out
        assert out.startswith("you> Capital?\nkeepwarm> Paris.\n[receipt: ")

    def test_a_broken_answer_is_a_failure(self) -> None:
        with ScriptedServer(ChatServer([delta("half")])) as server:
            conversation = Conversation(ChatClient(server.url), AnswerSettings())
            with pytest.raises(ChatError):
                ask_once(conversation, "Capital?")
