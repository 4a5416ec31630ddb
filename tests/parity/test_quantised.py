"""What 16 and 8 bits cost the default model: at most two per cent of the perplexity."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.perplexity import measure
from pipelines.evaluation.sample import FOLDER

PASSAGES = ("01-ferry.txt", "06-trial.txt", "08-schedule.txt")


@pytest.fixture
def texts() -> list[str]:
    return [(FOLDER / name).read_text() for name in PASSAGES]


def test_few_bits_cost_at_most_two_per_cent_of_perplexity(
    default_model: Path, texts: list[str]
) -> None:
    plain = measure(str(default_model), "float32", texts)
    for precision in ("bfloat16", "int8"):
        rounded = measure(str(default_model), precision, texts)
        assert plain.tokens == rounded.tokens > 800
        assert rounded.perplexity <= 1.02 * plain.perplexity
