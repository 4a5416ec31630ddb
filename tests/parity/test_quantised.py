"""What 8 bits cost the default model: at most two per cent of perplexity on the shipped text."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.perplexity import measure
from pipelines.evaluation.sample import FOLDER

PASSAGES = ("01-ferry.txt", "06-trial.txt", "08-schedule.txt")


@pytest.fixture
def texts() -> list[str]:
    return [(FOLDER / name).read_text() for name in PASSAGES]


def test_int8_costs_at_most_two_per_cent_of_perplexity(
    default_model: Path, texts: list[str]
) -> None:
    plain = measure(str(default_model), "float32", texts)
    quantised = measure(str(default_model), "int8", texts)
    assert plain.tokens == quantised.tokens > 800
    assert quantised.perplexity <= 1.02 * plain.perplexity
