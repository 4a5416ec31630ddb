"""Looks at a model folder before anything is started, and says what is wrong with it."""

from __future__ import annotations

import json
import re
from pathlib import Path

from cli.errors import CliError

PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")
LFS_POINTER = b"version https://git-lfs"


def check_model_folder(path: Path) -> Path:
    """The absolute path of a folder that can be served.

    A folder with its own `code/inference.py` may hold anything: its model_fn loads it.

    Raises:
        CliError: what is wrong, and what would be right.
    """
    folder = path.expanduser().absolute()
    _require_folder(path, folder)
    if (folder / "code" / "inference.py").is_file():
        return folder
    _require_config(folder)
    _require_weights(folder)
    if not (folder / "tokenizer.json").is_file():
        raise CliError(
            f"{folder} has no tokenizer.json; save the tokenizer there with "
            "AutoTokenizer.from_pretrained(...).save_pretrained(...)"
        )
    return folder


def _require_folder(given: Path, folder: Path) -> None:
    try:
        if folder.is_dir():
            list(folder.iterdir())
            return
    except PermissionError as error:
        raise CliError(f"{folder} may not be read: permission denied") from error
    if folder.exists():
        raise CliError(f"{folder} is a file; name the model folder, such as {folder.parent}")
    hint = ""
    if HUB_NAME.fullmatch(str(given)):
        hint = "; models are not downloaded by name: download it first and name its folder"
    raise CliError(f"there is no model folder {folder}{hint}")


def _require_config(folder: Path) -> None:
    config = folder / "config.json"
    if not config.is_file():
        raise CliError(f"{folder} is not a model folder: {_what_else(folder)}")
    try:
        content = json.loads(config.read_bytes())
    except (OSError, ValueError) as error:
        raise CliError(f"{config} cannot be read as JSON: {error}") from error
    if not isinstance(content, dict) or "model_type" not in content:
        raise CliError(f"{config} names no model_type: it is not a model's configuration")


def _what_else(folder: Path) -> str:
    """Why there may be no config.json."""
    if (folder / "adapter_config.json").is_file():
        return "it holds an adapter without its base model; merge it into the base model first"
    inner = sorted(path.parent for path in folder.glob("*/config.json"))
    inner += sorted(path.parent for path in folder.glob("snapshots/*/config.json"))
    if inner:
        return f"it has no config.json; did you mean {inner[0]}?"
    if any(folder.glob("*.gguf")):
        return "it holds GGUF files; save the model as a safetensors folder first"
    return "it has no config.json"


def _require_weights(folder: Path) -> None:
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        raise CliError(_no_weights(folder))
    for file in [*weights, *_missing_shards(folder)]:
        if not file.is_file():
            raise CliError(f"{file} is missing: the index of the weights names it")
        with file.open("rb") as opened:
            start = opened.read(len(LFS_POINTER))
        if start == LFS_POINTER:
            raise CliError(f"{file} is a git-lfs pointer, not the weights; run: git lfs pull")
        if len(start) < 8:
            raise CliError(f"{file} is empty; download it again")


def _no_weights(folder: Path) -> str:
    pickled = sorted(path.name for pattern in PICKLED for path in folder.glob(pattern))
    if pickled:
        return (
            f"{folder} has its weights as a pickle ({pickled[0]}), which can run code and is "
            "refused; save them as safetensors with save_pretrained(...)"
        )
    return f"{folder} has no *.safetensors weights"


def _missing_shards(folder: Path) -> list[Path]:
    index = folder / "model.safetensors.index.json"
    if not index.is_file():
        return []
    try:
        names = set(json.loads(index.read_bytes())["weight_map"].values())
    except (OSError, ValueError, LookupError, AttributeError, TypeError) as error:
        raise CliError(f"{index} cannot be read: {error}") from error
    return [folder / name for name in sorted(names) if not (folder / str(name)).is_file()]
