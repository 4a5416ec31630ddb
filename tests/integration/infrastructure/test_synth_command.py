"""`keepwarm infra synth` and `python -m infrastructure`, really: a process, no account, no cdk."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
STAGES = ROOT / "infrastructure" / "stages.toml"


def test_synth_writes_templates_and_prints_where_they_are(tmp_path: Path) -> None:
    output = tmp_path / "out"
    # No proxy answers there: a synthesis that asked the network would fail.
    env = {**os.environ, "HTTPS_PROXY": "http://127.0.0.1:9", "PYTHONPATH": str(ROOT)}

    done = subprocess.run(
        [sys.executable, "-m", "infrastructure", "--stage", "dev", "--stages", str(STAGES)],
        cwd=tmp_path,
        env={**env, "CDK_OUTDIR": str(output)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    manifest = json.loads((output / "manifest.json").read_text(encoding="utf-8"))
    assert "keepwarm-dev-chat" in manifest["artifacts"]
    assert "missing" not in manifest


def test_a_wrong_stage_is_one_sentence(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "infrastructure", "--stage", "none"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "has no stage 'none'; it has: dev, prod" in done.stderr
    assert "Traceback" not in done.stderr
