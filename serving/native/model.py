"""The native decoder behind the runner: packed tokens in, logits out, as PagedModel does it."""

from __future__ import annotations

import ctypes
import dataclasses
import weakref
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from serving.kv_cache.slots import slots_of
from serving.kv_cache.spec import CacheSpec
from serving.native import library
from serving.native.library import address
from serving.native.pack import Matrix
from serving.native.weights import DecoderWeights, LayerWeights, check_family, take_weights
from serving.request import Likeliest
from serving.scheduler.output import ScheduledChunk

KEPT_LOGITS_BYTES = 32 * 2**20
"""Memory for logits is kept up to here: fresh pages cost time at each step, and pieces of changing
size leave holes. Above, the C library maps and unmaps it by itself."""


class NativeModel:
    """Runs chunks of many sequences by one call of the compiled kernels.

    A row's logits depend on its own sequence alone, to the last bit: not on what else is in the
    batch, how the prompt was cut into chunks, or which of its blocks were found in the cache.

    Args:
        model: fp32 on CPU; only its rotary embedding is used once the weights are packed.
        spec: its attention layers.
        num_blocks, block_size: the cache to allocate.
        weights: its packed weights; None: they are taken out of `model`.

    Raises:
        NotOfTheFamily: the kernels cannot run it; the model is untouched.
        CannotCompile: there is no library; likewise.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        spec: CacheSpec,
        *,
        num_blocks: int,
        block_size: int,
        weights: DecoderWeights | None = None,
    ) -> None:
        self._library = library.load()
        check_family(model, spec, block_size)
        self.device = torch.device("cpu")
        self._decoder: Any = model
        self._block_size = block_size
        self._vocabulary: int = self._decoder.lm_head.out_features
        self._weights = weights or take_weights(model)
        self.likeliest: Likeliest | None = None
        self._logits = torch.empty(0, self._vocabulary)
        self._example = torch.zeros(1, 1)  # tells the rotary embedding a dtype and a device
        layer = spec.layers[0]
        # Only slots that were written are read, and untouched memory costs nothing.
        shape = (num_blocks, layer.num_kv_heads, block_size * layer.key_dim)
        kept_in = self._weights.head.precision.cache_dtype
        self._keys = [torch.empty(shape, dtype=kept_in) for _ in spec.layers]
        self._values = [torch.empty(shape, dtype=kept_in) for _ in spec.layers]
        self._seconds: Any = None
        self._handle = self._make_handle(spec)
        self._finalizer = weakref.finalize(self, self._library.kw_free, self._handle)

    def close(self) -> None:
        """End the kernels' threads; `forward` must not be called any more."""
        self._finalizer()

    def start_clock(self) -> None:
        """Count the seconds of each phase from now on; a step has about 300 marks of 30 ns."""
        self._seconds = (ctypes.c_double * len(library.PHASES))()
        self._library.kw_time(self._handle, ctypes.addressof(self._seconds))

    def phase_seconds(self) -> dict[str, float]:
        """Seconds spent in each phase since `start_clock`."""
        return dict(zip(library.PHASES, self._seconds or (), strict=False))

    @torch.inference_mode()
    def forward(self, chunks: list[ScheduledChunk], rows: list[int]) -> Tensor:
        """See serving.runner.interface.StepModel."""
        ids = torch.tensor([token for chunk in chunks for token in chunk.token_ids])
        positions = torch.tensor([p for chunk in chunks for p in range(chunk.start, chunk.end)])
        cosine, sine = self._decoder.model.rotary_emb(self._example, positions[None])
        logits = self._room_for_logits(len(rows))
        arrays = {
            "ids": ids,
            "cosine": cosine.contiguous(),
            "sine": sine.contiguous(),
            "sample_rows": torch.tensor(rows, dtype=torch.int32),
            "logits": logits,
            "peaks": (peaks := torch.empty(len(rows))),
            "likeliest": (token_ids := torch.empty(len(rows), dtype=torch.int32)),
            **self._sequences(chunks),
        }
        batch = library.Batch(
            rows=len(ids),
            sequences=len(chunks),
            samples=len(rows),
            **{name: address(array) for name, array in arrays.items()},
        )
        self._library.kw_forward(self._handle, ctypes.byref(batch))
        self.likeliest = Likeliest(peaks.tolist(), token_ids.tolist())
        return logits

    def _room_for_logits(self, rows: int) -> Tensor:
        """Memory for a step's logits, the same as the last time's where they fit."""
        if 4 * rows * self._vocabulary > KEPT_LOGITS_BYTES:
            return torch.empty(rows, self._vocabulary)
        if rows > len(self._logits):
            self._logits = torch.empty(rows, self._vocabulary)
        return self._logits[:rows]

    def _sequences(self, chunks: list[ScheduledChunk]) -> dict[str, Tensor]:
        """Where each sequence's rows, cached tokens and blocks are."""
        first: list[int] = []
        table: list[int] = []
        tables: list[int] = []
        slots: list[int] = []
        for chunk in chunks:
            first.append(len(slots))
            table.append(len(tables))
            needed = -(-chunk.end // self._block_size)
            tables.extend(chunk.block_ids[:needed])
            slots.extend(slots_of(chunk.block_ids, chunk.start, chunk.end, self._block_size))
        return {
            "slots": torch.tensor(slots, dtype=torch.int64),
            "first": _int32(first),
            "count": _int32([len(chunk.token_ids) for chunk in chunks]),
            "cached": _int32([chunk.start for chunk in chunks]),
            "table": _int32(table),
            "tables": _int32(tables),
        }

    def _make_handle(self, spec: CacheSpec) -> int:
        layer, weights = spec.layers[0], self._weights
        shape = library.Shape(
            hidden=self._decoder.config.hidden_size,
            heads=layer.num_query_heads,
            kv_heads=layer.num_kv_heads,
            dim=layer.key_dim,
            intermediate=weights.intermediate,
            vocabulary=self._vocabulary,
            rotary=self._rotary_size(),
            layers=len(weights.layers),
            threads=torch.get_num_threads(),
            block_size=self._block_size,
            cache_bits=8 * self._keys[0].itemsize,
            epsilon=weights.epsilon,
        )
        records = (library.Layer * len(weights.layers))(
            *[
                library.Layer(
                    **_fields(weights.layers[index]),
                    keys=address(self._keys[index]),
                    values=address(self._values[index]),
                    scale=one.scaling,
                    window=one.window or 0,
                )
                for index, one in enumerate(spec.layers)
            ]
        )
        handle: int = self._library.kw_decoder(
            ctypes.byref(shape),
            records,
            address(weights.norm),
            ctypes.byref(weights.head.record()),
            ctypes.byref(weights.embeddings.record()),
        )
        return handle

    def _rotary_size(self) -> int:
        """Dimensions of a head that are rotated."""
        nowhere = torch.zeros(1, 1, dtype=torch.int64)
        cosine, _ = self._decoder.model.rotary_emb(self._example, nowhere)
        return int(cosine.shape[-1])


def _fields(layer: LayerWeights) -> dict[str, Any]:
    """The layer's part of a record of the kernels."""
    values = {item.name: getattr(layer, item.name) for item in dataclasses.fields(layer)}
    return {
        name: value.record() if isinstance(value, Matrix) else address(value)
        for name, value in values.items()
    }


def _int32(values: list[int]) -> Tensor:
    return torch.tensor(values, dtype=torch.int32)
