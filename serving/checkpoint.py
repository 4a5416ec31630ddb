"""What a model folder must look like, checked before anything heavy starts. Imports no torch."""

from __future__ import annotations

from pathlib import Path

from serving.errors import ConfigError, UnsupportedModel


def check_folder(path: str) -> Path:
    """The checkpoint's folder, if it looks like one that may be loaded.

    Raises:
        ConfigError: it is not there or is no model folder.
        UnsupportedModel: its weights are pickles.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise ConfigError(f"model folder {path!r} does not exist; name a Hugging Face model folder")
    if not (folder / "config.json").is_file():
        raise ConfigError(f"{path!r} holds no config.json; name a Hugging Face model folder")
    if not any(folder.glob("*.safetensors")):
        pickles = sorted(item.name for item in [*folder.glob("*.bin"), *folder.glob("*.pt*")])
        if pickles:
            raise UnsupportedModel(
                f"{path!r} holds its weights as pickles ({pickles[0]}), which can run code when "
                "loaded; convert them with save_pretrained(..., safe_serialization=True)"
            )
        raise ConfigError(f"{path!r} holds no *.safetensors; copy the weights into the folder")
    return folder
