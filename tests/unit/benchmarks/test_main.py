from __future__ import annotations

import pytest

from benchmarks import __main__ as main
from benchmarks import chat


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """What was installed, and the arguments that the measurement got."""
    found: dict[str, list[str]] = {"installed": [], "arguments": []}

    def install(names: list[str], console: object) -> bool:
        found["installed"] += names
        return True

    def measure(arguments: list[str]) -> int:
        found["arguments"] += arguments
        return 0

    monkeypatch.setattr(main, "install_for", install)
    monkeypatch.setattr(chat, "main", measure)
    monkeypatch.setattr(main, "_make_ggufs", lambda peers: None)
    return found


def test_make_bench_measures_every_scenario_within_twenty_minutes(
    told: dict[str, list[str]],
) -> None:
    assert main.main([]) == 0
    options = chat.parser().parse_args(told["arguments"])
    assert options.scenarios == "all"
    assert 0 < options.budget < 20 * 60


def test_what_is_asked_for_comes_before_the_defaults(told: dict[str, list[str]]) -> None:
    main.main(["--scenarios", "chat", "--budget", "0"])
    options = chat.parser().parse_args(told["arguments"])
    assert (options.scenarios, options.budget) == ("chat", 0.0)


def test_what_must_be_compiled_is_left_to_who_names_it(told: dict[str, list[str]]) -> None:
    main.main(["--peers", "keepwarm,vllm,llama-q8_0"])
    assert told["installed"] == ["keepwarm", "vllm"]


def test_a_server_that_runs_already_needs_nothing(told: dict[str, list[str]]) -> None:
    main.main(["--url", "http://127.0.0.1:9"])
    assert told["installed"] == []
