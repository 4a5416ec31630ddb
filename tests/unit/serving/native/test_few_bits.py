"""16 and 8 bits: the arithmetic that was meant, and the same bits in any company."""

from __future__ import annotations

import itertools
import random

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedModel

from serving.native import library
from serving.native.model import NativeModel
from serving.native.pack import pack, pack_bytes
from serving.native.precision import Precision
from serving.native.weights import take_weights
from serving.runner.probe import probe
from serving.sampling_params import SamplingParams
from serving.scheduler.output import ScheduledChunk
from tests.parity.models import CONFIGS, VOCABULARY, random_model
from tests.unit.serving.native.imitation import imitate

BLOCK, LENGTH = 16, 90
MODELS = ("native_llama", "native_qwen3")
FEW = (Precision.BFLOAT16, Precision.INT8)
ONE_STEP = {Precision.BFLOAT16: 0.06, Precision.INT8: 0.1}
"""By how many spreads a number that is rounded the other way moves the logits, in the median."""


def native(name: str, precision: Precision, **changes: int) -> NativeModel:
    model = plain(name, **changes)
    spec = probe(model, torch.float32).spec
    weights = take_weights(model, precision=precision)
    return NativeModel(model, spec, num_blocks=32, block_size=BLOCK, weights=weights)


def plain(name: str, **changes: int) -> PreTrainedModel:
    config = CONFIGS[name]()
    config.update(changes)
    return random_model(config)


def tokens(seed: int, count: int = LENGTH) -> list[int]:
    rng = random.Random(seed)
    return [rng.randrange(VOCABULARY) for _ in range(count)]


