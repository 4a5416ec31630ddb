"""cdk-nag's AwsSolutions over a stage: its findings, read from the report that it writes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from infrastructure import node
from infrastructure.checks.accepted import Finding
from infrastructure.errors import SynthesisError
from infrastructure.settings import Stage

REPORT = "validation-report.json"


def synthesise_checked(stage: Stage, output: Path) -> tuple[Finding, ...]:
    """Write the stage's cloud assembly into a new folder, and say what cdk-nag finds in it.

    Raises:
        SynthesisError: there is no Node or CDK, or cdk-nag wrote no report.
    """
    node.prepare()
    import aws_cdk as cdk
    from cdk_nag import AwsSolutionsChecks

    from infrastructure.app import build_app

    app = build_app(stage, output=output)
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    try:
        app.synth()
    except RuntimeError as error:
        # Any finding makes the CDK raise, after all is written; other errors are errors.
        if REPORT not in str(error):
            raise
    return findings(output, stage)


def findings(assembly: Path, stage: Stage) -> tuple[Finding, ...]:
    """What the report of a cloud assembly holds.

    Raises:
        SynthesisError: there is none.
    """
    report = assembly / REPORT
    if not report.is_file():
        raise SynthesisError(f"{assembly} has no {REPORT}: cdk-nag did not run")
    document = json.loads(report.read_text(encoding="utf-8"))
    prefix = f"{stage.prefix}-{stage.name}-"
    return tuple(
        finding
        for plugin in document["pluginReports"]
        for violation in plugin["violations"]
        for finding in _findings(violation, prefix)
    )


def _findings(violation: dict[str, Any], prefix: str) -> Iterator[Finding]:
    rule, _, detail = violation["ruleName"].partition("[")
    for construct in violation["violatingConstructs"]:
        where = construct["constructPath"].removeprefix(prefix)
        yield Finding(rule, where, detail.removesuffix("]"))
