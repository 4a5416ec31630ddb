"""Models that only a real start can refuse: one sentence that names what would be right."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.live_stack import KEEPWARM, environment


def changed(model: Path, folder: Path, **config: Any) -> Path:
    """The model's files under another configuration."""
    folder.mkdir()
    for file in model.iterdir():
        if file.name != "config.json":
            (folder / file.name).symlink_to(file)
    content = json.loads((model / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**content, **config}))
    return folder


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        (
            {
                "model_type": "mine",
                "architectures": ["MineForCausalLM"],
                "auto_map": {"AutoConfig": "configuration_mine.MineConfig"},
            },
            "without running the checkpoint's own code, which is off",
        ),
        (
            {"model_type": "t5", "architectures": ["T5ForConditionalGeneration"]},
            "transformers could not load",
        ),
    ],
    ids=["trust_remote_code", "architecture"],
)
def test_a_model_that_cannot_be_served_ends_the_start_with_its_reason(
    default_model: Path, tmp_path: Path, config: dict[str, Any], sentence: str
) -> None:
    model = changed(default_model, tmp_path / "model", **config)
    done = subprocess.run(
        [*KEEPWARM, "up", "--stay", "--only", "container", "--model", str(model)],
        env=environment(tmp_path / "home"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 1
    said = done.stderr.splitlines()[-1]
    assert said.startswith("keepwarm: container: SageMaker ended (exit code 3): the start failed: ")
    assert sentence in said
    assert not (tmp_path / "home" / "stack" / "state.json").exists()
