"""The waiting line: first come, first served, with removal in O(1)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

from serving.scheduler.sequence import Sequence


class WaitingQueue:
    """Sequences that wait, oldest first. Preempted ones return to the front."""

    def __init__(self) -> None:
        self._by_id: OrderedDict[str, Sequence] = OrderedDict()

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Sequence]:
        return iter(self._by_id.values())

    @property
    def first(self) -> Sequence | None:
        """The one that waits longest; None if nobody does."""
        return next(iter(self._by_id.values()), None)

    def push_back(self, sequence: Sequence) -> None:
        """A new arrival."""
        self._by_id[sequence.request_id] = sequence

    def push_front(self, sequence: Sequence) -> None:
        """A preempted sequence: it goes on before anybody new."""
        self._by_id[sequence.request_id] = sequence
        self._by_id.move_to_end(sequence.request_id, last=False)

    def remove(self, sequence: Sequence) -> None:
        """Take a sequence out, wherever it stands."""
        del self._by_id[sequence.request_id]
