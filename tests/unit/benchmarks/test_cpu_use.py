from __future__ import annotations

import subprocess
import sys
import time

import pytest

from benchmarks import cpu_use
from benchmarks.cpu_use import ForeignCpu

SPIN = "import time\nend = time.process_time() + {seconds}\nwhile time.process_time() < end: pass"


def test_own_work_and_that_of_children_is_not_foreign() -> None:
    before = cpu_use._own_cpu_s()
    subprocess.run([sys.executable, "-c", SPIN.format(seconds=0.3)], check=True)
    end = time.process_time() + 0.2
    while time.process_time() < end:
        pass
    assert cpu_use._own_cpu_s() - before >= 0.45


def test_foreign_cores_are_machine_minus_own(monkeypatch: pytest.MonkeyPatch) -> None:
    machine, own, clock = iter([100.0, 130.0]), iter([50.0, 65.0]), iter([0.0, 10.0])
    monkeypatch.setattr(cpu_use, "_machine_cpu_s", lambda: next(machine))
    monkeypatch.setattr(cpu_use, "_own_cpu_s", lambda: next(own))
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    assert ForeignCpu().cores() == 1.5  # 30 s used, 15 s of them by us, within 10 s


def test_the_machines_clock_of_work_only_grows() -> None:
    before = cpu_use._machine_cpu_s()
    assert cpu_use.busy_cores(0.05) >= 0.0
    assert cpu_use._machine_cpu_s() >= before
