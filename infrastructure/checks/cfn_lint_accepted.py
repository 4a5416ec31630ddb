"""What cfn-lint finds and we mean: each with its reason."""

from __future__ import annotations

from infrastructure.checks.accepted import Accepted

ACCEPTED: tuple[Accepted, ...] = (
    Accepted("W3005", "*", "the CDK's helpers name what they depend on twice; it is harmless"),
)
