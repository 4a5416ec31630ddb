"""Starts the parts in order, keeps them alive, stops them all.

    waiting --what it needs is ready--> starting --probe, prepare--> up --...--> stopped
                                            ^                        |
                                            `---- ended by itself ---'

One that ends before all are up, or again and again later, ends the stack. Whatever happens, Ctrl-C
in mid-start too, no process is left afterwards.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

from local.errors import StackError
from local.stack.interruptions import held_back, ignored
from local.stack.orphans import end_orphans
from local.stack.part import Part, RunningPart, last_words
from local.stack.settings import StackSettings
from local.stack.state import State, only_one, remove_state

TICK_S = 0.1
RESTARTS, RESTART_WINDOW_S = 5, 60.0

T = TypeVar("T")


class Phase(StrEnum):
    """Where a part is in its life."""

    WAITING = "waiting"
    STARTING = "starting"
    UP = "up"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass
class Watched:
    """A part and how it does.

    Attributes:
        since: when the phase began, Unix seconds.
        took_s: from its start to its being ready.
        ends: when it ended by itself lately, Unix seconds.
    """

    part: Part
    phase: Phase = Phase.WAITING
    since: float = 0.0
    took_s: float | None = None
    running: RunningPart | None = None
    ends: list[float] = field(default_factory=list)

    def enter(self, phase: Phase) -> None:
        """Begin a phase."""
        if phase is Phase.UP:
            self.took_s = time.time() - self.since
        self.phase, self.since = phase, time.time()

    @property
    def age_s(self) -> float:
        """Seconds in this phase."""
        return time.time() - self.since


class Stack:
    """Running parts; made by `running_stack`.

    Attributes:
        url: of the part that a person opens; empty where there is no gateway.
        parts: all of them, in the order in which they are shown.
        stopped: whether `stop` has done all of its work.
    """

    def __init__(self, settings: StackSettings, parts: Sequence[Part], url: str) -> None:
        self.url = url
        self.parts = [Watched(part) for part in parts]
        self.stopped = False
        self._settings = settings
        self._state = State(settings.folder)

    def start(self, show: Callable[[Stack], None]) -> None:
        """Return when everything is up; `show` is called whenever something may have changed.

        Raises:
            StackError: a part ended, or took too long.
        """
        while not all(one.phase is Phase.UP for one in self.parts):
            for one in self.parts:
                self._advance(one)
            self._tell(show)
            time.sleep(TICK_S)

    def tend(self) -> None:
        """Start what has ended once more, as SageMaker replaces an instance; call it often.

        Raises:
            StackError: a part ended too often, or does not come up again.
        """
        for one in self.parts:
            if one.running is not None and not one.running.alive:
                self._start_again(one, one.running)
            elif one.phase is Phase.STARTING:
                self._advance(one)
        self._tell(lambda stack: None)

    def _start_again(self, one: Watched, ended: RunningPart) -> None:
        one.ends = [end for end in one.ends if time.time() - end < RESTART_WINDOW_S]
        one.ends.append(time.time())
        if len(one.ends) > RESTARTS:
            one.enter(Phase.FAILED)
            raise StackError(
                f"{one.part.title} ended {len(one.ends)} times within a minute"
                f"{last_words(ended.log)}"
            )
        ended.wait_stopped()
        self._start(one)

    def stop(self, show: Callable[[Stack], None]) -> list[str]:
        """End all parts, those first that others do not need; names of those that had to be killed.

        Nothing keeps it from that: neither a second Ctrl-C nor a terminal or a disk that takes
        nothing any more.
        """
        killed: list[str] = []
        with ignored():
            for wave in _last_first(self.parts):
                for one in wave:
                    if one.running is not None:
                        one.running.ask_to_stop()
                for one in wave:
                    killed += self._ended(one)
                    with contextlib.suppress(OSError):
                        self._tell(show)
            self._state.remove()
            self.stopped = True
        return killed

    def _ended(self, one: Watched) -> list[str]:
        if one.running is None:
            return []
        willing = one.running.wait_stopped()
        one.running = None
        if one.phase is not Phase.FAILED:
            one.enter(Phase.STOPPED)
        return [] if willing else [one.part.name]

    def _advance(self, one: Watched) -> None:
        if one.phase is Phase.WAITING and self._may_start(one.part):
            self._start(one)
        elif one.phase is Phase.STARTING and one.running is not None:
            if self._checked(one, one.running.ready):
                one.part.prepare()
                one.enter(Phase.UP)
            elif one.age_s > one.part.ready_s:
                one.enter(Phase.FAILED)
                raise StackError(
                    f"{one.part.title} was not ready after {one.part.ready_s:.0f} s; "
                    f"keepwarm logs {one.part.name} shows what it says"
                )
        elif one.phase is Phase.UP and one.running is not None:
            self._checked(one, one.running.check)

    def _start(self, one: Watched) -> None:
        """Start its process and write it down at once, for whoever cleans up after a kill."""
        with held_back():
            one.running = RunningPart(one.part, self._settings.logs / f"{one.part.name}.log")
            one.enter(Phase.STARTING)
            self._write_state()

    def _may_start(self, part: Part) -> bool:
        up = {one.part.name for one in self.parts if one.phase is Phase.UP}
        there = {one.part.name for one in self.parts}
        return set(part.needs) & there <= up

    def _checked(self, one: Watched, look: Callable[[], T]) -> T:
        try:
            return look()
        except StackError:
            one.enter(Phase.FAILED)
            raise

    def _tell(self, show: Callable[[Stack], None]) -> None:
        self._write_state()
        show(self)

    def _write_state(self) -> None:
        self._state.show(self.url, [_as_json(one) for one in self.parts])


@contextmanager
def running_stack(
    settings: StackSettings,
    make: Callable[[], tuple[Sequence[Part], str]],
    show: Callable[[Stack], None],
) -> Iterator[Stack]:
    """A stack that is up while the block runs.

    Args:
        settings: whose folder it is.
        make: the parts, and the address to open; called when the folder is ours.
        show: gets the stack whenever something may have changed.

    Raises:
        StackError: another stack runs there, or a part does not come up.
    """
    with only_one(settings.folder):
        end_orphans(settings.folder)
        remove_state(settings.folder)
        stack = Stack(settings, *make())
        try:
            stack.start(show)
            yield stack
        finally:
            # Two signals at once, as a closing terminal sends them: the second one is raised on
            # the way to `stop`, before anything there can keep it off.
            while not stack.stopped:
                try:
                    stack.stop(show)
                except (KeyboardInterrupt, SystemExit):
                    continue


def _last_first(parts: Sequence[Watched]) -> Iterator[list[Watched]]:
    """The parts in waves: each one after all that need it."""
    left = list(parts)
    while left:
        needed = {name for one in left for name in one.part.needs}
        wave = [one for one in left if one.part.name not in needed]
        yield wave
        left = [one for one in left if one not in wave]


def _as_json(one: Watched) -> dict[str, Any]:
    return {
        "name": one.part.name,
        "title": one.part.title,
        "state": str(one.phase),
        "since_ms": int(one.since * 1000),
        "took_ms": None if one.took_s is None else int(one.took_s * 1000),
        "port": one.part.port,
        "pid": one.running.pid if one.running is not None else None,
        "started": one.running.started if one.running is not None else None,
    }
