"""What the steps hand each other: JSON files of fixed names, the same in the cloud and here.

    validate --check.json, plan.json, manifest.json--> model
    evaluate --evaluation.json--.
    benchmark --benchmark.json--+--> judge --gates.json, report.md, report.html--> register

A document appears whole or not at all, and a missing or broken one is an error that names it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from pipelines.errors import DocumentError

CHECK = "check.json"
MANIFEST = "manifest.json"
PLAN = "plan.json"
EVALUATION = "evaluation.json"
BENCHMARK = "benchmark.json"
GATES = "gates.json"


def read_document(path: Path) -> dict[str, Any]:
    """The JSON object in a file.

    Raises:
        DocumentError: it is not there, or holds no JSON object.
    """
    try:
        return parse_document(path.name, path.read_bytes())
    except OSError as error:
        raise DocumentError(f"{path} cannot be read: {error.strerror or error}") from error


def parse_document(name: str, content: bytes | str) -> dict[str, Any]:
    """The JSON object that a step wrote.

    Raises:
        DocumentError: it is no JSON object.
    """
    try:
        parsed = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DocumentError(f"{name} is no JSON: {error}") from error
    if not isinstance(parsed, dict):
        raise DocumentError(f"{name} must hold a JSON object, it holds {type(parsed).__name__}")
    return parsed


def write_document(path: Path, document: dict[str, Any]) -> None:
    """Store a step's result, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f".{path.name}.{os.getpid()}")
    half.write_text(json.dumps(document, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    half.replace(path)
