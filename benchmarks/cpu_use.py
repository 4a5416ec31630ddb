"""Who used the processor: the peer and we, or somebody else whose work spoils the numbers."""

from __future__ import annotations

import time
from contextlib import suppress

import psutil

_IDLE_FIELDS = ("idle", "iowait", "guest", "guest_nice")  # guest time is part of user time
_SAMPLE_S = 1.0


def busy_cores(sample_s: float = _SAMPLE_S) -> float:
    """Cores kept busy by anybody over the next `sample_s` seconds."""
    before, began = _machine_cpu_s(), time.monotonic()
    time.sleep(sample_s)
    return (_machine_cpu_s() - before) / (time.monotonic() - began)


class ForeignCpu:
    """Measures the cores that processes other than this one and its children keep busy.

    Time that a hypervisor took away counts too. Children that ended in between are counted as
    foreign only as far as their parent did not wait for them.
    """

    def __init__(self) -> None:
        self._machine_s = _machine_cpu_s()
        self._own_s = _own_cpu_s()
        self._began = time.monotonic()

    def cores(self) -> float:
        """Mean number of cores since this object was made; at least 0."""
        foreign_s = (_machine_cpu_s() - self._machine_s) - (_own_cpu_s() - self._own_s)
        return max(0.0, foreign_s / max(time.monotonic() - self._began, 1e-9))


def _machine_cpu_s() -> float:
    """CPU seconds that all cores together have been busy since the machine started."""
    times = psutil.cpu_times()._asdict()
    return float(sum(value for name, value in times.items() if name not in _IDLE_FIELDS))


def _own_cpu_s() -> float:
    """CPU seconds of this process, its living descendants and those waited for."""
    own = psutil.Process()
    total = 0.0
    for process in [own, *own.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):  # ended since it was listed
            used = process.cpu_times()
            total += used.user + used.system + used.children_user + used.children_system
    return total
