"""What the benchmark needs of a peer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from pipelines.speed.records import LoadResult, RunObserver
from pipelines.speed.workload import ChatWorkload


class Peer(Protocol):
    """Something that answers chats. Life: start, run (warm-up, then measured), stop.

    A server peer builds on `server.ServerPeer`, which starts a process and drives it by the load
    generator; anything else (a library, an executable without a server) implements `run` itself.
    A peer is started afresh for each repeat, so no cache of an earlier repeat helps it.
    """

    @property
    def name(self) -> str:
        """Short, as given to `--peers`."""

    @property
    def title(self) -> str:
        """For tables and plots."""

    def unavailable_reason(self) -> str | None:
        """Why it cannot run here and what would help; None when it can."""

    def version(self) -> str:
        """What is measured, exactly."""

    def settings(self) -> Mapping[str, str]:
        """The flags and variables it runs with, for the results file."""

    def start(self, time_limit_s: float) -> None:
        """Bring it up until it takes requests.

        Raises:
            PeerFailed: it ended, or was not ready in time.
        """

    def run(
        self, workload: ChatWorkload, *, time_limit_s: float, observer: RunObserver
    ) -> LoadResult:
        """All of `workload`, or what fits in the time; turns under way at the end are cut.

        Raises:
            PeerFailed: it broke as a whole (a turn that fails is a record, not an exception).
        """

    def peak_memory_bytes(self) -> int | None:
        """Peak resident memory of its processes so far; None where they are not ours."""

    def stop(self) -> None:
        """End whatever `start` began; safe to call at any time, and again."""
