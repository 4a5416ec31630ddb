"""Faults of the way between client and function, made on purpose.

Written as text, such as `cut:after=2000,times=1;slow:rate=500,path=/v1/conversations/*`:

    cut        the connection closes in mid-stream            after (bytes)
    reset      the same by a TCP reset                        after
    end        the stream ends cleanly, and is not whole      after
    stall      nothing comes for a while                      after, seconds
    slow       few bytes a second                             rate, after
    drop       request headers get lost                       headers (name+name)
    strip      answer headers get lost                        headers
    duplicate  the request is sent twice, as a proxy's retry
    status     an answer of the edge's own, and the function  status (502, 503, 504)
               was never asked
    lose       the function is asked and its answer is lost   status

Each takes as well: path (a pattern, default /v1/*), method, times (so often; default always),
chance (0 to 1), skip (so many requests first).
"""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase

KINDS = (
    "cut",
    "reset",
    "end",
    "stall",
    "slow",
    "drop",
    "strip",
    "duplicate",
    "status",
    "lose",
)
STREAM_KINDS = ("cut", "reset", "end", "stall", "slow")
SLICES_PER_S = 10

_NUMBER = (int, float)
_TYPES: Mapping[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("kind", "path", "method", "headers"), str),
    **dict.fromkeys(("times", "skip", "after", "status"), int),
    **dict.fromkeys(("chance", "seconds", "rate"), _NUMBER),
}


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One kind of fault, and where and how often it happens.

    Raises:
        ValueError: the fault makes no sense.
    """

    kind: str
    path: str = "/v1/*"
    method: str = ""
    times: int = 0
    chance: float = 1.0
    skip: int = 0
    after: int = 0
    seconds: float = 5.0
    rate: float = 100.0
    status: int = 502
    headers: str = ""

    def __post_init__(self) -> None:
        for name, kinds in _TYPES.items():
            value = getattr(self, name)
            if not isinstance(value, kinds) or isinstance(value, bool):
                raise ValueError(f"{name} cannot be {value!r} in a fault")
        if self.kind not in KINDS:
            raise ValueError(f"a fault is one of {', '.join(KINDS)}, got {self.kind!r}")
        if not (math.isfinite(self.seconds) and math.isfinite(self.rate)):
            raise ValueError("seconds and rate in a fault must be finite")
        if self.status not in (500, 502, 503, 504):
            raise ValueError(f"status must be 500, 502, 503 or 504, got {self.status}")
        if min(self.times, self.skip, self.after, self.seconds) < 0 or self.rate <= 0:
            raise ValueError("times, skip, after and seconds are 0 or more, rate is above 0")
        if not 0 <= self.chance <= 1:
            raise ValueError(f"chance must be in [0, 1], got {self.chance:g}")
        if self.kind in ("drop", "strip") and not self.header_names:
            raise ValueError(f"{self.kind} needs headers=Name or headers=Name+Name")

    @property
    def header_names(self) -> frozenset[str]:
        """Which headers get lost, in lower case."""
        return frozenset(name.strip().lower() for name in self.headers.split("+") if name.strip())

    def concerns(self, method: str, path: str) -> bool:
        """Whether it may happen to such a request."""
        return fnmatchcase(path, self.path) and self.method.upper() in ("", method.upper())


def parse_faults(text: str) -> list[Fault]:
    """The faults that a text names; none for an empty one.

    Raises:
        ValueError: it cannot be understood; the message says what would be right.
    """
    return [_parse(part.strip()) for part in text.split(";") if part.strip()]


def _parse(text: str) -> Fault:
    kind, _, rest = text.partition(":")
    kinds = {spec.name: spec.type for spec in fields(Fault)}
    values: dict[str, str | int | float] = {}
    for pair in filter(None, (part.strip() for part in rest.split(","))):
        name, equals, value = pair.partition("=")
        if not equals or name not in kinds or name == "kind":
            known = ", ".join(sorted(set(kinds) - {"kind"}))
            raise ValueError(f"{pair!r} in a fault is not name=value with a name of: {known}")
        values[name] = _value(name, str(kinds[name]), value.strip())
    return Fault(kind=kind.strip(), **values)  # type: ignore[arg-type]


def _value(name: str, kind: str, text: str) -> str | int | float:
    try:
        return int(text) if kind == "int" else float(text) if kind == "float" else text
    except ValueError:
        raise ValueError(f"{name}={text!r} in a fault must be a number") from None


class Faults:
    """The faults in force; safe for threads. `replace` changes them while requests run."""

    def __init__(self, faults: Sequence[Fault] = (), seed: int = 0) -> None:
        self._lock = threading.Lock()
        self._random = random.Random(seed)  # noqa: S311 (repeatable faults, no secret)
        self._entries: list[_Entry] = []
        self.happened: dict[str, int] = {}
        self.replace(faults)

    def replace(self, faults: Sequence[Fault]) -> None:
        """These from now on, counted anew."""
        with self._lock:
            self._entries = [_Entry(fault) for fault in faults]

    def active(self) -> list[Fault]:
        """Those that can still happen."""
        with self._lock:
            return [entry.fault for entry in self._entries if not entry.used_up]

    def happening(self, method: str, path: str) -> list[Fault]:
        """Those that happen to this request, which is counted."""
        with self._lock:
            chosen = [entry.fault for entry in self._entries if self._happens(entry, method, path)]
            for fault in chosen:
                self.happened[fault.kind] = self.happened.get(fault.kind, 0) + 1
            return chosen

    def _happens(self, entry: _Entry, method: str, path: str) -> bool:
        fault = entry.fault
        if not fault.concerns(method, path) or entry.used_up:
            return False
        entry.seen += 1
        if entry.seen <= fault.skip or self._random.random() >= fault.chance:
            return False
        entry.happened += 1
        return True


@dataclass
class _Entry:
    fault: Fault
    seen: int = 0
    happened: int = 0

    @property
    def used_up(self) -> bool:
        return 0 < self.fault.times <= self.happened


class CutOff(Exception):
    """The connection ends here; `reset` says how."""

    def __init__(self, reset: bool) -> None:
        super().__init__("cut on purpose")
        self.reset = reset


def faulty(
    pieces: Iterator[bytes],
    faults: Sequence[Fault],
    *,
    idle_s: float,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[bytes]:
    """A stream with what the faults make of it.

    Raises:
        CutOff: the connection has to end.
    """
    for fault in faults:
        if fault.kind in STREAM_KINDS:
            pieces = _with_fault(pieces, fault, idle_s, sleep)
    return pieces


def _with_fault(
    pieces: Iterator[bytes], fault: Fault, idle_s: float, sleep: Callable[[float], None]
) -> Iterator[bytes]:
    sent = 0
    reached = fault.after == 0
    if reached and _ends_here(fault, idle_s, sleep):
        return
    for piece in pieces:
        before = piece[: max(0, fault.after - sent)] if not reached else b""
        rest = piece[len(before) :]
        sent += len(piece)
        if before:
            yield before
        if not reached and sent >= fault.after:
            reached = True
            if _ends_here(fault, idle_s, sleep):
                return
        if rest:
            yield from _slowly(rest, fault.rate, sleep) if fault.kind == "slow" else (rest,)


def _ends_here(fault: Fault, idle_s: float, sleep: Callable[[float], None]) -> bool:
    """What happens at the chosen byte: a cut, a pause, or the stream's end."""
    if fault.kind in ("cut", "reset"):
        raise CutOff(fault.kind == "reset")
    if fault.kind == "stall":
        sleep(min(fault.seconds, idle_s))
        if fault.seconds > idle_s:
            raise CutOff(reset=False)
    return fault.kind == "end"


def paced(
    pieces: Iterator[bytes],
    *,
    full_speed_bytes: int,
    rate: float,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[bytes]:
    """A stream as API Gateway lets it through: so much at full speed, the rest at a rate."""
    sent = 0
    for piece in pieces:
        over = max(0, sent + len(piece) - max(full_speed_bytes, sent))
        sent += len(piece)
        if over:
            sleep(over / rate)
        yield piece


def _slowly(data: bytes, rate: float, sleep: Callable[[float], None]) -> Iterator[bytes]:
    size = max(1, int(rate / SLICES_PER_S))
    for start in range(0, len(data), size):
        part = data[start : start + size]
        sleep(len(part) / rate)
        yield part
