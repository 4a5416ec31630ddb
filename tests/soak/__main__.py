"""`make soak`: conversations under faults by chance, and an audit that reads everything back.

    python -m tests.soak --minutes 5 --seed 1

Exits with 0 where nothing was lost, 1 where something was; the counts are printed in any case.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.soak.audit import Report, audit, read_stream
from tests.soak.house import SoakHouse, soak_house
from tests.soak.reader import GaveUp, Reader

SWEEPS_WITHIN_S = 120.0


def main(arguments: list[str] | None = None) -> int:
    """Run; the exit code."""
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0, help="for this long at most")
    parser.add_argument("--seed", type=int, default=1, help="of all that happens by chance")
    parser.add_argument("--conversations", type=int, default=200)
    parser.add_argument("--at-once", type=int, default=20)
    parser.add_argument("--turns", type=int, default=4)
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder, soak_house(chosen.seed, Path(folder)) as house:
        readers, failures = _talk(house, chosen)
        house.be_kind()
        _sweep(house)
        report = audit(
            house.history,
            [reader for reader in readers if reader.conversation],
            read_stream(house.kinesis, house.stream),
            house.locks(),
        )
    return _print(report, readers, failures, house)


def _talk(house: SoakHouse, chosen: argparse.Namespace) -> tuple[list[Reader], list[str]]:
    end = time.monotonic() + 60 * chosen.minutes
    readers = [
        Reader(house.function, f"reader-{number}", random.Random(f"{chosen.seed}:{number}"))
        for number in range(chosen.conversations)
    ]
    failures: list[str] = []
    over = threading.Event()
    trouble = threading.Thread(target=house.make_trouble, args=(over,))
    trouble.start()

    def talk(reader: Reader) -> bool:
        if time.monotonic() > end:
            return False
        try:
            reader.talk(chosen.turns)
        except (GaveUp, AssertionError) as failure:
            failures.append(str(failure))
        return True

    with ThreadPoolExecutor(chosen.at_once) as pool:
        held = 0
        for number, done in enumerate(pool.map(talk, readers), 1):
            held += done
            if number % 10 == 0:
                print(f"  {held} of {chosen.conversations} conversations", flush=True)
    over.set()
    trouble.join()
    return readers, failures


def _sweep(house: SoakHouse) -> None:
    """The scheduled sweeper, until it has nothing left to do."""
    deadline = time.monotonic() + SWEEPS_WITHIN_S
    while time.monotonic() < deadline:
        house.sweep()
        if not house.left_over():
            return
        time.sleep(0.5)


def _print(report: Report, readers: list[Reader], failures: list[str], house: SoakHouse) -> int:
    happened = sum((Counter(reader.counts) for reader in readers), Counter[str]())
    for title, counts in (
        ("faults made", Counter(house.faults())),
        ("what readers met", happened),
        ("audit", report.counts),
    ):
        print(f"{title}:")
        for name, count in sorted(counts.items()):
            print(f"  {count:7d}  {name}")
    faults = [*failures, *report.faults]
    for fault in faults[:50]:
        print(f"FAULT {fault}")
    print(f"soak: {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
