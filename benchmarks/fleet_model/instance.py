"""One instance: the engine's own core on a timed runner, and what a router sees of it.

The times that the engine itself notes are those of the real clock: nothing here reads them.
"""

from __future__ import annotations

from itertools import islice

from benchmarks.fleet_model.device import Device
from benchmarks.fleet_model.host_tier import HostTier
from benchmarks.fleet_model.latency import Latency
from benchmarks.fleet_model.runner import TimedRunner
from serving.engine.core import EngineCore
from serving.kv_cache.manager import BlockTable, KVCacheManager
from serving.request import EngineRequest, TokenDelta
from serving.runner.interface import Runner
from serving.sampling_params import SamplingParams
from serving.scheduler.scheduler import Scheduler


class Instance:
    """An instance of the fleet, in virtual time: a step's tokens come when the step is over.

    Args:
        number: its name.
        device: sizes and limits.
        latency: what its steps take.
        host_tier: whether it has one.
        checker: see `TimedRunner`.

    Attributes:
        in_flight: ids of its requests, from the router's choice to the last token's arrival.
        busy_s: seconds it spent in steps.
    """

    def __init__(
        self,
        number: int,
        device: Device,
        latency: Latency,
        *,
        host_tier: bool,
        checker: Runner | None = None,
    ) -> None:
        self.number = number
        self.in_flight: set[str] = set()
        self.busy_s = 0.0
        self.host = HostTier(device.host_blocks if host_tier else 0)
        self.runner = TimedRunner(latency, checker)
        self.scheduler = Scheduler(
            KVCacheManager(device.num_blocks, device.block_size),
            max_num_seqs=device.limits.running,
            token_budget=device.token_budget,
        )
        self.core = EngineCore(
            self.scheduler, self.runner, eos_token_ids=[], max_model_len=device.limits.context
        )
        self._device = device
        self._tables: dict[str, BlockTable] = {}
        self._admission = device.limits.admission

    @property
    def outstanding(self) -> int:
        """Requests in flight."""
        return len(self.in_flight)

    @property
    def is_full(self) -> bool:
        """Whether it answers the next request with 429."""
        return self.outstanding >= self._admission

    def add(self, request_id: str, prompt: list[int], max_tokens: int) -> None:
        """Take a request."""
        self.in_flight.add(request_id)
        sampling = SamplingParams(max_tokens=max_tokens, temperature=0.0, ignore_eos=True)
        self.core.add(
            EngineRequest(request_id=request_id, prompt_token_ids=prompt, sampling=sampling)
        )
        sequence = self.scheduler.get(request_id)
        if self.host.num_blocks and sequence is not None:
            self._tables[request_id] = sequence.table

    def warm(self, tokens: list[int]) -> None:
        """Keep `tokens` as if a request had just computed them; takes no time."""
        cache = self.scheduler.cache
        table = BlockTable()
        cache.adopt_prefix(table, cache.find_prefix(table, tokens))
        if cache.grow(table, len(tokens)):
            cache.register(table, tokens, len(tokens))
            self.host.store(table.hashes)
        cache.release(table)

    def finish(self, request_id: str) -> None:
        """The request's last token has arrived; its blocks are copied to the host."""
        self.in_flight.discard(request_id)
        table = self._tables.pop(request_id, None)
        if table is not None:
            self.host.store(table.hashes)

    def step(self) -> tuple[float, list[TokenDelta]]:
        """Compute one step: the seconds it takes, and what is told at their end."""
        copied = self._restore()
        deltas = self.core.step()
        copying = copied * self._device.block_bytes / self._device.restore_bandwidth
        seconds = self.runner.step_s + copying
        self.busy_s += seconds
        return seconds, deltas

    def _restore(self) -> int:
        """Fetch from the host what the next step may admit; blocks copied."""
        if not self.host.num_blocks:
            return 0
        running = len(self.scheduler.running)
        room = self._device.limits.running - running
        heads = list(islice(self.scheduler.waiting, max(0, room)))
        return sum(self.host.restore(self.scheduler.cache, it, spare=running) for it in heads)
