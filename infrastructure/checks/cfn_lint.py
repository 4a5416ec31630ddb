"""cfn-lint over the templates of a cloud assembly: what CloudFormation would refuse."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from infrastructure.checks.accepted import Finding
from infrastructure.errors import SynthesisError
from infrastructure.settings import Stage
from infrastructure.synthesis import read, stacks


def findings(assembly: Path, stage: Stage) -> tuple[Finding, ...]:
    """Run cfn-lint with the regions that the stage has.

    Raises:
        SynthesisError: cfn-lint is not there, or says something that is no report.
    """
    written = stacks(assembly)
    files = [str(one.template) for one in written]
    regions = sorted({one.region for one in written})
    program = Path(sys.executable).with_name("cfn-lint")
    if not program.is_file():
        raise SynthesisError("cfn-lint is not installed; run: make setup")
    command = [str(program), "--format", "json", "--regions", *regions]
    done = subprocess.run([*command, "--", *files], capture_output=True, text=True, check=False)
    try:
        report = json.loads(done.stdout or "null")
    except json.JSONDecodeError as error:
        raise SynthesisError(f"cfn-lint said no report, but: {done.stdout[-500:]}") from error
    if report is None:
        raise SynthesisError(f"cfn-lint did not run: {done.stderr[-500:]}")
    paths = {(one.part, one.id): one.path for one in read(assembly, stage).resources()}
    names = {str(one.template): one.name for one in written}
    prefix = f"{stage.prefix}-{stage.name}-"
    return tuple(
        Finding(
            one["Rule"]["Id"],
            _where(one, names[one["Filename"]].removeprefix(prefix), paths),
            one["Message"],
        )
        for one in report
    )


def _where(match: dict[str, object], part: str, paths: dict[tuple[str, str], str]) -> str:
    location = match["Location"]
    path = location.get("Path") if isinstance(location, dict) else None
    if isinstance(path, list) and len(path) > 1 and path[0] == "Resources":
        return paths[part, str(path[1])]
    return part
