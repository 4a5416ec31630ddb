"""What scanners found in an image, and which of it may pass all the same.

`exceptions.toml` names that, each with a reason and an end.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from pipelines.errors import SettingsError

EXCEPTIONS = Path(__file__).with_name("exceptions.toml")
REFUSED_SEVERITIES = ("CRITICAL", "HIGH")
NAMED = 3  # findings in a sentence; the rest is a number


@dataclass(frozen=True)
class Finding:
    """A known weakness of one or more packages."""

    identity: str
    severity: str
    packages: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.identity} ({self.severity.lower()}, {', '.join(self.packages) or 'unnamed'})"


@dataclass(frozen=True)
class Allowance:
    """A finding that is let through, for a reason and up to a day; empty package: in any."""

    identity: str
    reason: str
    until: date
    package: str = ""

    def covers(self, finding: Finding, today: date) -> bool:
        """Whether it still lets this finding through, in every package that has it."""
        fits = not self.package or set(finding.packages) == {self.package}
        return finding.identity == self.identity and fits and today <= self.until


def read_allowances(path: Path = EXCEPTIONS) -> tuple[Allowance, ...]:
    """The allowances in a file.

    Raises:
        SettingsError: one lacks its finding, its reason or its end.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path.name} cannot be used: {error}") from error
    return tuple(_allowance(path.name, entry) for entry in table.get("exception", []))


def refused(
    findings: Iterable[Finding], allowances: Iterable[Allowance], today: date
) -> list[Finding]:
    """What must not be in an image: critical and high findings that no allowance covers."""
    allowed = tuple(allowances)
    return [
        one
        for one in findings
        if one.severity in REFUSED_SEVERITIES
        and not any(allowance.covers(one, today) for allowance in allowed)
    ]


def sentence(findings: list[Finding]) -> str:
    """The first of them by name."""
    named = ", ".join(map(str, findings[:NAMED]))
    more = len(findings) - NAMED
    return f"{named} and {more} more" if more > 0 else named


def of_basic_scan(found: Mapping[str, Any]) -> Finding:
    """A finding of ECR's own scanner."""
    attributes = {one["key"]: one.get("value", "") for one in found.get("attributes", [])}
    package = attributes.get("package_name", "")
    return Finding(found["name"], found["severity"], (package,) if package else ())


def of_enhanced_scan(found: Mapping[str, Any]) -> Finding | None:
    """A finding of Inspector; None for one that it has closed or was told to suppress."""
    if found.get("status", "ACTIVE") != "ACTIVE":
        return None
    details = found.get("packageVulnerabilityDetails", {})
    packages = {one["name"] for one in details.get("vulnerablePackages", [])}
    identity = details.get("vulnerabilityId") or found.get("title", "unnamed")
    return Finding(identity, found.get("severity", "UNDEFINED"), tuple(sorted(packages)))


def _allowance(file: str, entry: Mapping[str, Any]) -> Allowance:
    identity, reason, package = (
        str(entry.get(name, "")).strip() for name in ("id", "reason", "package")
    )
    until = entry.get("until")
    if not identity or not reason or not isinstance(until, date) or isinstance(until, datetime):
        raise SettingsError(
            f"{file}: an exception needs an id, a reason and until = a day such as 2027-01-31; "
            f"got {dict(entry)}"
        )
    return Allowance(identity, reason, until, package)
