"""The command line: every failure one sentence and an exit code, never a traceback."""

from __future__ import annotations

import io
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cli import commands, server_process
from cli.errors import CliError
from cli.main import main
from tests.support.scripted_server import ScriptedServer
from tests.unit.cli.chat_server import ChatServer, whole_answer


def make_model(folder: Path) -> Path:
    (folder / "config.json").write_text('{"model_type": "llama"}')
    (folder / "model.safetensors").write_bytes(b"\x08" + b"\0" * 40)
    (folder / "tokenizer.json").write_text("{}")
    return folder


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "required: COMMAND"),
        (["fly"], "invalid choice: 'fly'"),
        (["serve", "--port", "0"], "a port is a number from 1 to 65535"),
        (["serve", "--port", "http"], "a port is a number from 1 to 65535"),
        (["serve", "--port", "70000"], "a port is a number from 1 to 65535"),
        (["run", "--max-tokens", "-1"], "must be a whole number from 1 on"),
        (["run", "--temperature", "hot"], "must be a number from 0 to 100"),
        (["run", "--temperature", "nan"], "must be a number from 0 to 100"),
        (["model"], "required: ACTION"),
    ],
)
def test_wrong_arguments(
    capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["serve", "--model", "/nowhere"], "there is no model folder /nowhere"),
        (["run", "--model", ""], "--model needs the path of a model folder"),
        (["chat", "--url", "localhost:1"], "write http://host:port"),
        (["chat", "--url", "http://127.0.0.1:9", "--model", "x"], "leave --model away"),
        (["model", "fetch", "--output", "/dev/null"], "was not made by keepwarm"),
    ],
)
def test_a_failure_is_one_sentence(
    capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str
) -> None:
    assert main(arguments) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("keepwarm: ")
    assert captured.err.count("\n") == 1
    assert sentence in captured.err


def test_a_taken_port(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main(["serve", "--model", str(make_model(tmp_path)), "--port", port]) == 1
    assert f"port {port} is taken" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "exit_code", "sentence"),
    [
        (CliError("It failed.", exit_code=3), 3, "keepwarm: It failed.\n"),
        (KeyboardInterrupt(), 130, ""),
        (
            OSError(28, "No space left on device", "/cache/x"),
            1,
            "keepwarm: No space left on device: /cache/x\n",
        ),
        (
            ZeroDivisionError("division by zero"),
            70,
            "keepwarm: internal error: ZeroDivisionError: division by zero "
            "(KEEPWARM_DEBUG=1 shows where)\n",
        ),
    ],
)
def test_how_errors_end(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    exit_code: int,
    sentence: str,
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(commands, "ensure_default_model", fail)
    assert main(["model", "fetch"]) == exit_code
    assert capsys.readouterr().err == sentence


def test_sigterm_unwinds(monkeypatch: pytest.MonkeyPatch) -> None:
    unwound = []

    def wait(*_: object) -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            signal.pause()
        finally:
            unwound.append(True)

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(commands, "ensure_default_model", wait)
    with pytest.raises(SystemExit) as caught:
        main(["model", "fetch"])
    assert (caught.value.code, unwound) == (128 + signal.SIGTERM, [True])
    assert signal.getsignal(signal.SIGTERM) is before


def test_serve_becomes_the_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    became: list[tuple[list[str], str]] = []

    def execve(path: str, command: list[str], environment: dict[str, str]) -> None:
        became.append((command, environment["KEEPWARM_HOST"]))

    monkeypatch.setattr(commands.os, "execve", execve)
    monkeypatch.setattr(commands, "require_free", lambda host, port: None)
    model = make_model(tmp_path)
    assert main(["serve", "--model", str(model), "--port", "8099"]) == 0
    expected = ["-m", "container.server", "--model", str(model), "--port", "8099"]
    assert became == [([sys.executable, *expected], "127.0.0.1")]


class TestChatWithoutATerminal:
    @pytest.fixture
    def ask(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> Callable[..., tuple[int, ChatServer]]:
        """ask(piped, *arguments) -> exit code and what the server saw."""

        def run(piped: str, *arguments: str) -> tuple[int, ChatServer]:
            script = ChatServer(whole_answer("Paris", "."))
            source = tmp_path / "stdin"
            source.write_text(piped, encoding="utf-8")
            with source.open(encoding="utf-8") as stdin, ScriptedServer(script) as server:
                monkeypatch.setattr(sys, "stdin", stdin)
                return main(["chat", "--url", server.url, *arguments]), script

        return run

    def test_one_question_answer_and_receipt(
        self, ask: Callable[..., tuple[int, ChatServer]], capsys: pytest.CaptureFixture[str]
    ) -> None:
        code, script = ask("", "--max-tokens", "7", "--temperature", "0.5")
        assert code == 0
        assert script.histories() == [[("user", "What is the capital of France?")]]
        assert (script.asked[0]["max_tokens"], script.asked[0]["temperature"]) == (7, 0.5)
        assert "keepwarm> Paris.\n[receipt: " in capsys.readouterr().out

    def test_what_is_piped_in_is_asked(self, ask: Callable[..., tuple[int, ChatServer]]) -> None:
        _, script = ask("Grüße?\n")
        assert script.histories() == [[("user", "Grüße?")]]

    def test_ask_wins(self, ask: Callable[..., tuple[int, ChatServer]]) -> None:
        _, script = ask("piped", "--ask", "asked", "--system", "s")
        assert script.histories() == [[("system", "s"), ("user", "asked")]]

    def test_an_empty_question(
        self, ask: Callable[..., tuple[int, ChatServer]], capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert ask("", "--ask", " ")[0] == 1
        assert "--ask needs a question" in capsys.readouterr().err

    def test_a_closed_stdin(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "stdin", None)
        with ScriptedServer(ChatServer(whole_answer("Paris."))) as server:
            assert main(["chat", "--url", server.url]) == 0


def test_run_stops_its_server_when_the_chat_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = "import sys; print('loading'); sys.exit('no memory')"
    monkeypatch.setattr(
        server_process, "server_command", lambda model, port: [sys.executable, "-c", program]
    )
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    assert main(["run", "--model", str(make_model(tmp_path))]) == 1
    err = capsys.readouterr().err
    assert "no memory\nkeepwarm: the server ended (exit code 1)" in err
