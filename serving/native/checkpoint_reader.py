"""Reads single tensors of a safetensors checkpoint: a model need never be whole in memory."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from safetensors import SafetensorError, safe_open
from torch import Tensor

WHOLE, INDEX = "model.safetensors", "model.safetensors.index.json"


class MissingTensor(Exception):
    """The checkpoint has no such tensor, or it cannot be read; the message names it."""


class CheckpointReader:
    """The tensors of a folder's safetensors, by name: of the files that transformers would read.

    A file is mapped for as long as a tensor of it lives: mapped pages count as memory in use.

    Raises:
        MissingTensor: a file or their index cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self._files: dict[str, Path] = {}
        for path in _files_of(folder):
            try:
                with safe_open(path, framework="pt") as file:
                    self._files.update(dict.fromkeys(file.keys(), path))
            except (OSError, SafetensorError) as error:
                raise MissingTensor(f"{path} cannot be read: {error}") from error

    def has(self, name: str) -> bool:
        """Whether there is such a tensor."""
        return name in self._files

    def file_of(self, name: str) -> Path:
        """The file that holds a tensor.

        Raises:
            MissingTensor: none does.
        """
        if name not in self._files:
            raise MissingTensor(f"the checkpoint has no tensor {name}")
        return self._files[name]

    def read(self, names: Iterable[str]) -> dict[str, Tensor]:
        """Tensors in float32, whatever they are kept in.

        Raises:
            MissingTensor: one is not there.
        """
        tensors: dict[str, Tensor] = {}
        by_file: dict[Path, list[str]] = {}
        for name in names:
            by_file.setdefault(self.file_of(name), []).append(name)
        for path, wanted in by_file.items():
            with safe_open(path, framework="pt") as file:
                tensors.update({name: file.get_tensor(name).float() for name in wanted})
        return tensors


def _files_of(folder: Path) -> list[Path]:
    """The whole model's file, else those of the index: shards of an older save may lie beside."""
    if (folder / WHOLE).is_file():
        return [folder / WHOLE]
    index = folder / INDEX
    if not index.is_file():
        return sorted(folder.glob("*.safetensors"))
    try:
        names = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
        return [folder / name for name in sorted(names)]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise MissingTensor(f"{index} cannot be read: {error}") from error
