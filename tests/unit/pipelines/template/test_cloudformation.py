"""Texts of policies become CloudFormation's, and IAM's own variables stay."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.template.cloudformation import filled, sub


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("plain", "plain"),
        ("arn:${AWS::Partition}:s3", {"Fn::Sub": "arn:${AWS::Partition}:s3"}),
        ("${aws:PrincipalTag/team}", "${aws:PrincipalTag/team}"),
        (
            "${Bucket}/${aws:userid}/*",
            {"Fn::Sub": "${Bucket}/${!aws:userid}/*"},
        ),
    ],
)
def test_what_is_filled_in(text: str, made: Any) -> None:
    assert sub(text) == made


def test_a_document_is_filled_in_everywhere_but_in_its_keys() -> None:
    policy = {"Condition": {"StringEquals": {"aws:x": ("${Bucket}", 1, True)}}}
    assert filled(policy) == {
        "Condition": {"StringEquals": {"aws:x": [{"Fn::Sub": "${Bucket}"}, 1, True]}}
    }
