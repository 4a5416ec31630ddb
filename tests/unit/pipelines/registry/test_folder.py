from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from pipelines.errors import RegistryError
from pipelines.registry.folder import FolderRegistry
from pipelines.registry.interface import Approval, Candidate, latest_approved

CANDIDATE = Candidate(
    image="local:1",
    model_data="/models/a",
    model_sha256="ab" * 32,
    environment={"KEEPWARM_DTYPE": "float32"},
    plan={"plans": [{"instance": "ml.g6e.2xlarge"}]},
    metrics={"perplexity": 12.5},
    card={"model_overview": {}},
    properties={"place": "here"},
)
OTHER = replace(CANDIDATE, model_sha256="cd" * 32)

WRITER = """
import sys
from dataclasses import replace
from pathlib import Path
from pipelines.registry.folder import FolderRegistry
from tests.unit.pipelines.registry.test_folder import CANDIDATE
registry = FolderRegistry(Path(sys.argv[1]))
for number in range(10):
    registry.register(replace(CANDIDATE, model_sha256=f"{sys.argv[2]}-{number}"))
    registry.register(replace(CANDIDATE, model_sha256=f"both-{number}"))
"""


def test_what_is_registered_comes_back_whole(tmp_path: Path) -> None:
    made = FolderRegistry(tmp_path).register(CANDIDATE)
    assert (made.number, made.candidate, made.approval) == (1, CANDIDATE, Approval.PENDING)
    assert FolderRegistry(tmp_path).get(1) == made


def test_versions_come_the_newest_first(tmp_path: Path) -> None:
    registry = FolderRegistry(tmp_path)
    for number in range(11):
        registry.register(replace(CANDIDATE, image=f"local:{number}"))
    assert [version.number for version in registry.versions()] == [*range(11, 0, -1)]


def test_the_same_candidate_is_the_same_version_also_when_it_was_approved(tmp_path: Path) -> None:
    registry = FolderRegistry(tmp_path)
    first = registry.register(CANDIDATE)
    registry.register(OTHER)
    registry.decide(first, Approval.APPROVED)
    again = registry.register(CANDIDATE)
    assert (again.number, again.approval) == (1, Approval.APPROVED)
    assert len(registry.versions()) == 2


def test_a_decision_stays_and_twice_changes_nothing(tmp_path: Path) -> None:
    registry = FolderRegistry(tmp_path)
    version = registry.register(CANDIDATE)
    assert latest_approved(registry) is None
    registry.decide(version, Approval.APPROVED, "it is good")
    before = (tmp_path / "versions" / "000001.json").stat()
    decided = registry.decide(version, Approval.APPROVED, "again")
    assert (tmp_path / "versions" / "000001.json").stat().st_mtime_ns == before.st_mtime_ns
    assert latest_approved(FolderRegistry(tmp_path)) == decided
    assert decided.created == version.created


def test_a_version_that_is_not_there(tmp_path: Path) -> None:
    registry = FolderRegistry(tmp_path)
    with pytest.raises(RegistryError, match=r"there is no version 1 in .*; it has none yet"):
        registry.get(1)
    registry.register(CANDIDATE)
    with pytest.raises(RegistryError, match=r"there is no version 7 in .*; it has 1"):
        registry.get(7)


def test_two_processes_may_register_at_a_time(tmp_path: Path) -> None:
    root = Path(__file__).parents[4]
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), name], cwd=root)
        for name in ("one", "two")
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    versions = FolderRegistry(tmp_path).versions()
    names = {version.candidate.model_sha256 for version in versions}
    assert len(names) == len(versions) == 30
    assert [version.number for version in versions] == [*range(30, 0, -1)]


def test_a_half_written_version_is_no_version(tmp_path: Path) -> None:
    registry = FolderRegistry(tmp_path)
    registry.register(CANDIDATE)
    (tmp_path / "versions" / ".000002.json.77").write_text("{")  # its writer was killed
    assert [version.number for version in registry.versions()] == [1]
    assert registry.register(OTHER).number == 2


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"format": 9}'])
def test_a_file_that_is_no_version_is_named(tmp_path: Path, text: str) -> None:
    registry = FolderRegistry(tmp_path)
    registry.register(CANDIDATE)
    (tmp_path / "versions" / "000001.json").write_text(text)
    with pytest.raises(RegistryError, match=r"000001.json holds no version"):
        registry.versions()


def test_a_number_that_json_has_none_for_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    registry = FolderRegistry(tmp_path)
    with pytest.raises(RegistryError, match="cannot be kept as JSON"):
        registry.register(replace(CANDIDATE, metrics={"perplexity": float("nan")}))
    assert registry.versions() == []


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RegistryError, match="cannot be written"):
        FolderRegistry(tmp_path / "file").register(CANDIDATE)


def test_the_file_is_json_that_people_can_read(tmp_path: Path) -> None:
    version = FolderRegistry(tmp_path).register(CANDIDATE)
    content = json.loads(Path(version.name).read_text())
    assert content["candidate"]["metrics"] == {"perplexity": 12.5}
