"""Which models the compiled kernels take, and what they say to the others."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from serving.native.pack import interleave
from serving.native.weights import NotOfTheFamily, check_family
from serving.runner.probe import probe
from tests.parity.models import CONFIGS, NATIVE, random_model


def check(model: Any, block_size: int = 16) -> None:
    check_family(model, probe(model, model.dtype).spec, block_size)


@pytest.mark.parametrize("name", NATIVE)
def test_the_family_is_taken(name: str) -> None:
    check(random_model(CONFIGS[name]()))


@pytest.mark.parametrize(
    ("name", "changes", "block_size", "reason"),
    [
        ("gpt2", {}, 16, "GPT2LMHeadModel is not one of LlamaForCausalLM"),
        ("gpt_oss", {}, 16, "is not one of"),
        ("native_llama", {}, 24, "a block of 24 tokens is not a multiple of 16"),
        ("native_llama", {"head_dim": 10}, 16, "the head size 10 is not a multiple of"),
        ("native_llama", {"hidden_act": "gelu"}, 16, "the activation is gelu, not silu"),
        ("native_llama", {"mlp_bias": True}, 16, "the MLP or the output head has a bias"),
    ],
)
def test_others_are_told_why_not(
    name: str, changes: dict[str, Any], block_size: int, reason: str
) -> None:
    config = CONFIGS[name]()
    for key, value in changes.items():
        setattr(config, key, value)
    with pytest.raises(NotOfTheFamily, match=reason):
        check(random_model(config), block_size)


def test_only_float32_is_taken() -> None:
    with pytest.raises(NotOfTheFamily, match=r"bfloat16 on cpu, not torch\.float32"):
        check(random_model(CONFIGS["native_llama"]()).to(torch.bfloat16))


def test_a_quantised_layer_is_left_to_those_who_made_it() -> None:
    class Quantised(nn.Linear):
        pass

    model: Any = random_model(CONFIGS["native_llama"]())
    old = model.model.layers[1].mlp.up_proj
    model.model.layers[1].mlp.up_proj = Quantised(old.in_features, old.out_features, bias=False)
    with pytest.raises(NotOfTheFamily, match="linear layers are not plain ones"):
        check(model)


def test_gates_and_ups_take_turns_and_missing_ones_are_zero() -> None:
    gate, up = torch.arange(1.0, 4.0)[:, None], -torch.arange(1.0, 4.0)[:, None]
    both = interleave(gate, up).flatten()
    width = len(both) // 2
    assert both[:3].tolist() == [1, 2, 3]
    assert both[width : width + 3].tolist() == [-1, -2, -3]
    assert both.count_nonzero() == 6
