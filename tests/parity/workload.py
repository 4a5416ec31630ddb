"""Seeded workloads: prompts that share prefixes, and storms of requests over them."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from tests.parity.drive import Arrival, greedy
from tests.parity.models import VOCABULARY
from tests.parity.oracle import USUAL


def random_ids(rng: random.Random, count: int) -> list[int]:
    """`count` token ids of the tiny models' vocabulary."""
    return [rng.randrange(VOCABULARY) for _ in range(count)]


def prompts(block_size: int) -> list[list[int]]:
    """Prompts at and around block edges; half of them begin with the same tokens."""
    rng = random.Random(block_size)
    edge = block_size if block_size > 8 else 16
    lengths = [1, 2, edge - 1, edge, edge + 1, 2 * edge - 1, 2 * edge, edge + 9, edge - 6, 33]
    common = random_ids(rng, max(lengths))
    result = []
    for index, length in enumerate(lengths):
        shared = rng.choice([0, length // 2, length - 1]) if index % 2 else 0
        result.append(common[:shared] + random_ids(rng, length - shared))
    return result


@dataclass(frozen=True)
class Storm:
    """One random run: the engine's settings and who arrives when."""

    settings: dict[str, Any]
    arrivals: list[Arrival]


def storm(seed: int, block_size: int, size: int) -> Storm:
    """`size` requests over `prompts`, some of them twice, with a pool that hardly suffices."""
    rng = random.Random(seed)
    pool = prompts(block_size)
    arrivals = []
    step = 0
    for index in range(size):
        prompt = pool[index % len(pool)] if index < len(pool) else rng.choice(pool)
        request = greedy(f"r{index}", prompt, rng.randint(1, USUAL))
        arrivals.append(Arrival(request, step))
        step += rng.choice([0, 0, 0, 1, 3])
    largest = max(-(-(len(prompt) + USUAL) // block_size) for prompt in pool)
    settings = {
        "cache": {
            "block_size": block_size,
            "num_blocks": largest + rng.randint(1, max(2, largest)),
            "prefix_caching": rng.random() < 0.8,
        },
        "attention": rng.choice(["cpu", "cpu", "reference"]),
        "token_budget": rng.randint(1 if block_size < 100 else 24, 64),
        "max_num_seqs": rng.randint(1, 8),
        "long_prefill_share": rng.choice([0.2, 0.75, 1.0]),
    }
    return Storm(settings, arrivals)
