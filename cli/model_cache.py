"""A model folder that is whole or absent: manifest, lock and the rename that makes it appear."""

from __future__ import annotations

import dataclasses
import fcntl
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.errors import CliError
from cli.model_wheel import sha256_of
from cli.progress import Reporter

if TYPE_CHECKING:
    from cli.default_model import Source

MANIFEST = "keepwarm-manifest.json"
FORMAT = 1  # raised when what is made of the same source changes


def is_whole(folder: Path, source: Source) -> bool:
    """Whether `folder` holds all that its manifest lists, made of `source`.

    A file whose size and time are those of the manifest is trusted; one with another time is
    hashed, so that a copied folder is fine and a damaged one is noticed.
    """
    manifest = _read_manifest(folder)
    if manifest is None or manifest.get("made_of") != _made_of(source):
        return False
    files = manifest.get("files")
    if not isinstance(files, dict) or not files:
        return False
    return all(_is_intact(folder / name, facts) for name, facts in files.items())


def write_manifest(folder: Path, source: Source) -> None:
    """List every file of `folder`, as they are now."""
    files = {}
    for path in sorted(folder.iterdir()):
        path.chmod(0o644)
        status = path.stat()
        files[path.name] = {
            "size": status.st_size,
            "mtime_ns": status.st_mtime_ns,
            "sha256": sha256_of(path),
        }
    content = {"made_of": _made_of(source), "files": files}
    (folder / MANIFEST).write_text(json.dumps(content, indent=2), encoding="utf-8")


@contextmanager
def builder_lock(target: Path, reporter: Reporter) -> Iterator[None]:
    """Hold the right to make `target`; waits for whoever has it."""
    with (target.parent / f".{target.name}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            reporter.say("another process is making the default model; waiting for it ...")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def building_prefix(target: Path) -> str:
    """How the names of the work folders beside `target` begin."""
    return f".{target.name}.building-"


def remove_leftovers(target: Path) -> None:
    """Delete work folders of builders that died; only under the lock."""
    for folder in target.parent.glob(building_prefix(target) + "*"):
        shutil.rmtree(folder, ignore_errors=True)


def refuse_foreign(target: Path) -> None:
    """Never replace a folder that something else made.

    Raises:
        CliError: `target` holds files and no manifest of ours.
    """
    if target.is_dir() and not any(target.iterdir()):
        return
    if target.exists() and not (target / MANIFEST).is_file():
        raise CliError(f"{target} exists and was not made by keepwarm; name a new folder")


def publish(made: Path, target: Path) -> None:
    """Put the finished folder in its place; what was there goes."""
    made.chmod(0o755)
    if target.exists():
        old = target.parent / (building_prefix(target) + f"old-{uuid.uuid4().hex}")
        os.replace(target, old)
        shutil.rmtree(old, ignore_errors=True)
    os.replace(made, target)


def _made_of(source: Source) -> dict[str, Any]:
    return {"format": FORMAT, **dataclasses.asdict(source)}


def _read_manifest(folder: Path) -> dict[str, Any] | None:
    try:
        content = json.loads((folder / MANIFEST).read_bytes())
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def _is_intact(path: Path, facts: object) -> bool:
    if not isinstance(facts, dict):
        return False
    try:
        status = path.stat()
        if status.st_size != facts.get("size"):
            return False
        return status.st_mtime_ns == facts.get("mtime_ns") or sha256_of(path) == facts.get("sha256")
    except OSError:
        return False
