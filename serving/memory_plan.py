"""What fits on a device, and how much work it may be given: the numbers that everybody shares.

    |<------------------------------ device memory ------------------------------>|
    | reserve | driver |   weights   | activations |          KV blocks            |
                                                   |<- warm session ->|<- ... ->|

The engine sizes its pool by these functions, the deploy plan foretells the pool by them, and the
limits that follow (admission, scaling target, routing threshold) come from `limits_for` alone.
Imports no torch: bytes in, counts out.
"""

from __future__ import annotations

from dataclasses import dataclass

from serving.errors import ConfigError
from serving.kv_cache.spec import CacheSpec

GIB = 1024**3
CPU_SHARE, CPU_MOST = 0.25, 4 * GIB
WARM_CONTEXTS = 16  # full contexts kept warm per running sequence, at most
QUEUE_BATCHES = 1  # as many may wait as run: a wait is about one answer long
SCALE_AT = 0.7  # of the running limit: a new instance takes minutes to come
MOST_RUNNING = 1024  # PREFIX_AWARE's ConcurrencyThreshold ends there


@dataclass(frozen=True)
class Limits:
    """How much work one copy of the model takes, from the size of its KV cache.

    Attributes:
        context: tokens of a session, the longest one that is let in.
        warm_sessions: sessions of that length whose KV stays in the pool.
        running: requests computed at a time; each could grow to `context` without preempting.
        waiting: requests queued behind them.
        scaling_target: concurrent requests a copy at which another copy is started.
        prefix_threshold: requests in flight at which PREFIX_AWARE routing prefers a cold copy.
    """

    context: int
    warm_sessions: int
    running: int
    waiting: int
    scaling_target: int
    prefix_threshold: int

    @property
    def admission(self) -> int:
        """Requests inside at a time; the next one gets 429."""
        return self.running + self.waiting

    def environment(self) -> dict[str, str]:
        """The settings by which a container keeps these limits."""
        return {
            "KEEPWARM_MAX_MODEL_LEN": str(self.context),
            "KEEPWARM_MAX_NUM_SEQS": str(self.running),
            "KEEPWARM_MAX_WAITING": str(self.waiting),
            "KEEPWARM_MAX_CONCURRENT": str(self.admission),
        }


def limits_for(num_blocks: int, block_size: int, *, context: int, max_num_seqs: int) -> Limits:
    """The limits of a pool of `num_blocks`, with sessions of `context` tokens.

    Args:
        num_blocks: blocks of the pool.
        block_size: tokens a block.
        context: tokens of a session.
        max_num_seqs: sequences in a step at most, whatever the memory.

    Raises:
        ConfigError: not even one session fits.
    """
    warm = warm_sessions(num_blocks, block_size, context)
    if warm < 1:
        raise ConfigError(
            f"the KV cache holds {num_blocks * block_size} tokens, less than one session of "
            f"{context}: plan a shorter context or a device with more memory"
        )
    running = min(warm, max_num_seqs, MOST_RUNNING)
    return Limits(
        context=context,
        warm_sessions=warm,
        running=running,
        waiting=running * QUEUE_BATCHES,
        scaling_target=max(1, int(SCALE_AT * running)),
        prefix_threshold=running,
    )


def warm_sessions(num_blocks: int, block_size: int, context: int) -> int:
    """Sessions of `context` tokens that the pool holds at a time; a block belongs to one alone."""
    return num_blocks // -(-context // block_size)


def block_size_for(setting: int, device_type: str) -> int:
    """Tokens a block: as set, else 256 on CUDA (FlashAttention's paged kernel) and 16 on CPU."""
    return setting or (256 if device_type == "cuda" else 16)


def token_budget_for(setting: int, device_type: str) -> int:
    """Tokens a step: enough to keep the device busy, few enough to keep decoding smooth."""
    return setting or (8192 if device_type == "cuda" else 160)


def cuda_kv_room(total: int, free: int, activations: int, utilization: float) -> int:
    """KV bytes on a GPU.

    Args:
        total: bytes of the device.
        free: bytes left on it with the weights loaded.
        activations: the largest step's peak.
        utilization: share of `total` that may be taken at all.
    """
    reserve = int((1 - utilization) * total)
    return max(0, free - reserve - activations)


def weights_as_served(parameters: int, bits: int) -> int:
    """Bytes of the weights that the CPU kernels read; those of 8 bits have a scale an output."""
    return parameters * bits // 8 + (parameters // 64 if bits == 8 else 0)


def cpu_kv_room(setting_gib: float, free: int) -> int:
    """KV bytes on a CPU: as set, else a quarter of what is free, up to 4 GiB."""
    if setting_gib:
        return int(setting_gib * GIB)
    return min(CPU_MOST, int(CPU_SHARE * free))


def num_blocks_for(
    spec: CacheSpec, room: int, block_size: int, *, context: int, max_num_seqs: int
) -> int:
    """Blocks that fit into `room` bytes, but no more than `max_num_seqs` could ever use.

    `context` is the model's own: sessions may be that long.
    """
    useful = max_num_seqs * WARM_CONTEXTS * -(-context // block_size)
    return min(spec.blocks_in(room, block_size), useful)
