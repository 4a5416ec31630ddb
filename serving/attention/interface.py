"""The one function that transformers calls: every attention layer of every model comes here.

The step travels through the model's forward as the keyword `kv_step`; the layer's memory is bound
to its attention module as `kv_layer` when the model is loaded. Nothing is global.
"""

from __future__ import annotations

from typing import Any, cast

from torch import Tensor, nn
from transformers import AttentionInterface

from serving.attention.metadata import AttentionStep
from serving.kv_cache.storage import LayerCache

# No mask is made for a name that transformers' mask registry does not know, and that is the wish.
ATTENTION_NAME = "keepwarm_paged"


def paged_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    kv_step: AttentionStep,
    s_aux: Tensor | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """Write the new keys and values, then attend over the pages.

    Args:
        module: the attention layer; its `kv_layer` is the layer's memory.
        query: [1, query_heads, T, key_dim].
        key: [1, kv_heads, T, key_dim].
        value: [1, kv_heads, T, value_dim].
        attention_mask: always None here; causality and windows come from the step.
        kv_step: the batch.
        s_aux: attention sinks [query_heads], where the model has them.

    Returns:
        [1, T, query_heads, value_dim] and None.
    """
    cache = cast(LayerCache, module.kv_layer)
    rows = [tensor[0].transpose(0, 1) for tensor in (query, key, value)]
    query, key, value = rows[0].contiguous(), rows[1], rows[2]
    cache.write(key, value, kv_step.slots)
    return kv_step.backend.attend(query, key, value, cache, kv_step, s_aux)[None], None


def register() -> None:
    """Make the name known to transformers; doing it twice is harmless."""
    AttentionInterface.register(ATTENTION_NAME, paged_attention)
