"""Measure what fewer bits cost in quality: perplexity of the shipped text in each precision.

    python -m benchmarks.perplexity                 all passages of pipelines/evaluation/sample
    python -m benchmarks.perplexity --most 1.02     exits with 1 if one is above 1.02 of float32

The engine itself is asked, by the log-probabilities of a prompt's tokens.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.precisions import SETTINGS
from cli.default_model import default_model_folder
from pipelines.evaluation.sample import FOLDER
from serving.config import CacheConfig, EngineConfig, SchedulerConfig
from serving.engine.build import build_core
from serving.engine.core import Core
from serving.request import EngineRequest
from serving.sampling_params import SamplingParams
from serving.tokenizer import Tokenizer


@dataclass(frozen=True)
class Surprise:
    """Minus the sum of the log-probabilities of `tokens` tokens."""

    total: float
    tokens: int

    @property
    def perplexity(self) -> float:
        """Of all texts together, weighted by tokens."""
        return math.exp(self.total / self.tokens)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="python -m benchmarks.perplexity",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--model", help="model folder (default: the default model)")
    made.add_argument("--most", type=float, help="the highest ratio to float32 that will do")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Print one line a precision, with its ratio."""
    options = parser().parse_args(arguments)
    folder = str(options.model or default_model_folder())
    texts = [path.read_text() for path in sorted(FOLDER.glob("*.txt"))]
    ratios: list[float] = []
    plain = None
    for precision in SETTINGS:
        found = measure(folder, precision, texts)
        plain = plain or found
        ratios.append(found.perplexity / plain.perplexity)
        shown = f"perplexity {found.perplexity:.3f} on {found.tokens} tokens"
        print(f"{precision:>8}  {shown}, {ratios[-1]:.4f} of float32's", flush=True)
    return int(options.most is not None and max(ratios) > options.most)


def measure(folder: str, precision: str, texts: Sequence[str]) -> Surprise:
    """The surprise of an engine at `texts`, each read alone."""
    core, info = build_core(
        EngineConfig(
            model=folder,
            cache=CacheConfig(num_blocks=256),
            scheduler=SchedulerConfig(speculation="off"),
            **SETTINGS[precision],
        ),
        lambda _: None,
    )
    tokenizer = Tokenizer(folder)
    prompts = [tokenizer.encode(text)[: info.max_model_len - 1] for text in texts]
    values = [value for prompt in prompts for value in _logprobs(core, prompt)]
    return Surprise(-math.fsum(values), len(values))


def _logprobs(core: Core, prompt: list[int]) -> list[float]:
    """Log-probabilities of all tokens of the prompt but the first."""
    sampling = SamplingParams(max_tokens=1, prompt_logprobs=0)
    core.add(EngineRequest(request_id="text", prompt_token_ids=prompt, sampling=sampling))
    values: list[float] = []
    while core.has_work:
        for delta in core.step():
            values.extend(one.chosen.logprob for one in delta.prompt_logprobs or [])
    return values


if __name__ == "__main__":
    raise SystemExit(main())
