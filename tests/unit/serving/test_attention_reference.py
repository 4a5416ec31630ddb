"""The oracle of the other backends is itself held against the definition of attention."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from serving.attention.reference import ReferenceAttention
from tests.unit.serving.attention_cases import KINDS, LAYER, LAYERS, Case, chunk, random_case


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layer", LAYERS)
def test_is_attention_by_the_definition(layer: str, kind: str) -> None:
    case = random_case(kind, LAYERS[layer], 4, seed=1)
    torch.testing.assert_close(case.run(ReferenceAttention()), case.expected(), rtol=0, atol=1e-5)


def test_a_fresh_prompt_is_torch_s_own_causal_attention() -> None:
    case = Case(LAYER, 16, [chunk("a", 0, 37, [4, 2, 9])])
    query, key, value = (t.transpose(0, 1)[None] for t in (case.query, case.key, case.value))
    expected = scaled_dot_product_attention(
        query, key, value, is_causal=True, scale=LAYER.scaling, enable_gqa=True
    )
    actual = case.run(ReferenceAttention())
    torch.testing.assert_close(actual, expected[0].transpose(0, 1), rtol=0, atol=1e-5)


def test_computes_in_fp32_and_answers_in_the_model_s_dtype() -> None:
    case = random_case("mixed", LAYER, 16, seed=3, dtype=torch.bfloat16)
    torch.testing.assert_close(case.run(ReferenceAttention()), case.expected(), rtol=0, atol=2e-2)
