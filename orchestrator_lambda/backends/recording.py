"""What traces say of a try at a backend: which one, how it ended, how much of it was warm."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing

from orchestrator_lambda.backends.failures import reason_of
from orchestrator_lambda.backends.interface import Item, Receipt
from orchestrator_lambda.observability.spans import span

CANCELLED = "cancelled"


def recorded(backend: str, attempt: int, items: Generator[Item, None, None]) -> Iterator[Item]:
    """The items of one try, under a span of it."""
    with span("backend", backend=backend, attempt=attempt) as call, closing(items):
        outcome = CANCELLED
        try:
            for item in items:
                if isinstance(item, Receipt):
                    outcome = item.finish_reason
                    call.annotate(cached_share=_cached_share(item))
                yield item
        except Exception as error:
            outcome = reason_of(error)
            raise
        finally:
            call.annotate(outcome=outcome)


def _cached_share(receipt: Receipt) -> float:
    """Of the prompt's tokens, from 0 to 1."""
    return round(receipt.cached_tokens / max(1, receipt.prompt_tokens), 3)
