"""The build as CodeBuild takes it: `build.sh`, written to a file there and run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).with_name("build.sh")
PLACE = "/tmp/build-image.sh"  # noqa: S108  a build machine is used once
END = "END_OF_SCRIPT"


def buildspec() -> dict[str, Any]:
    """It belongs into the project, so that who may start a build cannot change what it does."""
    script = SCRIPT.read_text(encoding="utf-8")
    return {
        "version": 0.2,
        "env": {"shell": "bash"},
        "phases": {
            "build": {
                "commands": [f"cat >{PLACE} <<'{END}'\n{script}{END}", f"bash {PLACE}"],
            },
        },
    }


def render() -> str:
    """As text: JSON, which CodeBuild reads as YAML."""
    return json.dumps(buildspec(), indent=1)
