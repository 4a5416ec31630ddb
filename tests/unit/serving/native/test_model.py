"""The compiled decoder: transformers' logits, and the same bits whatever else is in the batch."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from serving.native.model import NativeModel
from serving.runner.probe import probe
from serving.sampling_params import SamplingParams
from serving.scheduler.output import ScheduledChunk
from tests.parity.models import CONFIGS, NATIVE, VOCABULARY, random_model

BLOCK = 32
LENGTH = 203  # several spans of attention, and no multiple of anything


def chunk(name: str, ids: list[int], start: int, end: int, blocks: list[int]) -> ScheduledChunk:
    return ScheduledChunk(
        request_id=name,
        token_ids=ids[start:end],
        start=start,
        block_ids=blocks,
        samples=True,
        sampling=SamplingParams(),
        prompt_token_ids=ids,
        output_token_ids=[],
    )


def tokens(seed: int, count: int = LENGTH) -> list[int]:
    rng = random.Random(seed)
    return [rng.randrange(VOCABULARY) for _ in range(count)]


def blocks(first: int, count: int = LENGTH) -> list[int]:
    """A table that is neither in order nor in one piece."""
    needed = -(-count // BLOCK)
    return [first + 2 * i for i in reversed(range(needed))]


@pytest.fixture(params=NATIVE)
def made(request: pytest.FixtureRequest, width: int) -> tuple[Any, Callable[[], NativeModel]]:
    """A tiny model, and a maker of its native form, for each width of vectors."""
    torch.set_num_threads(2)
    model = random_model(CONFIGS[request.param]())

    def native() -> NativeModel:
        copy = random_model(CONFIGS[request.param]())
        spec = probe(copy, torch.float32).spec
        return NativeModel(copy, spec, num_blocks=64, block_size=BLOCK)

    return model, native


def in_chunks(model: NativeModel, ids: list[int], cuts: list[int], table: list[int]) -> Tensor:
    """Logits of every position, the prompt cut at `cuts`."""
    edges = [0, *cuts, len(ids)]
    parts = [
        model.forward([chunk("a", ids, start, end, table)], list(range(end - start))).clone()
        for start, end in itertools.pairwise(edges)
    ]
    return torch.cat(parts)


@torch.inference_mode()
def test_logits_are_those_of_eager_attention(made: Any) -> None:
    model, native = made
    ids = tokens(1)
    expected = model(torch.tensor([ids])).logits[0]
    logits = in_chunks(native(), ids, [70, 71, 130], blocks(0))
    assert (logits - expected).abs().max() < 1e-4 * expected.abs().max()


@torch.inference_mode()
def test_a_head_of_any_whole_number_of_vectors_will_do(width: int) -> None:
    configs = [CONFIGS["native_llama"]() for _ in range(2)]
    for config in configs:
        config.head_dim = 3 * width
    model, copy = [random_model(config) for config in configs]
    spec = probe(copy, torch.float32).spec
    native = NativeModel(copy, spec, num_blocks=64, block_size=BLOCK)
    ids = tokens(9)
    expected = model(torch.tensor([ids])).logits[0]
    logits = in_chunks(native, ids, [50], blocks(0))
    assert (logits - expected).abs().max() < 1e-4 * expected.abs().max()


def test_a_chunk_boundary_does_not_change_a_bit(made: Any) -> None:
    model, ids = made[1](), tokens(2)
    whole = in_chunks(model, ids, [], blocks(0))
    for cuts in ([64], [1, 2, 3, 100], list(range(5, LENGTH, 7)), list(range(190, LENGTH))):
        assert torch.equal(in_chunks(model, ids, cuts, blocks(1)), whole)


def test_company_in_the_batch_does_not_change_a_bit(made: Any) -> None:
    model, ids = made[1](), tokens(3)
    alone = in_chunks(model, ids, [150], blocks(0))
    for others in (1, 5, 17):
        company = [
            chunk(f"o{i}", tokens(50 + i, 9 + i), 0, 9 + i, [14 + 2 * i, 15 + 2 * i])
            for i in range(others)
        ]
        model.forward([chunk("a", ids, 0, 150, blocks(0))], [0])
        before, after = company[: others // 2], company[others // 2 :]
        row = sum(len(one.token_ids) for one in before)
        batch = [*before, chunk("a", ids, 150, LENGTH, blocks(0)), *after]
        logits = model.forward(batch, list(range(row, row + LENGTH - 150)))
        assert torch.equal(logits, alone[150:])


def test_the_number_of_threads_does_not_change_a_bit(made: Any) -> None:
    _, native = made
    results = []
    for threads in (1, 2, 5):
        torch.set_num_threads(threads)
        results.append(in_chunks(native(), tokens(4), [80], blocks(0)))
    torch.set_num_threads(1)
    assert torch.equal(results[0], results[1])
    assert torch.equal(results[0], results[2])


def test_memory_that_was_never_written_is_never_read_into_a_result(made: Any) -> None:
    model, ids = made[1](), tokens(5)
    expected = in_chunks(model, ids, [99], blocks(0))
    for cache in [*model._keys, *model._values]:
        cache.fill_(torch.nan)
    assert torch.equal(in_chunks(model, ids, [99], blocks(0)), expected)


def test_a_prefix_that_others_wrote_serves_as_well_as_ones_own(made: Any) -> None:
    model = made[1]()
    shared, tails = tokens(6, 2 * BLOCK), [tokens(7, 30), tokens(8, 41)]
    for index, tail in enumerate(tails):
        ids = shared + tail
        table = [0, 1, 10 + 2 * index, 11 + 2 * index]
        own = in_chunks(model, ids, [], [20, 21, 22, 23])
        if index == 0:
            model.forward([chunk("first", ids, 0, len(ids), table)], [0])
        late = model.forward([chunk("b", ids, 2 * BLOCK, len(ids), table)], list(range(len(tail))))
        assert torch.equal(late, own[2 * BLOCK :])


def test_rows_that_nobody_asks_for_change_nothing(made: Any) -> None:
    model, ids = made[1](), tokens(9)
    others = [chunk(f"o{i}", tokens(60 + i, 21), 0, 21, [20 + i]) for i in range(4)]
    batch = [*others[:2], chunk("a", ids, 0, LENGTH, blocks(0)), *others[2:]]
    everything = model.forward(batch, list(range(LENGTH + 84))).clone()
    for rows in ([], [0], [244, 41, 245, 41, 0, 286], list(range(100, 180)), [20, 41, 265, 286]):
        assert torch.equal(model.forward(batch, rows), everything[rows])


def test_one_step_may_compute_a_prefix_and_read_it(made: Any) -> None:
    model = made[1]()
    ids, tail = tokens(10, 4 * BLOCK), tokens(11, 40)
    own = in_chunks(model, [*ids, *tail], [], list(range(20, 26)))[len(ids) :]
    late = chunk("b", [*ids, *tail], len(ids), len(ids) + 40, [0, 1, 2, 3, 6, 7])
    batch = [chunk("a", ids, 0, len(ids), [0, 1, 2, 3]), late]
    rows = list(range(len(ids), len(ids) + 40))
    for threads in (1, 2, 5):
        torch.set_num_threads(threads)
        again = made[1]()
        for _ in range(15):  # who is first varies
            for cache in [*again._keys, *again._values]:
                cache.fill_(torch.nan)
            assert torch.equal(again.forward(batch, rows), own)
    torch.set_num_threads(1)


@torch.inference_mode()
def test_the_likeliest_token_is_found_on_the_way(width: int) -> None:
    config = CONFIGS["native_llama"]()
    for vocabulary in (5, 32, 97, 211):
        config.vocab_size = vocabulary
        model = random_model(config)
        equal = model.lm_head.weight
        equal[vocabulary // 2 :] = equal[: vocabulary - vocabulary // 2].clone()  # twice each
        native = NativeModel(
            model, probe(model, torch.float32).spec, num_blocks=64, block_size=BLOCK
        )
        ids = [token % vocabulary for token in tokens(13)]
        logits = native.forward([chunk("a", ids, 0, LENGTH, blocks(0))], list(range(LENGTH)))
        assert native.likeliest == (
            logits.amax(dim=1).tolist(),
            logits.numpy().argmax(axis=1).tolist(),
        )


@torch.inference_mode()
def test_a_logit_that_is_no_number_is_the_peak(width: int) -> None:
    model = random_model(CONFIGS["native_llama"]())
    model.lm_head.weight[150] = torch.nan
    native = NativeModel(model, probe(model, torch.float32).spec, num_blocks=64, block_size=BLOCK)
    native.forward([chunk("a", tokens(14), 0, LENGTH, blocks(0))], [5, 6])
    assert native.likeliest is not None
    assert all(peak != peak for peak in native.likeliest.peaks)


@torch.inference_mode()
def test_scores_that_rise_far_are_weighed_as_exactly_as_in_eager_attention(width: int) -> None:
    model, ids = random_model(CONFIGS["native_llama"]()), tokens(12)
    for layer in model.model.layers:
        layer.self_attn.q_proj.weight.mul_(12)  # scores differ by tens
    eager = model(torch.tensor([ids])).logits[0]
    exact = model.double()(torch.tensor([ids])).logits[0]
    model.float()
    native = NativeModel(model, probe(model, torch.float32).spec, num_blocks=64, block_size=BLOCK)
    error = (in_chunks(native, ids, [70], blocks(0)) - exact).abs().max()
    assert error < 4 * (eager - exact).abs().max()


def test_the_plain_weights_are_given_back() -> None:
    model = random_model(CONFIGS["native_llama"]())
    before = sum(parameter.numel() for parameter in model.parameters())
    NativeModel(model, probe(model, torch.float32).spec, num_blocks=2, block_size=16)
    after = sum(one.numel() for one in model.parameters() if not one.is_meta)
    assert after < before / 2


def test_closing_twice_is_harmless() -> None:
    model = random_model(CONFIGS["native_llama"]())
    native = NativeModel(model, probe(model, torch.float32).spec, num_blocks=2, block_size=16)
    native.close()
    native.close()
