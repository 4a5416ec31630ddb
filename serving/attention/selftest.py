"""Chooses the attention backend by trying it: a kernel that is wrong here is never used.

One mixed batch (decoding, a chunk behind cached tokens, a fresh prompt, a shared prefix, beyond
the window where the layer has one) goes through the candidate and through the fp32 reference, for
every distinct kind of layer of the model, on the real device and in the real dtype.
"""

from __future__ import annotations

import logging
import math

import torch
from msgspec.structs import replace

from serving.attention.cpu import CpuAttention
from serving.attention.metadata import AttentionBackend, AttentionStep, build_step
from serving.attention.reference import ReferenceAttention
from serving.attention.varlen import VarlenAttention
from serving.kv_cache.slots import slots_of
from serving.kv_cache.spec import CacheSpec, LayerSpec
from serving.kv_cache.storage import allocate_layer
from serving.sampling_params import SamplingParams
from serving.scheduler.output import ScheduledChunk

logger = logging.getLogger(__name__)

TOLERANCE = {torch.float32: 1e-4, torch.float16: 1e-2, torch.bfloat16: 4e-2}
MAX_WINDOW_TRIED = 4096
POISON = 1000.0  # a value nobody may see: one that leaks through a flat softmax still shows


def choose_backend(
    spec: CacheSpec, block_size: int, *, dtype: torch.dtype, device: torch.device, wanted: str
) -> AttentionBackend:
    """The backend asked for (`auto`: the device's fast one) if it passes, else the reference."""
    name = wanted if wanted != "auto" else ("varlen" if device.type == "cuda" else "cpu")
    if name == "reference":
        return ReferenceAttention()
    candidate: AttentionBackend = VarlenAttention() if name == "varlen" else CpuAttention()
    reason = failure(candidate, spec, block_size, dtype=dtype, device=device)
    if reason is None:
        return candidate
    logger.warning("attention backend %s failed its self-test: %s; using reference", name, reason)
    return ReferenceAttention()


def failure(
    candidate: AttentionBackend,
    spec: CacheSpec,
    block_size: int,
    *,
    dtype: torch.dtype,
    device: torch.device,
) -> str | None:
    """Why `candidate` must not be used for this model; None if it agrees with the reference."""
    for layer in sorted(set(spec.layers), key=repr):
        try:
            error = largest_error(candidate, layer, block_size, dtype=dtype, device=device)
        except (RuntimeError, NotImplementedError, ValueError, TypeError) as problem:
            lines = str(problem).splitlines() or [""]
            return f"{type(problem).__name__}: {lines[0]}"
        if not error <= TOLERANCE[dtype]:  # also catches NaN
            return f"largest error {error:.2e} against the reference is over {TOLERANCE[dtype]:g}"
    return None


def largest_error(
    candidate: AttentionBackend,
    layer: LayerSpec,
    block_size: int,
    *,
    dtype: torch.dtype,
    device: torch.device,
) -> float:
    """Largest absolute difference between `candidate` and the reference over both batches.

    The mixed batch, and one of decoding sequences alone, for which kernels have paths of their own.
    """
    mixed = mixed_batch(block_size, layer.window)
    decoding = [
        replace(chunk, token_ids=[0], start=abs(chunk.start - shift) if chunk.start > 8 else shift)
        for shift in range(4)
        for chunk in mixed
    ]
    errors = [
        _error_on(chunks, candidate, layer, block_size, dtype, device)
        for chunks in (mixed, decoding)
    ]
    return max(errors, key=lambda error: math.inf if math.isnan(error) else error)


def _error_on(
    chunks: list[ScheduledChunk],
    candidate: AttentionBackend,
    layer: LayerSpec,
    block_size: int,
    dtype: torch.dtype,
    device: torch.device,
) -> float:
    generator = torch.Generator().manual_seed(0)
    num_blocks = 1 + max(max(chunk.block_ids) for chunk in chunks)

    def random(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator).to(device=device, dtype=dtype)

    cache = allocate_layer(layer, num_blocks, block_size, dtype=dtype, device=device)
    cache.keys.copy_(random(*cache.keys.shape))
    cache.values.copy_(random(*cache.values.shape))
    cache.value_slots[_unseen(chunks, block_size, layer.window)] = POISON
    rows = sum(len(chunk.token_ids) for chunk in chunks)
    query = random(rows, layer.num_query_heads, layer.key_dim) * _sharpness(layer)
    key = random(rows, layer.num_kv_heads, layer.key_dim)
    value = random(rows, layer.num_kv_heads, layer.value_dim)
    sinks = random(layer.num_query_heads) if layer.has_sinks else None

    def run(backend: AttentionBackend) -> torch.Tensor:
        step: AttentionStep = build_step(chunks, block_size, backend, device)
        cache.write(key, value, step.slots)
        return backend.attend(query, key, value, cache, step, sinks).float()

    difference = (run(candidate) - run(ReferenceAttention())).abs().max()
    return float(difference)


def mixed_batch(block_size: int, window: int | None) -> list[ScheduledChunk]:
    """Two sequences that share two blocks, a chunk on scattered blocks, a fresh prompt."""
    long = 3 * block_size + 5
    if window is not None and window <= MAX_WINDOW_TRIED:
        long = max(long, window + block_size + 3)
    blocks = -(-(long + 40) // block_size)
    shared = [0, 1]
    first = shared + list(range(2, blocks))
    second = shared + list(range(blocks, 2 * blocks))
    scattered = list(range(4 * blocks, 2 * blocks, -2))
    fresh = list(range(4 * blocks + 1, 4 * blocks + 5))
    return [
        _chunk("decode", long, 1, first),
        _chunk("chunk", 2 * block_size, 7, second),
        _chunk("scattered", long, 19, scattered),
        _chunk("fresh", 0, 2 * block_size + 1, fresh),
    ]


def _unseen(chunks: list[ScheduledChunk], block_size: int, window: int | None) -> list[int]:
    """Slots that no row may see: before all windows, behind the ends, and nobody's."""
    seen: set[int] = set()
    for chunk in chunks:
        first = 0 if window is None else max(0, chunk.start + 1 - window)
        seen.update(slots_of(chunk.block_ids, first, chunk.end, block_size))
    slots = block_size * (1 + max(max(chunk.block_ids) for chunk in chunks))
    return [slot for slot in range(slots) if slot not in seen]


def _sharpness(layer: LayerSpec) -> float:
    """Factor of the queries: with a softcap, scores must be large enough to be capped."""
    if layer.softcap is None:
        return 1.0
    return layer.softcap / (layer.scaling * math.sqrt(layer.key_dim))


def _chunk(name: str, start: int, new: int, block_ids: list[int]) -> ScheduledChunk:
    return ScheduledChunk(
        request_id=name,
        token_ids=[0] * new,
        start=start,
        block_ids=block_ids,
        samples=False,
        sampling=SamplingParams(),
        prompt_token_ids=[],
        output_token_ids=[],
    )
