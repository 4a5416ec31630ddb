"""A finding is mended, or accepted with a reason; a reason that no finding needs goes.

So the lists can only shrink by themselves: neither a new finding nor an old excuse passes unseen.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True, order=True)
class Finding:
    """One complaint of a checker.

    Attributes:
        rule: its id, such as `AwsSolutions-IAM5`.
        where: the construct or resource, without the stage's prefix: `chat/Orchestrator/Role`.
        detail: which one of several in the same place, such as `Resource::*`; may be empty.
    """

    rule: str
    where: str
    detail: str = ""

    def __str__(self) -> str:
        detail = f" [{self.detail}]" if self.detail else ""
        return f"{self.rule}{detail} at {self.where}"


@dataclass(frozen=True)
class Accepted:
    """Findings that are meant to be, and why.

    Args:
        rule: exactly.
        where: a pattern of the shell.
        reason: a sentence for the reviewer.
        detail: a regular expression for the whole detail.
    """

    rule: str
    where: str
    reason: str
    detail: str = ".*"

    def covers(self, finding: Finding) -> bool:
        """Whether the finding is one of those."""
        return (
            finding.rule == self.rule
            and fnmatchcase(finding.where, self.where)
            and re.fullmatch(self.detail, finding.detail) is not None
        )


@dataclass(frozen=True)
class Verdict:
    """What is wrong with findings and reasons together.

    Attributes:
        unexplained: findings that nothing covers.
        unused: reasons that cover nothing.
    """

    unexplained: tuple[Finding, ...]
    unused: tuple[Accepted, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing is left."""
        return not self.unexplained and not self.unused

    def lines(self) -> list[str]:
        """One line for each thing that is left."""
        return [f"unexplained: {one}" for one in self.unexplained] + [
            f"unused reason: {one.rule} at {one.where} [{one.detail}]" for one in self.unused
        ]


def judge(findings: Iterable[Finding], accepted: Sequence[Accepted]) -> Verdict:
    """Hold findings against reasons."""
    found = sorted(set(findings))
    return Verdict(
        unexplained=tuple(one for one in found if not any(why.covers(one) for why in accepted)),
        unused=tuple(why for why in accepted if not any(why.covers(one) for one in found)),
    )
