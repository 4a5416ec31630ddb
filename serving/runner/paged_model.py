"""A transformers model with its attention layers bound to pages: packed tokens in, logits out."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from serving.attention import interface
from serving.attention.metadata import AttentionBackend, build_step
from serving.kv_cache.storage import allocate_layers
from serving.runner.probe import ProbedModel
from serving.scheduler.output import ScheduledChunk


class PagedModel:
    """Runs chunks of many sequences as one packed batch [1, T].

    Args:
        model: loaded, in evaluation mode.
        probed: its attention layers.
        backend: computes the attention.
        num_blocks, block_size: the cache to allocate.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        probed: ProbedModel,
        backend: AttentionBackend,
        *,
        num_blocks: int,
        block_size: int,
    ) -> None:
        self.device = model.device
        self.likeliest: None = None  # see StepModel
        self._model = model
        self._backend = backend
        self._block_size = block_size
        self._layers = allocate_layers(
            probed.spec, num_blocks, block_size, dtype=model.dtype, device=self.device
        )
        interface.register()
        for module, layer in zip(probed.modules, self._layers, strict=True):
            module.kv_layer = layer  # type: ignore[assignment]
        model.set_attn_implementation(interface.ATTENTION_NAME)

    @torch.inference_mode()
    def forward(self, chunks: list[ScheduledChunk], rows: list[int]) -> Tensor:
        """Compute all chunks; logits [len(rows), vocabulary] at the packed `rows`."""
        ids: list[int] = []
        positions: list[int] = []
        for chunk in chunks:
            ids.extend(chunk.token_ids)
            positions.extend(range(chunk.start, chunk.end))
        step = build_step(chunks, self._block_size, self._backend, self.device)
        output: Any = self._model(
            input_ids=self._tensor(ids)[None],
            position_ids=self._tensor(positions)[None],
            use_cache=False,
            logits_to_keep=self._tensor(rows or [0]),  # models expect at least one row
            kv_step=step,
        )
        logits: Tensor = output.logits[0]
        return logits[: len(rows)]

    def _tensor(self, data: list[int]) -> Tensor:
        return torch.tensor(data, dtype=torch.int64, device=self.device)
