from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from benchmarks.profile.__main__ import floor_table, split_table
from benchmarks.profile.floor import libraries, linears_of, measure
from benchmarks.profile.plot import draw_split, groups_of
from benchmarks.profile.steps import PARTS, StepProfile, summarise

PROFILE = StepProfile("decode", 16, dict.fromkeys(PARTS, 1.0), float(len(PARTS)))


def test_parts_are_medians_and_the_whole_is_of_the_steps_sums() -> None:
    samples = [(16, dict.fromkeys(PARTS, seconds)) for seconds in (0.001, 0.002, 0.009)]
    profile = summarise("decode", samples)
    assert profile.parts_ms == dict.fromkeys(PARTS, 2.0)
    assert profile.step_ms == pytest.approx(2.0 * len(PARTS))
    assert profile.tokens == 16


def test_linear_layers_are_four_of_the_parts() -> None:
    assert PROFILE.linear_ms == 4.0
    assert f"| step / linear | {len(PARTS) / 4:.2f} |" in split_table([PROFILE])


def test_the_groups_of_the_plot_make_up_the_whole_step() -> None:
    assert sum(groups_of(PROFILE).values()) == PROFILE.step_ms


def test_the_split_is_drawn(tmp_path: Path) -> None:
    paths = draw_split([PROFILE], tmp_path / "2026-profile")
    assert [path.suffix for path in paths] == [".png", ".svg"]
    assert all(path.stat().st_size for path in paths)


def test_every_library_computes_the_same_product() -> None:
    torch.manual_seed(0)
    linears = linears_of(nn.Sequential(nn.Linear(32, 48), nn.Linear(48, 16, bias=False)))
    with torch.inference_mode():
        for place, linear in enumerate(linears):
            rows = torch.randn(4, linear.in_features)
            for products in libraries(linears, 4).values():
                torch.testing.assert_close(products[place](rows), linear(rows))


def test_the_floor_has_a_time_for_every_library() -> None:
    linears = linears_of(nn.Linear(32, 48))
    floor = {size: measure(linears, size, 1) for size in (1, 2)}
    assert all(value > 0 for times in floor.values() for value in times.values())
    assert floor_table(floor).startswith("| ms, rows | 1 | 2 |")
