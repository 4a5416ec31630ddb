"""The precisions that the CPU kernels compute in, and the settings by which one asks for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from serving.config import EngineConfig

SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "float32": {},
    "bfloat16": {"dtype": "bfloat16"},
    "int8": {"quantization": "int8"},
}
"""Fields of `EngineConfig` by the name of a precision."""


def variables(precision: str) -> dict[str, str]:
    """The KEEPWARM_ variables that ask a server for it."""
    fields = EngineConfig.__dataclass_fields__
    return {fields[name].metadata["env"]: value for name, value in SETTINGS[precision].items()}
