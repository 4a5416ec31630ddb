from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from infrastructure.checks import cfn_lint
from infrastructure.checks.accepted import Finding
from infrastructure.errors import SynthesisError
from tests.support.infrastructure import a_stage


def assembly(folder: Path, **properties: Any) -> Path:
    """One stack with one bucket."""
    stack = {
        "type": "aws:cloudformation:stack",
        "environment": "aws://111122223333/us-east-1",
        "properties": {"templateFile": "keepwarm-dev-edge.template.json"},
    }
    bucket = {
        "Type": "AWS::S3::Bucket",
        "Properties": properties,
        "Metadata": {"aws:cdk:path": "keepwarm-dev-edge/Logs/Bucket/Resource"},
    }
    (folder / "manifest.json").write_text(json.dumps({"artifacts": {"keepwarm-dev-edge": stack}}))
    template = {"Resources": {"LogsBucket1A2B": bucket}}
    (folder / "keepwarm-dev-edge.template.json").write_text(json.dumps(template))
    return folder


def test_what_cloudformation_would_refuse_is_a_finding_by_its_construct(tmp_path: Path) -> None:
    found = cfn_lint.findings(assembly(tmp_path, Bucketname="logs"), a_stage("dev"))

    assert [(one.rule, one.where) for one in found] == [("E3002", "edge/Logs/Bucket")]
    assert "Bucketname" in found[0].detail


def test_a_template_without_mistakes_has_no_findings(tmp_path: Path) -> None:
    found: tuple[Finding, ...] = cfn_lint.findings(assembly(tmp_path), a_stage("dev"))

    assert [one for one in found if one.rule.startswith("E")] == []


def test_without_cfn_lint_a_sentence_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))

    with pytest.raises(SynthesisError, match="make setup"):
        cfn_lint.findings(assembly(tmp_path), a_stage("dev"))
