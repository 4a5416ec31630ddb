"""The hash of all that goes into the image."""

from __future__ import annotations

from pathlib import Path, PurePath

import pytest

from container.image.fingerprint import fingerprint, image_files


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in (
        "Dockerfile",
        ".dockerignore",
        "LICENSE",
        "container/app.py",
        "container/README.md",
        "container/__pycache__/app.pyc",
        "container/image/lock.py",
        "container/image/requirements-cpu.txt",
        "serving/native/src/gemm.hpp",
        "serving/.secret",
        "tests/test_app.py",
        "model/code/inference.py",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path


def test_the_image_gets_its_packages_and_its_locks(project: Path) -> None:
    assert image_files(project) == [
        PurePath("LICENSE"),
        PurePath("container/app.py"),
        PurePath("container/image/requirements-cpu.txt"),
        PurePath("serving/native/src/gemm.hpp"),
    ]


@pytest.mark.parametrize(
    "name", ["Dockerfile", ".dockerignore", "container/app.py", "serving/native/src/gemm.hpp"]
)
def test_a_change_of_what_goes_in_changes_it(project: Path, name: str) -> None:
    before = fingerprint(project)
    (project / name).write_text("changed")
    assert fingerprint(project) != before


def test_a_new_a_renamed_and_a_missing_file_change_it(project: Path) -> None:
    seen = {fingerprint(project)}
    (project / "serving/new.py").write_text("")
    seen.add(fingerprint(project))
    (project / "serving/new.py").rename(project / "serving/renamed.py")
    seen.add(fingerprint(project))
    (project / "container/app.py").unlink()
    seen.add(fingerprint(project))
    assert len(seen) == 4


@pytest.mark.parametrize(
    "name",
    ["model/code/inference.py", "tests/test_app.py", "container/README.md", "serving/.secret"],
)
def test_the_model_and_what_stays_outside_do_not_change_it(project: Path, name: str) -> None:
    before = fingerprint(project)
    (project / name).write_text("changed")
    assert fingerprint(project) == before


def test_build_arguments_change_it(project: Path) -> None:
    assert fingerprint(project, ACCELERATOR="cpu") != fingerprint(project, ACCELERATOR="cuda")


def test_it_is_short_enough_for_a_tag(project: Path) -> None:
    assert len(fingerprint(project)) == 24
