"""The library is compiled once, by whatever compiler there is, into a folder nobody else writes."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from serving.native import cache_folder, compiler, library
from serving.native.compiler import CannotCompile, library_path

FAKE = """#!/bin/sh
if [ "$1" = --version ]; then echo "fake {version}"; exit 0; fi
echo run >> {log}
while [ "$1" != -o ]; do shift; done
{action}
"""


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """An environment whose only compiler is a script that counts its runs."""
    write_compiler(tmp_path, 'echo library > "$2"')
    return {
        "PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin",
        "CXX": "fake-c++",
        "KEEPWARM_HOME": str(tmp_path / "home"),
    }


def write_compiler(root: Path, action: str, version: str = "1.0") -> None:
    script = root / "bin" / "fake-c++"
    script.parent.mkdir(exist_ok=True)
    script.write_text(FAKE.format(log=root / "log", action=action, version=version))
    script.chmod(script.stat().st_mode | stat.S_IXUSR)


def runs(root: Path) -> int:
    log = root / "log"
    return len(log.read_text().splitlines()) if log.exists() else 0


def test_the_second_start_compiles_nothing(env: dict[str, str], tmp_path: Path) -> None:
    first = library_path(env)
    assert library_path(env) == first
    assert first.parent == tmp_path / "home" / "kernels"
    assert runs(tmp_path) == 1


def test_another_compiler_makes_another_library(env: dict[str, str], tmp_path: Path) -> None:
    first = library_path(env)
    write_compiler(tmp_path, 'echo library > "$2"', version="2.0")
    assert library_path(env) != first
    assert first.exists()


def test_another_processor_makes_another_library(
    env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = library_path(env)
    monkeypatch.setattr(compiler, "_processor", lambda: "something newer")
    assert library_path(env) != first


def test_starts_at_the_same_time_all_get_a_library(env: dict[str, str], tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        paths = list(pool.map(lambda _: library_path(env), range(8)))
    assert len(set(paths)) == 1
    assert [path.name for path in paths[0].parent.iterdir()] == [paths[0].name]


def test_without_a_compiler_the_message_names_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(CannotCompile, match="apt-get install g\\+\\+"):
        library_path({"PATH": str(tmp_path), "KEEPWARM_HOME": str(tmp_path)})


def test_a_failing_compiler_is_quoted_and_leaves_nothing(
    env: dict[str, str], tmp_path: Path
) -> None:
    write_compiler(tmp_path, "echo 'no such flag' >&2; exit 1")
    with pytest.raises(CannotCompile, match="no such flag"):
        library_path(env)
    assert list((tmp_path / "home" / "kernels").iterdir()) == []


def test_a_folder_that_others_may_write_to_is_not_trusted(
    env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_folder.tempfile, "gettempdir", lambda: str(tmp_path / "tmp"))
    planted = library_path(env)
    planted.write_text("planted")
    planted.parent.chmod(0o777)
    used = library_path(env)
    assert used.parent.parent == tmp_path / "tmp"
    assert used.read_text() == "library\n"


def test_a_home_that_cannot_be_written_gives_way_to_a_temporary_folder(
    env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_folder.tempfile, "gettempdir", lambda: str(tmp_path / "tmp"))
    (tmp_path / "home").write_text("a file where the folder should be")
    assert library_path(env).parent.parent == tmp_path / "tmp"


def test_a_library_that_the_system_does_not_load_counts_as_none(tmp_path: Path) -> None:
    path = tmp_path / "kernels.so"
    path.write_text("not a library")
    with pytest.raises(CannotCompile, match=r"cannot be loaded: .*kernels\.so"):
        library.load(path)
