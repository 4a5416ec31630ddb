"""Which parts there are, who needs whom, and what a part says when it ends."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from local.errors import StackError
from local.gateway.settings import settings_from_json
from local.stack import parts as module
from local.stack.function import function_environment
from local.stack.part import Part, last_words
from local.stack.parts import clear, loads_model, stack_parts
from local.stack.settings import NAMES, StackSettings

PORTS: Mapping[str, int] = {name: 5000 + place for place, name in enumerate(NAMES)}


@pytest.fixture(autouse=True)
def programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "redis_command", lambda: "/bin/redis-server")
    monkeypatch.setattr(module, "ministack_command", lambda: "/bin/ministack")


def settings_of(folder: Path, **more: object) -> StackSettings:
    return StackSettings(folder=folder, model=folder / "model", **more)  # type: ignore[arg-type]


def parts_of(folder: Path, **more: object) -> dict[str, Part]:
    return {part.name: part for part in stack_parts(settings_of(folder, **more), PORTS)}


def test_all_but_the_fleet_are_wanted(tmp_path: Path) -> None:
    assert set(parts_of(tmp_path)) == set(NAMES) - {"fleet"}
    assert set(parts_of(tmp_path, fleet=True)) == set(NAMES)


@pytest.mark.parametrize(
    ("only", "wanted"),
    [
        (["redis"], {"redis"}),
        (["container"], {"container"}),
        (["sagemaker"], {"sagemaker", "container"}),
        (["consumer"], {"consumer", "stores"}),
        (["gateway"], {"gateway", "redis", "stores", "sagemaker", "container"}),
        (["fleet", "gateway"], set(NAMES) - {"consumer"}),
    ],
)
def test_a_part_brings_what_it_needs(tmp_path: Path, only: list[str], wanted: set[str]) -> None:
    assert set(parts_of(tmp_path, only=tuple(only))) == wanted
    assert loads_model(only) == ("container" in wanted or "fleet" in wanted)


def test_an_unknown_part_is_told_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="there is no part 'db'; the parts are redis, stores"):
        settings_of(tmp_path, only=("db",))
    with pytest.raises(StackError, match="there is no part 'db'"):
        settings_of(tmp_path, ports={"db": 1})


def test_every_server_is_told_to_stay_on_loopback(tmp_path: Path) -> None:
    parts = parts_of(tmp_path, fleet=True)
    bound = parts["redis"].command
    assert bound[bound.index("--bind") + 1] == "127.0.0.1"
    assert parts["stores"].env["BIND_HOST"] == "127.0.0.1"
    for name in ("container", "fleet"):
        assert parts[name].env["KEEPWARM_HOST"] == "127.0.0.1"


def test_data_are_on_disk_only_where_they_are_kept(tmp_path: Path) -> None:
    fleeting, kept = parts_of(tmp_path), parts_of(tmp_path, keep=True)
    assert "PERSIST_STATE" not in fleeting["stores"].env
    assert kept["stores"].env["STATE_DIR"].startswith(str(tmp_path))
    assert kept["redis"].command[kept["redis"].command.index("--appendonly") + 1] == "yes"
    assert "--checkpoints" not in fleeting["consumer"].command
    assert "--checkpoints" in kept["consumer"].command


def test_the_gateways_file_is_one_that_it_reads(tmp_path: Path) -> None:
    parts_of(tmp_path, fleet=True, web=tmp_path / "web", faults="cut:after=1")
    file = tmp_path / "gateway.json"
    content = json.loads(file.read_text())
    read = settings_from_json(content["gateway"])
    assert (read.port, read.faults) == (PORTS["gateway"], "cut:after=1")
    assert (read.web, read.parts_file) == (tmp_path / "web", tmp_path / "state.json")
    assert list(read.containers) == ["container", "fleet"]
    assert file.stat().st_mode & 0o077 == 0


def test_the_fleet_is_the_second_backend(tmp_path: Path) -> None:
    kinds = []
    for fleet in (False, True):
        environment = function_environment(settings_of(tmp_path, fleet=fleet), PORTS)
        kinds.append([one["kind"] for one in json.loads(environment["KEEPWARM_BACKENDS"])])
    assert kinds == [["sagemaker"], ["sagemaker", "fleet"]]


@pytest.mark.parametrize(
    ("config", "prompt"),
    [
        ('{"max_position_embeddings": 2048}', 2048 - 512 - 64),
        ('{"n_positions": 1024}', 1024 - 256 - 64),
        ("{}", 8192 - 512 - 64),
        ("nonsense", 8192 - 512 - 64),
    ],
)
def test_prompts_are_held_to_the_models_context(tmp_path: Path, config: str, prompt: int) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text(config)
    environment = function_environment(settings_of(tmp_path), PORTS)
    assert environment["KEEPWARM_PROMPT_TOKENS_HIGH"] == str(prompt)


@pytest.mark.parametrize("keep", [False, True])
def test_a_new_start_has_new_logs_and_data_only_where_kept(tmp_path: Path, keep: bool) -> None:
    settings = settings_of(tmp_path, keep=keep)
    settings.data.mkdir()
    (settings.data / "x").touch()
    settings.logs.mkdir()
    (settings.logs / "old.log").touch()
    (tmp_path / "telemetry.jsonl").touch()
    clear(settings)
    assert list(settings.logs.iterdir()) == []
    assert (settings.data / "x").exists() is keep
    assert not (tmp_path / "telemetry.jsonl").exists()


def test_the_last_words_of_a_part_are_its_last_logged_error(tmp_path: Path) -> None:
    log = tmp_path / "log"
    error = {"level": "error", "message": "no such model Bad", "error_type": "Bad"}
    log.write_text(f'{{"level": "info"}}\n{json.dumps(error)}\n[ERROR] Worker failed to boot.\n')
    assert last_words(log) == ": no such model"


def test_without_one_they_are_the_end_of_the_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("\n".join(f"line {number}" for number in range(50)) + "\n\n{broken\n")
    assert last_words(log).splitlines()[0] == "; the end of its log:"
    assert last_words(log).splitlines()[-2:] == ["  line 49", "  {broken"]
    assert len(last_words(log).splitlines()) == 21


def test_an_empty_log_is_said_to_be_one(tmp_path: Path) -> None:
    (tmp_path / "log").touch()
    assert last_words(tmp_path / "log") == "; its log is empty"
    assert last_words(tmp_path / "none") == "; its log is empty"
