from __future__ import annotations

from infrastructure.checks.accepted import Accepted, Finding, judge

STAR = Finding("IAM5", "chat/Consumer/Role", "Resource::*")
LOGS = Finding("S1", "edge/Logs/Bucket")


def test_a_finding_without_a_reason_fails() -> None:
    verdict = judge([STAR, LOGS], [Accepted("S1", "edge/Logs/*", "it is the log")])

    assert not verdict.passed
    assert verdict.unexplained == (STAR,)
    assert verdict.lines() == ["unexplained: IAM5 [Resource::*] at chat/Consumer/Role"]


def test_a_reason_without_a_finding_fails() -> None:
    verdict = judge([], [Accepted("S1", "edge/Logs/*", "it is the log")])

    assert not verdict.passed
    assert verdict.lines() == ["unused reason: S1 at edge/Logs/* [.*]"]


def test_what_is_explained_passes() -> None:
    accepted = [
        Accepted("S1", "edge/Logs/*", "it is the log"),
        Accepted("IAM5", "chat/*", "it knows no resources", detail=r"Resource::\*"),
    ]

    assert judge([STAR, LOGS, LOGS], accepted).passed


def test_a_reason_holds_for_its_detail_alone() -> None:
    accepted = Accepted("IAM5", "chat/*", "it knows no resources", detail=r"Resource::\*")

    assert accepted.covers(STAR)
    assert not accepted.covers(Finding("IAM5", "chat/Consumer/Role", "Action::s3:*"))
    assert not accepted.covers(Finding("IAM5", "edge/Consumer/Role", "Resource::*"))
    assert not accepted.covers(Finding("IAM4", "chat/Consumer/Role", "Resource::*"))
