"""Who drafts: the seam between the scheduler and what guesses tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from serving.config import SchedulerConfig
from serving.speculative.pace import Pace
from serving.speculative.prompt_lookup import PromptLookup

ROWS_PER_READ = {"cpu": 12.0, "cuda": 100.0}
"""See `PromptLookupDrafter`. CPU: measured, ADR 61. CUDA: an estimate, half of what arithmetic and
memory speed of the usual cards suggest; never measured."""

LARGEST_BATCH = 4.0
"""In units of `rows_per_read`: from there on a draft must be right four times of five."""


class Drafter(Protocol):
    """Guesses how sequences go on, and hears what became of it."""

    def pays(self, running: int) -> bool:
        """Whether any sequence should draft in a step of `running` of them."""

    def draft(
        self, request_id: str, token_ids: Sequence[int], most: int, running: int
    ) -> list[int]:
        """Up to `most` tokens behind `token_ids`, in a step of `running` sequences."""

    def learn(self, request_id: str, drafted: int, accepted: int) -> None:
        """Of a draft of `drafted` tokens the first `accepted` came true."""

    def forget(self, request_id: str) -> None:
        """The sequence ended; no effect on one that never drafted."""


class PromptLookupDrafter:
    """Prompt lookup for all sequences, each at a pace that pays.

    A step reads all weights once and then computes its rows. Its cost in rows is about
    `rows_per_read + rows`; so a sequence's token costs (rows_per_read + running) / running, a
    drafted row costs 1, and it pays if it is right with probability

        running / (rows_per_read + running)

    at least: hardly ever wrong to draft alone, hardly ever right in a large batch.

    Args:
        most: tokens of a draft at most.
        rows_per_read: rows that cost as much to compute as the weights cost to read; None drafts
            `most` tokens whenever there is a match, whatever it costs.
    """

    def __init__(self, most: int, rows_per_read: float | None) -> None:
        self._most = most
        self._rows_per_read = rows_per_read
        self._lookups: dict[str, PromptLookup] = {}
        self._paces: dict[str, Pace] = {}

    def pays(self, running: int) -> bool:
        """See Drafter. In large batches not even looking for drafts does."""
        return self._rows_per_read is None or running <= LARGEST_BATCH * self._rows_per_read

    def draft(
        self, request_id: str, token_ids: Sequence[int], most: int, running: int
    ) -> list[int]:
        """See Drafter."""
        lookup = self._lookups.get(request_id)
        if lookup is None:
            lookup = self._lookups[request_id] = PromptLookup()
            self._paces[request_id] = Pace()
        draft = lookup.propose(token_ids, min(most, self._most))
        if not draft or self._rows_per_read is None:
            return draft
        pace = self._paces[request_id]
        length = pace.length(running / (self._rows_per_read + running))
        if not length:
            pace.rest()
        return draft[:length]

    def learn(self, request_id: str, drafted: int, accepted: int) -> None:
        """See Drafter."""
        self._paces[request_id].learn(drafted, accepted)

    def forget(self, request_id: str) -> None:
        """See Drafter."""
        self._lookups.pop(request_id, None)
        self._paces.pop(request_id, None)


def drafter_for(config: SchedulerConfig, device_type: str) -> Drafter | None:
    """What the settings ask for; None for no speculation."""
    if config.speculation == "off":
        return None
    rows = None if config.speculation == "prompt-lookup" else ROWS_PER_READ[device_type]
    return PromptLookupDrafter(config.max_draft_tokens, rows)
