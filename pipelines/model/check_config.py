"""Checks of the configuration: JSON, a known kind of model, and no wish for the repo's own code."""

from __future__ import annotations

import json
from typing import Any

from pipelines.model.report import Finding, failed, ok
from pipelines.model.scan import Inventory

CONFIG = "config"
CONFIG_FILE = "config.json"
WITH_AUTO_MAP = (
    CONFIG_FILE,
    "tokenizer_config.json",
    "generation_config.json",
    "processor_config.json",
    "preprocessor_config.json",
)


def read_json(inventory: Inventory, path: str) -> dict[str, Any] | None:
    """A JSON object of the artifact; None if it is not there or is none."""
    text = inventory.text(path)
    try:
        content = json.loads(text) if text is not None else None
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def check_config(inventory: Inventory) -> list[Finding]:
    """config.json names a model that transformers builds without code of the checkpoint's."""
    if CONFIG_FILE not in inventory.files:
        return [_absent(inventory)]
    config = read_json(inventory, CONFIG_FILE)
    if config is None:
        return [failed(CONFIG, f"{CONFIG_FILE} is not a JSON object", "download it again")]
    found = [
        _refuse_code(path)
        for path in WITH_AUTO_MAP
        if _asks_for_code(read_json(inventory, path) or {})
    ]
    if not isinstance(config.get("model_type"), str):
        message = f"{CONFIG_FILE} names no model_type"
        found.append(failed(CONFIG, message, "take the config.json of save_pretrained(...)"))
    return found or ok(CONFIG, f"{config['model_type']}, no code of the checkpoint's own")


def _asks_for_code(content: dict[str, Any]) -> bool:
    return bool(content.get("auto_map")) or content.get("trust_remote_code") is True


def _refuse_code(path: str) -> Finding:
    return failed(
        CONFIG,
        f"{path} asks for code of the checkpoint's own (auto_map or trust_remote_code), which "
        "never runs here",
        "delete auto_map if transformers knows the architecture; else it cannot be served",
    )


def _absent(inventory: Inventory) -> Finding:
    inner = sorted(path for path in inventory.files if path.endswith("/" + CONFIG_FILE))
    if inner:
        folder = inner[0].removesuffix(CONFIG_FILE)
        return failed(CONFIG, f"{CONFIG_FILE} lies in {folder}", "name or pack that folder itself")
    return failed(CONFIG, f"there is no {CONFIG_FILE}", "copy it beside the weights")
