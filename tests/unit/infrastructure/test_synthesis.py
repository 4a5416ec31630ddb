from __future__ import annotations

import json
from pathlib import Path

import pytest

from infrastructure import synthesis
from infrastructure.errors import SynthesisError
from tests.support.infrastructure import a_stage


def assembly(folder: Path) -> Path:
    stack = {
        "type": "aws:cloudformation:stack",
        "environment": "aws://111122223333/us-east-1",
        "properties": {"templateFile": "t.json", "stackName": "keepwarm-dev-data"},
    }
    manifest = {"artifacts": {"one": stack, "Tree": {"type": "cdk:tree"}}}
    folder.mkdir()
    (folder / "cdk.out").write_text("{}")
    (folder / "t.json").write_text('{"Resources": {}}')
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def test_the_stacks_are_those_of_the_manifest(tmp_path: Path) -> None:
    (stack,) = synthesis.stacks(assembly(tmp_path / "out"))

    assert (stack.name, stack.region) == ("keepwarm-dev-data", "us-east-1")
    assert stack.read() == {"Resources": {}}


def test_templates_are_read_by_part(tmp_path: Path) -> None:
    made = synthesis.read(assembly(tmp_path / "out"), a_stage("dev"))

    assert list(made.templates) == ["data"]


def test_an_older_assembly_makes_room(tmp_path: Path) -> None:
    folder = assembly(tmp_path / "out")

    synthesis.clear(folder)

    assert not folder.exists()


def test_an_empty_folder_or_none_will_do(tmp_path: Path) -> None:
    synthesis.clear(tmp_path)
    synthesis.clear(tmp_path / "new")


def test_a_folder_with_other_things_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("two years of work")

    with pytest.raises(SynthesisError, match="holds something else"):
        synthesis.clear(tmp_path)
    assert (tmp_path / "thesis.tex").exists()


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()

    with pytest.raises(SynthesisError, match="holds something else"):
        synthesis.clear(file)
