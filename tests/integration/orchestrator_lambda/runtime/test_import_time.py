"""What importing costs, beside boto3, which the handler needs anyway."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = (
    "aws_xray_sdk",
    "cryptography",
    "flask",
    "jwt",
    "numpy",
    "redis",
    "requests",
    "sagemaker",
    "torch",
)


def loaded_by(*modules: str) -> set[str]:
    code = f"import {', '.join(modules)}; import sys; print(' '.join(sys.modules))"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "module",
    [
        "orchestrator_lambda.runtime.__main__",
        "orchestrator_lambda.runtime.handler",
        "orchestrator_lambda.identity.authenticator",
        "orchestrator_lambda.settings",
        "orchestrator_lambda.composition",
    ],
)
def test_nothing_heavy_comes_along(module):
    assert not {name.partition(".")[0] for name in loaded_by(module)} & set(HEAVY)