def chunk(name: str, ids: list[int], start: int, end: int, first_block: int) -> ScheduledChunk:
    return ScheduledChunk(
        request_id=name,
        token_ids=ids[start:end],
        start=start,
        block_ids=list(range(first_block, first_block + -(-len(ids) // BLOCK))),
        samples=True,
        sampling=SamplingParams(),
        prompt_token_ids=ids,
        output_token_ids=[],
    )


def in_chunks(model: NativeModel, ids: list[int], cuts: list[int], first_block: int = 0) -> Tensor:
    parts = [
        model.forward([chunk("a", ids, start, end, first_block)], list(range(end - start))).clone()
        for start, end in itertools.pairwise([0, *cuts, len(ids)])
    ]
    return torch.cat(parts)


@torch.inference_mode()
def differences(name: str, precision: Precision, **changes: int) -> Tensor:
    """Of each position's logits from those of modules that round likewise, in their spread."""
    rounded = plain(name, **changes)
    imitate(rounded, precision)
    model = native(name, precision, **changes)
    parts = []
    for seed in (1, 2, 3):
        ids = tokens(seed)
        expected = rounded(torch.tensor([ids])).logits[0]
        difference = (in_chunks(model, ids, [40, 41]) - expected).abs().amax(dim=1)
        parts.append(difference / expected.std())
    return torch.cat(parts)


@pytest.mark.parametrize("precision", FEW)
@pytest.mark.parametrize("name", MODELS)
def test_logits_are_those_of_a_model_with_rounded_numbers(
    width: int, name: str, precision: Precision
) -> None:
    # A number that lies between two values to the last bit may be rounded either way: from there
    # on logits differ by what one such step makes, and elsewhere by nothing.
    apart = differences(name, precision)
    assert apart.min() < 1e-5
    assert apart.median() < ONE_STEP[precision]


def test_rows_may_have_more_groups_than_a_vector_has_lanes(width: int) -> None:
    apart = differences("native_llama", Precision.INT8, intermediate_size=32 * 16 + 70)
    assert apart.min() < 1e-5
    assert apart.median() < ONE_STEP[Precision.INT8]


@pytest.mark.parametrize("precision", FEW)
@pytest.mark.parametrize("name", MODELS)
def test_a_chunk_boundary_does_not_change_a_bit(
    width: int, name: str, precision: Precision
) -> None:
    model, ids = native(name, precision), tokens(2)
    whole = in_chunks(model, ids, [])
    for cuts in ([1, 2, 3, 50], [64], list(range(5, LENGTH, 7)), list(range(70, LENGTH))):
        assert torch.equal(in_chunks(model, ids, cuts, 8), whole)


@pytest.mark.parametrize("precision", FEW)
def test_company_in_the_batch_does_not_change_a_bit(width: int, precision: Precision) -> None:
    model, ids = native("native_llama", precision), tokens(3)
    alone = in_chunks(model, ids, [60])
    for others in (1, 4, 9):
        company = [chunk(f"o{i}", tokens(50 + i, 7 + i), 0, 7 + i, 8 + i) for i in range(others)]
        row = sum(len(one.token_ids) for one in company)
        batch = [*company, chunk("a", ids, 60, LENGTH, 0)]
        logits = model.forward(batch, list(range(row, row + LENGTH - 60)))
        assert torch.equal(logits, alone[60:])


@pytest.mark.parametrize("precision", FEW)
def test_the_number_of_threads_does_not_change_a_bit(width: int, precision: Precision) -> None:
    results = []
    for threads in (1, 2, 5):
        torch.set_num_threads(threads)
        results.append(in_chunks(native("native_llama", precision), tokens(4), [33]))
    torch.set_num_threads(1)
    assert torch.equal(results[0], results[1])
    assert torch.equal(results[0], results[2])


def test_every_row_uses_all_values_and_an_empty_one_divides_by_nothing(width: int) -> None:
    weight = torch.randn(5, 40)
    weight[3] = 0
    packed, scale = pack_bytes(weight)
    whole = (packed ^ -128 if library.load().kw_offset() else packed).to(torch.int32)
    rows = whole.permute(0, 2, 1, 3).flatten(2).flatten(0, 1)[:5, :40]
    highest = rows.abs().amax(dim=1)
    assert highest.tolist() == [127, 127, 127, 0, 127]
    assert torch.allclose(rows * scale[:5, None], weight, atol=float(scale.max()) / 2 + 1e-6)


@pytest.mark.parametrize("precision", FEW)
@pytest.mark.parametrize("spoilt", [torch.nan, torch.inf])
def test_what_is_not_a_finite_number_does_not_pass_for_one(
    width: int, spoilt: float, precision: Precision
) -> None:
    model = native("native_llama", precision)
    model._weights.layers[1].input_norm[5] = spoilt
    assert in_chunks(model, tokens(1), []).isnan().all()


def test_an_input_beyond_all_scales_does_not_pass_for_a_number(width: int) -> None:
    model = native("native_llama", Precision.INT8)
    model._weights.layers[1].input_norm.fill_(1e34)
    assert in_chunks(model, tokens(1), []).isnan().all()


def scaled_inputs(factor: float) -> NativeModel:
    """One layer's inputs times `factor`, its weights' scales divided by the same."""
    model = native("native_llama", Precision.INT8)
    layer = model._weights.layers[1]
    layer.post_norm.mul_(factor)
    layer.gate_up.scale.div_(factor)
    return model


@pytest.mark.parametrize("factor", [2.0**-90, 2.0**105])
def test_a_power_of_two_in_the_inputs_does_not_matter(width: int, factor: float) -> None:
    ids = tokens(5)
    expected = in_chunks(native("native_llama", Precision.INT8), ids, [])
    assert torch.equal(in_chunks(scaled_inputs(factor), ids, []), expected)


def test_next_to_nothing_counts_as_nothing(width: int) -> None:
    model, ids = native("native_llama", Precision.INT8), tokens(5)
    model._weights.layers[1].gate_up.scale.zero_()
    expected = in_chunks(model, ids, [])
    assert torch.equal(in_chunks(scaled_inputs(2.0**-120), ids, []), expected)


def test_many_outputs_are_quantised_slice_by_slice_to_the_same_bytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    weight = torch.randn(300, 64)
    whole = pack([weight], precision=Precision.INT8)
    monkeypatch.setattr("serving.native.pack.SLICE", 64)
    sliced = pack([weight], precision=Precision.INT8)
    assert torch.equal(whole.weight, sliced.weight)
    assert whole.scale is not None
    assert sliced.scale is not None
    assert torch.equal(whole.scale, sliced.scale)


@pytest.mark.parametrize("precision", Precision)
def test_threads_never_reach_into_each_others_rows(width: int, precision: Precision) -> None:
    torch.set_num_threads(3)
    model, ids = native("native_llama", precision), tokens(6, 300)
    first = in_chunks(model, ids, [])
    assert all(torch.equal(in_chunks(model, ids, []), first) for _ in range(10))
    torch.set_num_threads(1)


@pytest.mark.parametrize("precision", FEW)
def test_memory_goes_with_the_bits(precision: Precision) -> None:
    weight = torch.randn(256, 512)
    packed = pack([weight], precision=precision).weight
    assert packed.nbytes * 32 == pack([weight]).weight.nbytes * precision.value


@pytest.mark.parametrize("precision", FEW)
def test_what_an_older_sequence_left_in_a_block_does_not_shine_through(
    width: int, precision: Precision
) -> None:
    model, ids = native("native_llama", precision), tokens(5, 33)
    whole = in_chunks(model, ids, [])
    for cache in (*model._keys, *model._values):
        cache.fill_(torch.nan)
    assert torch.equal(in_chunks(model, ids, [1, 8, 15, 32]), whole)
