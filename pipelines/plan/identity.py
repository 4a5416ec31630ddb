"""Which model a plan is of: the name of its folder, and the artifact's sha256 by its manifest."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipelines.model import manifest
from pipelines.model.manifest import MANIFEST


@dataclass(frozen=True)
class Identity:
    """A model's name; `sha256` is None without a manifest that lists this config.json."""

    name: str
    sha256: str | None


def identify(path: Path) -> Identity:
    """The identity of a model folder, or of its config.json alone.

    Files are not hashed again: `keepwarm model check` did that when it wrote the manifest. One that
    lists another config.json is of another model.
    """
    folder = path.resolve().parent if path.is_file() else path.resolve()
    name = folder.name or "model"
    try:
        listed = manifest.parse((folder / MANIFEST).read_bytes())
        config = manifest.entry_of((folder / "config.json").read_bytes())
    except (OSError, ValueError):
        return Identity(name, None)
    same = listed.get("config.json") == config
    return Identity(name, manifest.digest(listed) if same else None)
