"""Keeps packed weights on disk, so that a start neither reads the checkpoint nor quantises it.

    file:  SHA-256 of all that follows | length of the index | index (JSON) | tensors, aligned

A file's name tells the checkpoint (names, sizes, times and samples of its files), the kernels,
whose layout depends on the processor, and the version of transformers, whose eager logits are kept
along. A file that is spoilt in any way is not used: the weights are quantised again.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import Tensor

from serving.native.cache_folder import cache_folder, is_ours
from serving.native.compiler import library_name
from serving.native.memory import huge_pages

logger = logging.getLogger(__name__)

FORMAT = 1
MOST_FILES = 8
"""Older ones are deleted: a checkpoint that was changed in place leaves a file behind."""

SAMPLES, SAMPLE_BYTES = 64, 4096
"""What is read of a checkpoint's file: models of one shape have files of one size, and images and
archives that are made reproducibly give all files one time."""

_ALIGNMENT = 64
_DIGEST, _LENGTH = 32, 8


def store_path(folder: Path, kind: str, env: Mapping[str, str] = os.environ) -> Path | None:
    """Where `kind` of the checkpoint is or would be kept; None where nothing can be."""
    home = cache_folder("weights", env)
    if home is None:
        return None
    digest = hashlib.sha256()
    for path in [folder / "config.json", *sorted(folder.glob("*.safetensors"))]:
        facts = path.stat()
        digest.update(f"{path.name} {facts.st_size} {facts.st_mtime_ns};".encode())
        digest.update(_sample(path, facts.st_size))
    digest.update((folder / "config.json").read_bytes())
    versions = f"{FORMAT} {transformers.__version__} {library_name(env)}"
    digest.update(versions.encode())
    return home / f"{kind}-{digest.hexdigest()[:24]}.bin"


def _sample(path: Path, size: int) -> bytes:
    places = (size * number // SAMPLES for number in range(SAMPLES))
    with path.open("rb", buffering=0) as file:
        return b"".join(os.pread(file.fileno(), SAMPLE_BYTES, place) for place in places)


def save(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write all tensors, all or nothing. A full disk is a log line: the next start quantises."""
    index: dict[str, object] = {}
    end = 0
    for name, tensor in tensors.items():
        index[name] = [str(tensor.dtype).removeprefix("torch."), list(tensor.shape), end]
        end += _aligned(tensor.nbytes)
    try:
        _write(path, json.dumps(index).encode(), list(tensors.values()))
        _prune(path)
    except OSError as error:
        logger.warning("packed weights are not kept in %s: %s", path.parent, error)


def load(path: Path) -> dict[str, Tensor] | None:
    """The tensors of a file, or None if it is not there, or is not what `save` wrote."""
    if not path.is_file() or not is_ours(path.parent):
        return None
    with path.open("rb") as file:
        expected, length = file.read(_DIGEST), file.read(_LENGTH)
        content = huge_pages(max(1, path.stat().st_size - _DIGEST - _LENGTH))
        file.readinto(content)
    digest = hashlib.sha256(length)
    digest.update(content)
    if digest.digest() != expected:
        logger.warning("%s is spoilt; the weights are quantised again", path)
        return None
    os.utime(path)
    return _views(torch.frombuffer(content, dtype=torch.uint8), int.from_bytes(length, "little"))


def _views(body: Tensor, length: int) -> dict[str, Tensor]:
    index = json.loads(bytes(_content(body[:length])))
    tensors: dict[str, Tensor] = {}
    first = _aligned(length)
    for name, (kind, shape, offset) in index.items():
        dtype: torch.dtype = getattr(torch, kind)
        size = torch.Size(shape).numel() * dtype.itemsize
        begin = first + offset
        tensors[name] = body[begin : begin + size].view(dtype).view(shape)
    return tensors


def _write(path: Path, index: bytes, tensors: list[Tensor]) -> None:
    handle, unfinished = tempfile.mkstemp(dir=path.parent)
    length = len(index).to_bytes(_LENGTH, "little")
    digest = hashlib.sha256(length)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(bytes(_DIGEST) + length)
            for part in (memoryview(index), *(_content(tensor) for tensor in tensors)):
                for piece in (part, bytes(_aligned(part.nbytes) - part.nbytes)):
                    digest.update(piece)
                    file.write(piece)
            file.seek(0)
            file.write(digest.digest())
        os.replace(unfinished, path)
    finally:
        Path(unfinished).unlink(missing_ok=True)


def _content(tensor: Tensor) -> memoryview:
    flat: Any = tensor.contiguous().view(-1).view(torch.uint8).numpy()
    return memoryview(flat)


def _aligned(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT


def _prune(path: Path) -> None:
    kind = path.name.partition("-")[0]
    files = sorted(path.parent.glob(f"{kind}-*.bin"), key=lambda one: one.stat().st_mtime)
    for old in files[:-MOST_FILES]:
        old.unlink(missing_ok=True)
