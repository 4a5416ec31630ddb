"""How many KV blocks the device's memory really holds."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from transformers import PreTrainedModel

from serving import memory_plan
from serving.config import EngineConfig
from serving.errors import ConfigError
from serving.kv_cache.spec import CacheSpec
from serving.memory_plan import GIB
from serving.native.precision import precision_for
from serving.runner.loader import choose_dtype, context_length

SESSION_TOKENS = 2048
CPU = torch.device("cpu")


def block_size_for(config: EngineConfig, device: torch.device) -> int:
    """Tokens a block on this device."""
    return memory_plan.block_size_for(config.cache.block_size, device.type)


def token_budget_for(config: EngineConfig, device: torch.device) -> int:
    """Tokens a step on this device."""
    return memory_plan.token_budget_for(config.scheduler.token_budget, device.type)


def choose_num_blocks(
    config: EngineConfig, spec: CacheSpec, block_size: int, model: PreTrainedModel
) -> int:
    """Blocks of the pool: as set, else what free memory holds.

    Raises:
        ConfigError: not even one block fits.
    """
    count = config.cache.num_blocks
    if not count:
        room = (
            _cuda_room(config, model) if model.device.type == "cuda" else _cpu_room(config, model)
        )
        count = memory_plan.num_blocks_for(
            spec,
            room,
            block_size,
            context=context_length(model.config),
            max_num_seqs=config.scheduler.max_num_seqs,
        )
    if count < 1:
        raise ConfigError(
            f"no memory is left for the KV cache (a token takes {spec.bytes_per_token} bytes); "
            "raise KEEPWARM_KV_CACHE_GIB or choose a smaller model"
        )
    return count


def choose_max_model_len(config: EngineConfig, model: PreTrainedModel, capacity: int) -> int:
    """Context in tokens: as set, else the model's, or what the cache holds if that is less.

    Raises:
        ConfigError: the setting is more than the model or the cache can do.
    """
    context = context_length(model.config)
    wanted = config.scheduler.max_model_len
    if not wanted:
        return min(context, capacity)
    limit = min(context, capacity)
    if wanted > limit:
        raise ConfigError(
            f"KEEPWARM_MAX_MODEL_LEN is {wanted}; the model was made for {context} tokens and the "
            f"KV cache holds {capacity}: it must be {limit} or less"
        )
    return wanted


def report(spec: CacheSpec, num_blocks: int, block_size: int) -> str:
    """One line on what the cache holds."""
    tokens = num_blocks * block_size
    size = tokens * spec.bytes_per_token / GIB
    sessions = memory_plan.warm_sessions(num_blocks, block_size, SESSION_TOKENS)
    return (
        f"KV cache: {num_blocks} blocks of {block_size} tokens = {tokens} tokens, {size:.2f} GiB; "
        f"{sessions} sessions of {SESSION_TOKENS} tokens stay warm"
    )


def _cpu_room(config: EngineConfig, model: PreTrainedModel) -> int:
    """Beside the weights, which a model on the meta device has yet to read."""
    free = available_memory()
    if model.device.type == "meta":
        coming = sum(one.numel() for one in model.parameters())
        precision = precision_for(config.quantization, choose_dtype(config.dtype, CPU))
        free -= memory_plan.weights_as_served(coming, precision.value if precision else 32)
    return memory_plan.cpu_kv_room(config.cache.cpu_gib, max(0, free))


def available_memory() -> int:
    """Bytes that can be taken without swapping, inside the container's own limit."""
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():
        for line in meminfo.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                free = int(line.split()[1]) * 1024
    limit, used = (_cgroup(f"/sys/fs/cgroup/memory.{name}") for name in ("max", "current"))
    if limit is not None and used is not None:
        free = min(free, max(0, limit - used))
    return free


def _cgroup(path: str) -> int | None:
    try:
        return int(Path(path).read_text())
    except (OSError, ValueError):  # no such file, or "max": no limit
        return None


def _cuda_room(config: EngineConfig, model: PreTrainedModel) -> int:
    """What the GPU has left beside weights and the largest step's activations, measured."""
    device = model.device
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    rows = token_budget_for(config, device)
    ids = torch.zeros(1, rows, dtype=torch.int64, device=device)
    with torch.inference_mode():  # under the probe's attention: everything but the KV cache
        model(input_ids=ids, position_ids=ids, use_cache=False, logits_to_keep=1)
    peak = torch.cuda.max_memory_allocated(device) - before
    torch.cuda.empty_cache()
    free, total = torch.cuda.mem_get_info(device)
    return memory_plan.cuda_kv_room(total, free, peak, config.cache.gpu_memory_utilization)
