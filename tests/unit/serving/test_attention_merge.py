"""Attention over parts, merged, is attention over the whole."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from serving.attention.merge import apply_sinks, merge_index, merge_partials

ROWS, HEADS, KEYS, DIM = 5, 3, 40, 8


def partial(scores: Tensor, values: Tensor, rows: Tensor, keys: slice) -> tuple[Tensor, Tensor]:
    """Softmax over some keys, for some rows: output [rows, heads, dim] and log-sum-exp."""
    part = scores[rows][:, :, keys]
    output = torch.einsum("rhk,khd->rhd", part.softmax(dim=-1), values[keys])
    return output, part.logsumexp(dim=-1)


@pytest.mark.parametrize("spread", [1.0, 30.0, 300.0])
def test_parts_of_any_rows_in_any_order(spread: float) -> None:
    generator = torch.Generator().manual_seed(0)
    scores = spread * torch.randn(ROWS, HEADS, KEYS, generator=generator)
    values = torch.randn(KEYS, HEADS, DIM, generator=generator)
    everybody = torch.arange(ROWS)
    pieces = [
        (everybody.flip(0), slice(7, 30)),
        (torch.tensor([3, 0]), slice(0, 7)),
        (torch.tensor([1, 2, 4]), slice(0, 7)),
        (everybody, slice(30, KEYS)),
    ]
    results = [partial(scores, values, rows, keys) for rows, keys in pieces]
    output, lse = merge_partials(
        torch.cat([result[0] for result in results]),
        torch.cat([result[1] for result in results]),
        merge_index(torch.cat([rows for rows, _ in pieces]).tolist(), ROWS),
    )
    expected, expected_lse = partial(scores, values, everybody, slice(0, KEYS))
    torch.testing.assert_close(output, expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(lse, expected_lse, rtol=1e-5, atol=1e-4)


def test_one_part_is_left_as_it_is() -> None:
    output, lse = torch.randn(4, HEADS, DIM), 500 * torch.randn(4, HEADS)
    order = torch.tensor([2, 0, 3, 1])
    merged, merged_lse = merge_partials(output, lse, merge_index(order.tolist(), 4))
    torch.testing.assert_close(merged[order], output)
    torch.testing.assert_close(merged_lse[order], lse)


@pytest.mark.parametrize("size", [0.0, 5.0, -40.0, 80.0])
def test_sinks_only_enlarge_the_denominator(size: float) -> None:
    generator = torch.Generator().manual_seed(1)
    scores = torch.randn(ROWS, HEADS, KEYS, generator=generator)
    values = torch.randn(KEYS, HEADS, DIM, generator=generator)
    sinks = size + torch.randn(HEADS, generator=generator)
    output, lse = partial(scores, values, torch.arange(ROWS), slice(0, KEYS))
    column = sinks[None, :, None].expand(ROWS, -1, 1)
    weights = torch.cat([scores, column], dim=-1).softmax(dim=-1)[..., :KEYS]
    expected = torch.einsum("rhk,khd->rhd", weights, values)
    torch.testing.assert_close(apply_sinks(output, lse, sinks), expected, rtol=1e-5, atol=1e-6)
