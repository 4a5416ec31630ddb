"""What was checked, how it came out, what is wrong, and what would be right."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

MOST = 50  # findings of one check that are listed


class Status(enum.StrEnum):
    """How one check came out; the worst one decides."""

    OK = "ok"
    SKIPPED = "skipped"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True)
class Finding:
    """One sentence about one thing.

    Attributes:
        check: the check it belongs to, such as `weights`.
        message: what is; for a problem, what is wrong.
        fix: what would be right; empty where nothing is to be done.
    """

    check: str
    status: Status
    message: str
    fix: str = ""


@dataclass
class Report:
    """All findings on one artifact, in the order of the checks."""

    artifact: str
    findings: list[Finding] = field(default_factory=list)
    sha256: str = ""
    manifest: str = ""

    def add(self, found: list[Finding]) -> None:
        """Take over the findings of a check, the worst first where there are very many."""
        if len(found) > MOST:
            found = sorted(found, key=lambda one: one.status is not Status.FAILED)
            rest = found[MOST:]
            found = [
                *found[:MOST],
                Finding(rest[0].check, rest[0].status, f"{len(rest)} more", "as above"),
            ]
        self.findings += found

    def count(self, status: Status) -> int:
        """Findings of this kind."""
        return sum(1 for one in self.findings if one.status is status)

    @property
    def refused(self) -> bool:
        """Whether anything failed."""
        return self.count(Status.FAILED) > 0

    def made_strict(self) -> Report:
        """The same with every warning a failure."""
        strict = [
            Finding(one.check, Status.FAILED, one.message, one.fix)
            if one.status is Status.WARNING
            else one
            for one in self.findings
        ]
        return Report(self.artifact, strict, self.sha256, self.manifest)

    def as_json(self) -> dict[str, object]:
        """Plain data."""
        worst = Status.FAILED if self.refused else Status.OK
        if worst is Status.OK and self.count(Status.WARNING):
            worst = Status.WARNING
        return {
            "artifact": self.artifact,
            "status": str(worst),
            "accepted": not self.refused,
            "sha256": self.sha256,
            "manifest": self.manifest,
            "counts": {str(status): self.count(status) for status in Status},
            "findings": [
                {
                    "check": one.check,
                    "status": str(one.status),
                    "message": one.message,
                    "fix": one.fix,
                }
                for one in self.findings
            ],
        }


def ok(check: str, message: str) -> list[Finding]:
    """All is well."""
    return [Finding(check, Status.OK, message)]


def warning(check: str, message: str, fix: str) -> Finding:
    """Something to know before it is deployed."""
    return Finding(check, Status.WARNING, message, fix)


def failed(check: str, message: str, fix: str) -> Finding:
    """Something that refuses the artifact."""
    return Finding(check, Status.FAILED, message, fix)


def skipped(check: str, message: str) -> list[Finding]:
    """It could not be looked at."""
    return [Finding(check, Status.SKIPPED, message)]
