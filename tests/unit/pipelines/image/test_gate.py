"""What a scan and a signature let through."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from pipelines.errors import SettingsError
from pipelines.image import builder, findings
from pipelines.image.findings import Allowance, Finding, read_allowances, refused
from pipelines.image.gate import Verdict, judge
from pipelines.image.repository import Progress, Scan, Signature
from pipelines.image.signing import ensure_signing
from tests.support.image_account import ImageAccount

TODAY = date(2026, 11, 2)
HIGH = Finding("CVE-2026-1", "HIGH", ("libx",))
SIGNED = Signature(Progress.DONE)


@pytest.fixture
def account() -> ImageAccount:
    return ImageAccount()


def verdict(*found: Finding, allowances: tuple[Allowance, ...] = ()) -> Verdict:
    return judge(Scan(Progress.DONE, found), SIGNED, allowances, TODAY)


@pytest.mark.parametrize("severity", ["CRITICAL", "HIGH"])
def test_what_is_severe_is_refused_by_name(severity: str) -> None:
    told = verdict(Finding("CVE-2026-1", severity, ("libx",)))
    assert f"CVE-2026-1 ({severity.lower()}, libx)" in told.reason


@pytest.mark.parametrize("severity", ["MEDIUM", "LOW", "INFORMATIONAL", "UNDEFINED"])
def test_what_is_less_passes(severity: str) -> None:
    assert verdict(Finding("CVE-2026-1", severity, ("libx",))).accepts


def test_many_findings_are_named_in_part() -> None:
    told = verdict(*(Finding(f"CVE-2026-{n}", "HIGH", ("libx",)) for n in range(9)))
    assert "CVE-2026-2 (high, libx) and 6 more" in told.reason


def test_an_allowance_lets_through_until_its_last_day() -> None:
    allowance = Allowance("CVE-2026-1", "never called", TODAY)
    assert verdict(HIGH, allowances=(allowance,)).accepts
    assert refused([HIGH], [allowance], date(2026, 11, 3)) == [HIGH]


@pytest.mark.parametrize(
    ("package", "packages", "passes"),
    [
        ("libx", ("libx",), True),
        ("", ("libx", "liby"), True),
        ("libx", ("libx", "liby"), False),
        ("liby", ("libx",), False),
        ("libx", (), False),
    ],
)
def test_an_allowance_for_a_package_is_for_no_other(
    package: str, packages: tuple[str, ...], passes: bool
) -> None:
    allowance = Allowance("CVE-2026-1", "why", TODAY, package)
    assert allowance.covers(Finding("CVE-2026-1", "HIGH", packages), TODAY) is passes


def test_an_allowance_for_another_finding_is_none() -> None:
    assert not verdict(HIGH, allowances=(Allowance("CVE-2026-2", "why", TODAY),)).accepts


def test_a_finding_refuses_before_the_signature_is_there() -> None:
    told = judge(Scan(Progress.DONE, (HIGH,)), Signature(Progress.RUNNING), (), TODAY)
    assert told.reason


def test_a_scan_and_a_signature_are_waited_for_by_name() -> None:
    told = judge(Scan(Progress.RUNNING), Signature(Progress.RUNNING), (), TODAY)
    assert told.pending == "scan and signature"


def test_the_allowances_of_the_repository_can_be_read() -> None:
    read_allowances()


def test_an_allowance_is_read_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "exceptions.toml"
    path.write_text('[[exception]]\nid = "CVE-1"\nreason = "never called"\nuntil = 2027-01-31\n')
    assert read_allowances(path) == (Allowance("CVE-1", "never called", date(2027, 1, 31)),)


@pytest.mark.parametrize(
    "entry",
    [
        'id = "CVE-1"\nreason = "why"',
        'id = "CVE-1"\nuntil = 2027-01-31',
        'id = "CVE-1"\nreason = "  "\nuntil = 2027-01-31',
        'reason = "why"\nuntil = 2027-01-31',
        'id = "CVE-1"\nreason = "why"\nuntil = "2027-01-31"',
        'id = "CVE-1"\nreason = "why"\nuntil = 2027-01-31T00:00:00',
    ],
)
def test_an_allowance_without_reason_or_end_is_refused(tmp_path: Path, entry: str) -> None:
    path = tmp_path / "exceptions.toml"
    path.write_text(f"[[exception]]\n{entry}\n")
    with pytest.raises(SettingsError, match="an id, a reason and until"):
        read_allowances(path)


def test_a_build_with_a_severe_finding_is_refused(account: ImageAccount) -> None:
    account.checks.find("MEDIUM")
    account.checks.find("CRITICAL", "CVE-2026-7")  # on the second page of the answer
    token = account.ask()
    account.settle()
    assert "CVE-2026-7 (critical, libx)" in account.reason_of(token)


def test_an_old_image_is_refused_for_what_was_found_since(account: ImageAccount) -> None:
    account.push()
    account.checks.find("HIGH")
    token = account.ask()
    account.settle()
    assert "CVE-2026-1111" in account.reason_of(token)


def test_what_is_allowed_is_let_through(
    account: ImageAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    allowance = Allowance("CVE-2026-1111", "never called", date(2026, 12, 31))
    monkeypatch.setattr(builder, "read_allowances", lambda: (allowance,))
    account.checks.find("HIGH")
    token = account.ask()
    account.settle()
    assert account.image_of(token) == account.built


def test_exceptions_that_cannot_be_read_refuse_the_image(
    account: ImageAccount, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(
        builder, "read_allowances", lambda: findings.read_allowances(tmp_path / "none.toml")
    )
    account.push()
    token = account.ask()
    account.settle()
    assert "none.toml cannot be used" in account.reason_of(token)


@pytest.mark.parametrize(("status", "passes"), [("ACTIVE", False), ("SUPPRESSED", True)])
def test_inspectors_findings_count_while_they_are_active(
    account: ImageAccount, status: str, passes: bool
) -> None:
    details = {"vulnerabilityId": "CVE-2026-9", "vulnerablePackages": [{"name": "libz"}]}
    finding = {"severity": "HIGH", "status": status, "packageVulnerabilityDetails": details}
    account.checks.enhanced.append(finding)
    account.checks.scan_status = "ACTIVE"
    token = account.ask()
    account.settle()
    if passes:
        assert account.image_of(token)
    else:
        assert "CVE-2026-9 (high, libz)" in account.reason_of(token)


def test_a_slow_scan_is_waited_for(account: ImageAccount) -> None:
    account.checks.scan_s = 1500.0
    token = account.ask()
    account.settle(account.builds.seconds + 60)
    assert token not in account.pipelines.answered
    account.settle()
    assert account.image_of(token) == account.built


def test_a_scan_that_never_ends_is_waited_for_an_hour(account: ImageAccount) -> None:
    account.checks.scan_s = 10**9
    token = account.ask()
    account.settle()
    assert account.reason_of(token) == "waited 60 minutes for the image's scan to end"
    assert account.unfinished == set()


def test_a_scan_is_started_where_none_ever_was(account: ImageAccount) -> None:
    account.checks.on_push = False
    token = account.ask()
    account.settle()
    assert account.image_of(token) == account.built
    assert account.count("StartImageScan") == 1


@pytest.mark.parametrize("status", ["FAILED", "UNSUPPORTED_IMAGE", "SCAN_ELIGIBILITY_EXPIRED"])
def test_a_scan_that_fails_lets_nothing_through(account: ImageAccount, status: str) -> None:
    account.checks.scan_status = status
    token = account.ask()
    account.settle()
    assert f"scan failed: {status}: as the test says" in account.reason_of(token)


def test_a_signature_is_waited_for(account: ImageAccount) -> None:
    ensure_signing(account.plane.as_role("author"), account.names)
    account.checks.signing_s = 1500.0
    token = account.ask()
    account.settle(account.builds.seconds + account.checks.scan_s + 60)
    assert token not in account.pipelines.answered
    account.settle()
    assert account.image_of(token) == account.built


def test_a_signature_that_fails_lets_nothing_through(account: ImageAccount) -> None:
    ensure_signing(account.plane.as_role("author"), account.names)
    account.checks.signing_fails = "signer:SignPayload was denied"
    token = account.ask()
    account.settle()
    assert "not signed: signer:SignPayload was denied" in account.reason_of(token)


def test_an_image_from_before_signing_is_refused(account: ImageAccount) -> None:
    account.push()
    ensure_signing(account.plane.as_role("author"), account.names)
    token = account.ask()
    account.settle()
    assert "pushed before the registry signed" in account.reason_of(token)
