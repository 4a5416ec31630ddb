"""The snapshot in the package is what the SageMaker SDK makes of the graph today."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.definition.render import snapshot

ROOT = Path(__file__).parents[3]
PYTHON = Path(sys.prefix) / "sagemaker" / "bin" / "python"


@pytest.mark.slow
@pytest.mark.skipif(not PYTHON.is_file(), reason="the SDK is not installed: make sagemaker-sdk")
def test_the_snapshot_is_what_the_sdk_makes() -> None:
    bare = {"PATH": os.environ["PATH"], "HOME": os.devnull}
    made = subprocess.run(
        [PYTHON, "-W", "ignore", "-m", "pipelines.definition", "--print"],
        cwd=ROOT,
        env=bare,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(made.stdout) == snapshot(), "run: make pipeline-definition"
