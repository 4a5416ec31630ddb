"""Whether an image may be used: its scan is done and refuses nothing, and it is signed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from pipelines.image.findings import Allowance, refused, sentence
from pipelines.image.repository import Progress, Scan, Signature


@dataclass(frozen=True)
class Verdict:
    """The gate's word: wait for `pending`, refuse for `reason`, or else accept."""

    pending: str = ""
    reason: str = ""

    @property
    def accepts(self) -> bool:
        """Whether the image may be used."""
        return not self.pending and not self.reason


def judge(
    scan: Scan, signature: Signature, allowances: Iterable[Allowance], today: date
) -> Verdict:
    """What is known already decides: a finding refuses an image that is not signed yet."""
    if scan.progress is Progress.FAILED:
        return Verdict(reason=f"the image's scan failed: {scan.detail}")
    if found := refused(scan.findings, allowances, today):
        return Verdict(
            reason=f"the image's scan found {sentence(found)}: raise what is pinned, or let it "
            "through in pipelines/image/exceptions.toml"
        )
    if signature.progress is Progress.FAILED:
        return Verdict(reason=f"the image is not signed: {signature.detail}")
    waiting = [
        name
        for name, part in (("scan", scan), ("signature", signature))
        if part.progress is Progress.RUNNING
    ]
    return Verdict(pending=" and ".join(waiting))
