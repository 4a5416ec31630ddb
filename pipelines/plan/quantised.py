"""Quantised checkpoints: bits of a number, and whether the loader keeps it packed.

Bits by the config alone are an estimate: linear layers are taken to be packed, embeddings, output
head and norms to be whole. The headers of the weights know better, and are asked first.

The loader hands quantised checkpoints to transformers, which wants a package for each method. For
some it widens the weights to 16 bits instead, without a word in the config: then a model needs
several times the memory that its files take.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import Any

from transformers import PretrainedConfig

WHOLE_METHODS = {"fp8": 8.0, "fbgemm_fp8": 8.0, "mxfp4": 4.25, "mxfp8": 8.25}
DEFAULT_GROUP = 128
PACKAGES = {
    "aqlm": "aqlm",
    "auto-round": "auto_round",
    "awq": "gptqmodel",
    "bitsandbytes": "bitsandbytes",
    "compressed-tensors": "compressed_tensors",
    "eetq": "kernels",
    "fbgemm_fp8": "fbgemm_gpu",
    "fp8": "kernels",
    "gptq": "gptqmodel",
    "hqq": "hqq",
    "mxfp4": "kernels",
    "mxfp8": "kernels",
    "quanto": "optimum",
    "torchao": "torchao",
    "vptq": "vptq",
}
"""What transformers imports to keep such weights packed."""
FP8 = ("fp8", "mxfp8")
SCALE_BITS = 16  # of each group's scale


@dataclass(frozen=True)
class Loading:
    """How a quantised checkpoint gets into memory.

    Attributes:
        packed: it stays as small as its files; else it is widened to the weights' dtype.
        package: what must be installed for that and is not; empty: nothing.
    """

    packed: bool
    package: str = ""


def loading(method: str, *, gpu: bool, fp8: bool = False) -> Loading:
    """What transformers does with weights of `method` where the installed packages are these.

    Args:
        method: the config's `quant_method`.
        gpu: on a GPU.
        fp8: which multiplies in 8 bits.
    """
    package = PACKAGES.get(method, "")
    missing = package if package and importlib.util.find_spec(package) is None else ""
    if method in FP8 and not (gpu and fp8):
        return Loading(packed=False)
    if method == "mxfp4":
        return Loading(packed=gpu and not missing)
    return Loading(packed=True, package=missing)


def method_of(config: PretrainedConfig) -> str:
    """The config's `quant_method`; empty for plain weights."""
    settings = _settings(config)
    if settings is None:
        return ""
    if settings.get("load_in_4bit") or settings.get("load_in_8bit"):
        return "bitsandbytes"
    return str(settings.get("quant_method") or "unknown")


def quantised_bits(config: PretrainedConfig) -> float | None:
    """Bits of a packed number, its share of the scales included; None where nobody can tell."""
    settings = _settings(config)
    if settings is None:
        return None
    method = settings.get("quant_method")
    if method in WHOLE_METHODS:
        return WHOLE_METHODS[method]
    bits = _bits(settings)
    if bits is None:
        return None
    group = settings.get("group_size") or DEFAULT_GROUP
    return bits + (SCALE_BITS / group if bits < 8 and isinstance(group, int) and group > 0 else 0)


def _settings(config: PretrainedConfig) -> dict[str, Any] | None:
    settings = getattr(config, "quantization_config", None)
    if settings is not None and not isinstance(settings, dict):
        settings = settings.to_dict()
    return settings or None


def _bits(settings: dict[str, Any]) -> float | None:
    """`bits` of GPTQ and AWQ, the switches of bitsandbytes, or the widest of compressed groups."""
    if settings.get("load_in_4bit") or settings.get("load_in_8bit"):
        return 4.0 if settings.get("load_in_4bit") else 8.0
    value = settings.get("bits", settings.get("w_bit"))
    if isinstance(value, int) and 1 <= value <= 16:
        return float(value)
    groups = settings.get("config_groups")
    found = [
        one["weights"]["num_bits"]
        for one in (groups.values() if isinstance(groups, dict) else ())
        if isinstance(one, dict) and isinstance(one.get("weights"), dict)
        if isinstance(one["weights"].get("num_bits"), int)
    ]
    return float(max(found)) if found else None
