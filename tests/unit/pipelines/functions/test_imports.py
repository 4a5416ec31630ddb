"""What runs in Lambda imports nothing that its zip does not hold."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("numpy", "rich", "sagemaker", "torch", "transformers")
TASKS = (
    "build_finished",
    "build_image",
    "deploy",
    "deploy_finished",
    "judge",
    "register",
    "teardown",
)


@pytest.mark.parametrize("task", TASKS)
def test_a_function_imports_nothing_heavy(task: str) -> None:
    code = (
        "import sys, importlib;"
        f"importlib.import_module('pipelines.functions.{task}').handler;"
        f"print(sorted(sys.modules.keys() & {set(HEAVY)!r}))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
