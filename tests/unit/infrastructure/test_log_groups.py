"""Log groups forget, and go with their stack where the stage lets data go."""

from __future__ import annotations

from pathlib import Path

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Template

from infrastructure.log_groups import log_group
from tests.support.edge_boxes import edge_stage


@pytest.mark.parametrize(("variant", "policy"), [("plain", "Delete"), ("kept", "Retain")])
def test_a_group_keeps_entries_for_the_days_of_the_settings(
    variant: str, policy: str, tmp_path: Path
):
    stack = cdk.Stack(cdk.App(outdir=str(tmp_path)), "logs")
    stage = edge_stage(variant)
    log_group(stack, "Log", stage=stage, name="aws-waf-logs-x")
    (resource,) = Template.from_stack(stack).find_resources("AWS::Logs::LogGroup").values()
    assert resource["DeletionPolicy"] == policy
    assert resource["Properties"] == {
        "LogGroupName": "aws-waf-logs-x",
        "RetentionInDays": stage.function.log_days,
    }
