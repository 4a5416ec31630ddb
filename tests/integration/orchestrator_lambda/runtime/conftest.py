from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import orchestrator_lambda
from local.lambda_environment import FunctionSettings

PACKAGE = Path(orchestrator_lambda.__file__).parent


@pytest.fixture
def zip_root(tmp_path: Path) -> Path:
    """What the unpacked zip looks like: the package, the bootstrap and a function's module."""
    root = tmp_path / "task"
    root.mkdir()
    (root / "orchestrator_lambda").symlink_to(PACKAGE)
    shutil.copy(Path(__file__).with_name("echo_application.py"), root)
    shutil.copy(PACKAGE / "bootstrap", root)
    return root


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """Where the function leaves its words."""
    path = tmp_path / "notes"
    path.touch()
    return path


@pytest.fixture
def settings(zip_root: Path, notes: Path, tmp_path: Path) -> Callable[..., FunctionSettings]:
    """Settings of the function, with changes."""

    def make(**changes: Any) -> FunctionSettings:
        defaults: dict[str, Any] = {
            "handler": "echo_application.handler",
            "root": zip_root,
            "env": {"NOTES": str(notes)},
            "log": tmp_path / "log",
            "timeout_s": 60.0,
        }
        return FunctionSettings(**{**defaults, **changes})

    return make
