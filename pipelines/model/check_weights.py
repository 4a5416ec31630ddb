"""Checks of the weights: headers, shards and their index, kinds of numbers."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from pipelines.model.report import Finding, failed, ok, skipped, warning
from pipelines.model.scan import FileFacts, Inventory
from pipelines.model.tensors import TensorFacts

WEIGHTS, DTYPE, FINITE = "weights", "dtype", "finite"
SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"
FLOATS = {"F32": "float32", "BF16": "bfloat16", "F16": "float16"}
DOWNLOAD = "download the file again"


def weight_files(inventory: Inventory) -> list[FileFacts]:
    """The files that the engine will load: the single one, else the shards of the index."""
    if SINGLE in inventory.files:
        return [inventory.files[SINGLE]]
    shards = set(_weight_map(inventory).values())
    return [facts for path, facts in sorted(inventory.files.items()) if path in shards]


def tensors_of(inventory: Inventory) -> list[TensorFacts]:
    """All tensors that the engine will load."""
    return [
        tensor
        for facts in weight_files(inventory)
        if facts.header is not None
        for tensor in facts.header.tensors
    ]


def check_weights(inventory: Inventory) -> list[Finding]:
    """Every header valid, every shard there, every tensor where the index says."""
    found = [
        failed(WEIGHTS, f"{path} {facts.header_error}", DOWNLOAD)
        for path, facts in sorted(inventory.files.items())
        if facts.header_error
    ]
    found += _missing(inventory)
    used = {facts.path for facts in weight_files(inventory)}
    found += [
        warning(WEIGHTS, f"{path} is not loaded by anything", "delete it: it is only downloaded")
        for path in sorted(inventory.files)
        if path.endswith(".safetensors") and used and path not in used
    ]
    if found:
        return found
    count = len(tensors_of(inventory))
    return ok(WEIGHTS, f"{count} tensors in {len(used)} safetensors, headers valid, none missing")


def check_dtype(inventory: Inventory, config: dict[str, Any]) -> list[Finding]:
    """Kinds of numbers that the engine can load, and the one that the config names."""
    kinds = Counter(one.dtype for one in tensors_of(inventory))
    if not kinds:
        return skipped(DTYPE, "no tensor could be read")
    quantised = bool(config.get("quantization_config"))
    found = []
    other = sorted(set(kinds) - set(FLOATS))
    if other and not quantised:
        found.append(_unexplained(other, kinds))
    floats = sorted(set(kinds) & set(FLOATS))
    declared = str(config.get("dtype") or config.get("torch_dtype") or "").removeprefix("torch.")
    if len(floats) == 1 and declared and declared != FLOATS[floats[0]] and not quantised:
        message = f"config.json says {declared}, the weights are {FLOATS[floats[0]]}"
        found.append(warning(DTYPE, message, "correct dtype in config.json"))
    if len(floats) > 1 and not quantised:
        names = ", ".join(f"{kinds[kind]} {FLOATS[kind]}" for kind in floats)
        found.append(warning(DTYPE, f"tensors of several kinds: {names}", "save them as one dtype"))
    return found or ok(DTYPE, ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())))


def check_finite(inventory: Inventory) -> list[Finding]:
    """NaN and infinities, when they were looked for."""
    if not inventory.finite_scanned:
        return skipped(FINITE, "not looked for (--finite does)")
    found = [
        failed(FINITE, f"{path}: {name} has {count} NaN or infinite numbers", "train or save again")
        for path, facts in sorted(inventory.files.items())
        for name, count in facts.bad_numbers.items()
    ]
    return found or ok(FINITE, "no NaN, no infinity")


def _unexplained(other: list[str], kinds: Counter[str]) -> Finding:
    names = ", ".join(f"{kinds[kind]} {kind}" for kind in other)
    if set(other) <= {"F64"}:
        return warning(DTYPE, f"{names} tensors are cast down", "save them as float32 or bfloat16")
    if set(other) <= {"BOOL", "U8", "I64", "I32", "F64"} and len(kinds) > len(other):
        return warning(DTYPE, f"{names} tensors beside the weights", "delete buffers nobody needs")
    return failed(
        DTYPE, f"{names} tensors, and config.json has no quantization_config", "add it, or convert"
    )


def _missing(inventory: Inventory) -> list[Finding]:
    if SINGLE in inventory.files:
        return []
    if INDEX not in inventory.files:
        return [_no_weights(inventory)]
    weight_map = _weight_map(inventory)
    if not weight_map:
        return [failed(WEIGHTS, f"{INDEX} has no weight_map of tensors to files", DOWNLOAD)]
    named: dict[str, set[str]] = {}
    for name, shard in weight_map.items():
        named.setdefault(shard, set()).add(name)
    return [
        finding
        for shard, names in sorted(named.items())
        for finding in _compare(shard, names, inventory.files.get(shard))
    ]


def _compare(shard: str, named: set[str], facts: FileFacts | None) -> list[Finding]:
    """One shard against what the index says of it."""
    if facts is None:
        message = f"{shard} is missing: the index names it for {len(named)} tensors"
        return [failed(WEIGHTS, message, "copy all shards")]
    if not shard.endswith(".safetensors"):
        return [failed(WEIGHTS, f"the index names {shard}, which is no safetensors", DOWNLOAD)]
    if facts.header is None:
        return []
    held = {tensor.name for tensor in facts.header.tensors}
    found = []
    if absent := sorted(named - held):
        message = f"{shard} lacks {len(absent)} tensors of the index, {absent[0]} among them"
        found.append(failed(WEIGHTS, message, "copy shards and index of one save"))
    if extra := sorted(held - named):
        message = f"{shard} has {len(extra)} tensors that the index does not name: {extra[0]}"
        found.append(warning(WEIGHTS, message, "copy shards and index of one save"))
    return found


def _no_weights(inventory: Inventory) -> Finding:
    others = sorted(path for path in inventory.files if path.endswith(".safetensors"))
    if not others:
        inner = sorted(path for path in inventory.files if path.endswith("/config.json"))
        where = f"; is {inner[0].rsplit('/', 1)[0]}/ the model?" if inner else ""
        return failed(WEIGHTS, f"there is no {SINGLE}{where}", "copy the weights as safetensors")
    if others == ["adapter_model.safetensors"]:
        return failed(WEIGHTS, "it is an adapter without its model", "merge it into the base model")
    message = f"there is neither {SINGLE} nor {INDEX}, only {', '.join(others[:3])}"
    return failed(WEIGHTS, message, f"rename the file to {SINGLE}, or copy the index")


def _weight_map(inventory: Inventory) -> dict[str, str]:
    try:
        content = json.loads(inventory.text(INDEX) or "{}")
        weight_map = content["weight_map"]
        return {str(name): str(file) for name, file in weight_map.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}
