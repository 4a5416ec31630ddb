"""checkov over the templates, from an environment of its own; its findings as ours.

checkov tells how severe a finding is only to customers of its maker, so that all of them count.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from infrastructure.assembly import Assembly
from infrastructure.checks.accepted import Finding
from infrastructure.errors import SynthesisError
from infrastructure.settings import Stage
from infrastructure.stacks.names import stack_name
from infrastructure.synthesis import read, stacks

PROGRAM = Path(__file__).resolve().parents[2] / ".venv" / "checkov" / "bin" / "checkov"


def findings(assembly: Path, stage: Stage, program: Path = PROGRAM) -> tuple[Finding, ...]:
    """Run it offline over the templates of a cloud assembly.

    Raises:
        SynthesisError: checkov is not there, or says something that is no report.
    """
    if not program.is_file():
        raise SynthesisError("checkov is not installed; run: make check-infrastructure")
    files = [word for stack in stacks(assembly) for word in ("--file", str(stack.template))]
    told = ("--framework", "cloudformation", "--output", "json", "--quiet", "--compact")
    done = subprocess.run(
        [str(program), *files, *told, "--skip-download", "--soft-fail"],
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        report = json.loads(done.stdout)
    except json.JSONDecodeError as error:
        raise SynthesisError(f"checkov said no report, but: {done.stderr[-500:]}") from error
    return tuple(_findings(report, read(assembly, stage), stack_name(stage, "")))


def _findings(report: Any, assembly: Assembly, prefix: str) -> Iterator[Finding]:
    paths = {(one.part, one.id): one.path for one in assembly.resources()}
    for part in report if isinstance(report, list) else [report]:
        for check in part.get("results", {}).get("failed_checks", []):
            template = Path(check["file_path"]).name.removesuffix(".template.json")
            resource = check["resource"].partition(".")[2]
            yield Finding(check["check_id"], paths[template.removeprefix(prefix), resource])
