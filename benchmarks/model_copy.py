"""A copy of a model folder whose end-of-sequence token never comes.

For peers that have no `ignore_eos`: every answer must have the same number of tokens everywhere,
or the one that stops early looks fast. Weights and tokenizer are linked, not copied.
"""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.errors import PeerFailed

_REWRITTEN = ("config.json", "generation_config.json")


def endless_copy(model: Path, folder: Path) -> Path:
    """Fill `folder` with links to `model` and rewritten configurations; returns `folder`.

    The new end-of-sequence id is the vocabulary's size, one past the last id there is, so the
    model goes on past its own end token exactly as with `ignore_eos`.

    Raises:
        PeerFailed: `model` is no model folder.
    """
    config = _read(model / "config.json")
    vocab_size = config.get("vocab_size")
    if not isinstance(vocab_size, int):
        raise PeerFailed(f"{model / 'config.json'} has no vocab_size; only text decoders are run")
    folder.mkdir(parents=True, exist_ok=True)
    for source in model.iterdir():
        if source.name not in _REWRITTEN:
            (folder / source.name).symlink_to(source.resolve())
    generation = model / "generation_config.json"
    rewritten = {"config.json": config}
    rewritten["generation_config.json"] = _read(generation) if generation.exists() else {}
    for name, content in rewritten.items():
        content["eos_token_id"] = vocab_size
        (folder / name).write_text(json.dumps(content, indent=2), encoding="utf-8")
    return folder


def _read(path: Path) -> dict[str, object]:
    """A JSON object from a file."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PeerFailed(f"cannot read {path}: {error}") from error
    if not isinstance(content, dict):
        raise PeerFailed(f"{path} does not hold a JSON object")
    return content
