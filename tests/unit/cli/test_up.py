"""`up`, `logs` and `down` as commands, with tiny parts in place of the real ones."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from cli import up as module
from cli.main import main
from cli.stack import make_parts, stack_settings
from local.stack.part import Part
from local.stack.settings import GATEWAY, StackSettings
from local.stack.supervisor import RESTARTS
from tests.support.tiny_stack import tiny

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("KEEPWARM_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def tiny_parts(monkeypatch: pytest.MonkeyPatch, *parts: Part) -> None:
    def make(settings: StackSettings) -> tuple[Sequence[Part], str]:
        settings.logs.mkdir(parents=True, exist_ok=True)
        return parts, "http://127.0.0.1:4711"

    monkeypatch.setattr("cli.stack.make_parts", make)
    monkeypatch.setattr(module, "_model", lambda args: Path("/model"))


def arguments(**given: object) -> argparse.Namespace:
    usual = {"only": [], "fleet": False, "keep": False, "port": None, "port_of": [], "faults": ""}
    return argparse.Namespace(**{**usual, **given})


def test_without_a_gateway_it_stays_until_it_is_told_to_go(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    tiny_parts(monkeypatch, tiny(tmp_path, "redis"))

    def leave() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "_stay", leave)
    assert main(["up", "--only", "redis"]) == 130
    said = capsys.readouterr().err
    assert "Keepwarm is up: http://127.0.0.1:4711" in said
    assert said.splitlines()[-1].startswith("redis      stopped")


def test_a_part_that_cannot_be_kept_alive_ends_the_command_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("cli.tending.TEND_S", 0.02)
    starts = tmp_path / "order"
    dies = tiny(tmp_path, "redis", does=f"test $(wc -l < {starts}) -gt 1 && exit 9; sleep 1")
    tiny_parts(monkeypatch, dies)
    assert main(["up", "--stay"]) == 1
    assert f"ended {RESTARTS + 1} times within a minute" in capsys.readouterr().err


def test_ports_are_as_told_and_never_given_twice(tmp_path: Path) -> None:
    from cli.network import free_port
    from cli.stack import _ports

    wanted = free_port("127.0.0.1")
    ports = _ports(stack_settings(arguments(port=wanted), tmp_path))
    assert ports[GATEWAY] == wanted
    assert len(set(ports.values())) == len(ports)


def test_the_address_is_the_gateways_or_else_the_containers(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    settings = stack_settings(arguments(only=["container"]), tmp_path / "model")
    settings.folder.mkdir(parents=True)
    parts, url = make_parts(settings)
    assert url == f"http://127.0.0.1:{parts[0].port}"
    assert make_parts(stack_settings(arguments(only=["redis"]), tmp_path / "model"))[1] == ""


def test_what_no_container_loads_is_not_looked_at(tmp_path: Path) -> None:
    args = arguments(only=["redis"], model="/nowhere")
    assert module._model(args) == Path("/nowhere")


class TestFromAnotherTerminal:
    def test_down_stops_a_stack_and_waits_for_its_end(
        self, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with subprocess.Popen(
            [sys.executable, "-m", "tests.support.tiny_stack", str(home)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "up\n"
            assert main(["down"]) == 0
            assert process.wait(30) == 128 + signal.SIGTERM
        assert capsys.readouterr().out == "stopped\n"

    def test_down_ends_what_a_killed_stack_left(
        self, home: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with subprocess.Popen(
            [sys.executable, "-m", "tests.support.tiny_stack", str(home)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            process.kill()
        assert main(["down"]) == 0
        assert main(["down"]) == 0
        assert capsys.readouterr().out == "stopped what was left: first, second\nnothing runs\n"

    @pytest.fixture
    def logs(self, home: Path) -> Path:
        folder = home / "stack" / "logs"
        folder.mkdir(parents=True)
        (folder / "redis.log").write_text("one\ntwo\nthree\n")
        (folder / "gateway.log").write_text("a\x1b[2Jb\nhalf a li")
        return folder

    def test_logs_show_the_end_of_each(
        self, logs: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["logs", "-n", "2"]) == 0
        assert capsys.readouterr().out == ("gateway    a[2Jb\nredis      two\nredis      three\n")

    def test_logs_follow_whole_lines(self, logs: Path) -> None:
        with subprocess.Popen(
            [sys.executable, "-m", "cli.main", "logs", "gateway", "-f", "-n", "1"],
            cwd=ROOT,
            env=os.environ,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "gateway    a[2Jb\n"
            with (logs / "gateway.log").open("a") as file:
                file.write("ne\nnext\n")
            assert process.stdout.readline() == "gateway    half a line\n"
            assert process.stdout.readline() == "gateway    next\n"
            (logs / "gateway.log").write_text("anew\n")
            assert process.stdout.readline() == "gateway    anew\n"
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 130
