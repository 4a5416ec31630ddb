from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from infrastructure.checks import checkov
from infrastructure.checks.accepted import Finding
from infrastructure.errors import SynthesisError
from tests.support.infrastructure import a_stage

FAILED = {
    "check_id": "CKV_AWS_18",
    "file_path": "/keepwarm-dev-edge.template.json",
    "resource": "AWS::S3::Bucket.LogsBucket1A2B",
}


def assembly(folder: Path) -> Path:
    """One stack with the bucket that is complained of."""
    stack = {
        "type": "aws:cloudformation:stack",
        "environment": "aws://111122223333/us-east-1",
        "properties": {"templateFile": "keepwarm-dev-edge.template.json"},
    }
    bucket = {
        "Type": "AWS::S3::Bucket",
        "Metadata": {"aws:cdk:path": "keepwarm-dev-edge/Logs/Bucket/Resource"},
    }
    template = {"Resources": {"LogsBucket1A2B": bucket}}
    (folder / "manifest.json").write_text(json.dumps({"artifacts": {"keepwarm-dev-edge": stack}}))
    (folder / "keepwarm-dev-edge.template.json").write_text(json.dumps(template))
    return folder


def program(folder: Path, said: Any) -> Path:
    file = folder / "checkov"
    text = said if isinstance(said, str) else json.dumps(said)
    file.write_text(f"#!{sys.executable}\nimport sys\nprint({text!r})\nsys.exit(0)\n")
    file.chmod(0o755)
    return file


def report(*failed: dict[str, Any]) -> dict[str, Any]:
    return {"check_type": "cloudformation", "results": {"failed_checks": list(failed)}}


@pytest.mark.parametrize("wrap", [lambda one: one, lambda one: [one, report()]])
def test_what_failed_is_a_finding(tmp_path: Path, wrap: Any) -> None:
    found = checkov.findings(
        assembly(tmp_path), a_stage("dev"), program(tmp_path, wrap(report(FAILED)))
    )

    assert found == (Finding("CKV_AWS_18", "edge/Logs/Bucket"),)


def test_nothing_failed(tmp_path: Path) -> None:
    assert checkov.findings(assembly(tmp_path), a_stage("dev"), program(tmp_path, report())) == ()


def test_without_checkov_a_sentence_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(SynthesisError, match="make check-infrastructure"):
        checkov.findings(assembly(tmp_path), a_stage("dev"), tmp_path / "nowhere")


def test_no_report_is_no_clean_report(tmp_path: Path) -> None:
    with pytest.raises(SynthesisError, match="said no report"):
        checkov.findings(assembly(tmp_path), a_stage("dev"), program(tmp_path, "Traceback"))
