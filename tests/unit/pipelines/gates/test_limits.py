from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.errors import SettingsError
from pipelines.gates.limits import GateLimits


def test_the_file_and_then_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "keepwarm.toml"
    file.write_text("[deployment]\n\n[gates]\nmax_ttft_p95_s = 3\nsuite_drop = 0.05\n")
    limits = GateLimits.load(file, {"KEEPWARM_GATES_SUITE_DROP": "0.2"})
    assert (limits.max_ttft_p95_s, limits.suite_drop) == (3.0, 0.2)
    assert limits.max_bits_per_byte == GateLimits().max_bits_per_byte


def test_without_a_file_the_defaults_stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert GateLimits.load(None, {}) == GateLimits()


def test_limits_survive_the_way_through_a_functions_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    limits = GateLimits(max_ttft_p95_s=1.25, tokens_per_s_drop=0.07)
    assert GateLimits.load(None, limits.environment()) == limits


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("max_ttft = 1", "there is no gate 'max_ttft'; known: "),
        ("max_ttft_p95_s = true", "max_ttft_p95_s must be a number, got True"),
        ("max_ttft_p95_s = 'fast'", "max_ttft_p95_s must be a number"),
        ("max_ttft_p95_s = nan", "max_ttft_p95_s must be 0 or more"),
        ("suite_drop = -0.1", "suite_drop must be 0 or more"),
        ("min_suite_share = 80", "min_suite_share is a fraction from 0 to 1, got 80"),
    ],
)
def test_a_limit_that_cannot_be(tmp_path: Path, text: str, sentence: str) -> None:
    file = tmp_path / "keepwarm.toml"
    file.write_text(f"[gates]\n{text}\n")
    with pytest.raises(SettingsError, match=sentence):
        GateLimits.load(file, {})


def test_a_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be used"):
        GateLimits.load(tmp_path / "none.toml", {})
