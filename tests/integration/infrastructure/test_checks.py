"""cdk-nag and cfn-lint over both stages: nothing unexplained, no reason that nothing needs."""

from __future__ import annotations

import pytest

from infrastructure.checks import (
    cfn_lint,
    cfn_lint_accepted,
    checkov,
    checkov_accepted,
    nag_accepted,
)
from infrastructure.checks.accepted import judge
from tests.support.edge import Edges

STAGES = ("dev", "prod")


def test_cdk_nag_finds_nothing_unexplained(edges: Edges) -> None:
    found = [one for stage in STAGES for one in edges(stage).nag]

    assert judge(found, nag_accepted.ACCEPTED).lines() == []


def test_cfn_lint_finds_nothing_unexplained(edges: Edges) -> None:
    found = [
        one for name in STAGES for one in cfn_lint.findings(edges(name).folder, edges(name).stage)
    ]

    assert judge(found, cfn_lint_accepted.ACCEPTED).lines() == []


@pytest.mark.slow
@pytest.mark.skipif(not checkov.PROGRAM.is_file(), reason="`make check-infrastructure` installs it")
def test_checkov_finds_nothing_unexplained(edges: Edges) -> None:
    found = [
        one for name in STAGES for one in checkov.findings(edges(name).folder, edges(name).stage)
    ]

    assert judge(found, checkov_accepted.ACCEPTED).lines() == []


@pytest.mark.parametrize(
    "accepted", [nag_accepted.ACCEPTED, cfn_lint_accepted.ACCEPTED, checkov_accepted.ACCEPTED]
)
def test_every_reason_is_a_sentence(accepted: tuple[nag_accepted.Accepted, ...]) -> None:
    assert all(len(one.reason.split()) >= 4 for one in accepted)
