"""After pinning, a forward's result does not depend on what else is in the batch."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import LlamaConfig

from serving.runner.packing import forget_padding, pin_rope
from tests.parity.models import CONFIGS, SHORT_CONTEXT, random_model


def rotary(name: str) -> tuple[Any, Any]:
    """A fresh model and its rotary embedding."""
    model: Any = random_model(CONFIGS[name]())
    return model, model.model.rotary_emb


def cosines(module: Any, last: int) -> Tensor:
    """The embedding of position 3 in a batch whose longest position is `last`."""
    cos: Tensor = module(torch.zeros(1, 1), torch.tensor([[3, last]]))[0]
    return cos[0, 0].clone()


def test_unpinned_longrope_depends_on_the_neighbour() -> None:
    """Why there is anything to pin."""
    _, module = rotary("phi3_longrope")
    assert not torch.equal(cosines(module, SHORT_CONTEXT - 1), cosines(module, SHORT_CONTEXT))


@pytest.mark.parametrize("name", ["phi3_longrope", "llama_dynamic"])
@pytest.mark.parametrize("context", [SHORT_CONTEXT, 4 * SHORT_CONTEXT])
def test_pinned_frequencies_do_not(name: str, context: int) -> None:
    reference = cosines(rotary(name)[1], context - 1)
    model, module = rotary(name)
    pin_rope(model, context)
    forget_padding(model)
    for last in (3, SHORT_CONTEXT - 1, 5, context - 1, 4):
        assert torch.equal(cosines(module, last), reference)


def test_longer_contexts_get_other_frequencies() -> None:
    results = []
    for context in (SHORT_CONTEXT, 4 * SHORT_CONTEXT):
        model, module = rotary("llama_dynamic")
        pin_rope(model, context)
        forget_padding(model)
        results.append(cosines(module, 3))
    assert not torch.equal(results[0], results[1])


@pytest.mark.parametrize("name", ["llama", "llama_yarn", "llama3_rope", "gemma3"])
def test_fixed_frequencies_are_left_alone(name: str) -> None:
    model, module = rotary(name)
    before = {key: buffer.clone() for key, buffer in module.named_buffers()}
    kind = module.rope_type
    pin_rope(model, 64)
    forget_padding(model)
    assert module.rope_type == kind
    assert all(torch.equal(before[key], buffer) for key, buffer in module.named_buffers())


def test_a_padding_token_is_an_ordinary_one() -> None:
    config = LlamaConfig(
        vocab_size=16, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, pad_token_id=3
    )
    model = random_model(config)
    pin_rope(model, 64)
    forget_padding(model)
    assert model.config.pad_token_id is None
