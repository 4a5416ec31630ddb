"""From a stage to its cloud assembly: the folder of templates and assets that cdk deploys.

Imports the CDK only when something is synthesised, so that commands start quickly.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infrastructure import node
from infrastructure.assembly import Assembly
from infrastructure.errors import SynthesisError
from infrastructure.settings import Stage
from infrastructure.stacks.names import stack_name

MARK = "cdk.out"  # the file by which a cloud assembly is known
REAL_PACKAGE = {"package": "real"}


@dataclass(frozen=True)
class SynthesisedStack:
    """One stack as it was written.

    Attributes:
        name: of the stack in the account.
        region: where it goes.
        template: the file.
    """

    name: str
    region: str
    template: Path

    def read(self) -> dict[str, Any]:
        """The template."""
        document: dict[str, Any] = json.loads(self.template.read_text(encoding="utf-8"))
        return document


def synthesise(stage: Stage, output: Path, *, real: bool = False) -> tuple[SynthesisedStack, ...]:
    """Write the stage's cloud assembly and say which stacks it has.

    Args:
        stage: which.
        output: a folder that is empty, not there, or an older cloud assembly.
        real: put the function's dependencies and the built page in, for a deployment.

    Raises:
        SynthesisError: no Node, no CDK, a folder with other things in it, no built page.
    """
    node.prepare()
    clear(output)
    from infrastructure.app import build_app

    build_app(stage, output=output, context=REAL_PACKAGE if real else None).synth()
    return stacks(output)


def stacks(assembly: Path) -> tuple[SynthesisedStack, ...]:
    """The stacks of a cloud assembly, by name."""
    manifest = json.loads((assembly / "manifest.json").read_text(encoding="utf-8"))
    found = [
        SynthesisedStack(
            name=artifact["properties"].get("stackName", name),
            region=artifact["environment"].rpartition("/")[2],
            template=assembly / artifact["properties"]["templateFile"],
        )
        for name, artifact in manifest["artifacts"].items()
        if artifact["type"] == "aws:cloudformation:stack"
    ]
    return tuple(sorted(found, key=lambda stack: stack.name))


def read(assembly: Path, stage: Stage) -> Assembly:
    """The templates of a cloud assembly, by part."""
    prefix = stack_name(stage, "")
    return Assembly({one.name.removeprefix(prefix): one.read() for one in stacks(assembly)})


def clear(output: Path) -> None:
    """Take an older cloud assembly away.

    Raises:
        SynthesisError: the place holds something else.
    """
    if output.is_dir() and (output / MARK).is_file():
        shutil.rmtree(output)
    elif output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise SynthesisError(f"{output} holds something else; name a new or empty folder")
