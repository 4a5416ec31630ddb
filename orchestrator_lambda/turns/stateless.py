"""A generation that nothing is stored of: the history comes with the request."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestrator_lambda.backends.interface import (
    ChatMessage,
    Delta,
    GenerationRequest,
    Receipt,
)
from orchestrator_lambda.errors import BackendUnavailable
from orchestrator_lambda.identity.record import Identity
from orchestrator_lambda.turns.begin import admit
from orchestrator_lambda.turns.services import Services
from orchestrator_lambda.turns.source import Failed, Source


@dataclass(frozen=True, kw_only=True)
class StatelessAsk:
    """One stateless request."""

    identity: Identity
    messages: Sequence[ChatMessage]
    sampling: Mapping[str, Any]
    request_id: str
    trace: Mapping[str, str] = field(default_factory=dict)

    @property
    def routing_key(self) -> str:
        """The same for each turn of one talk: made of what all of them begin with."""
        first = next((one.content for one in self.messages if one.role == "user"), "")
        named = f"{self.identity.user}:{first}"
        return f"s_{hashlib.sha256(named.encode('utf-8', 'replace')).hexdigest()[:26]}"


def run_stateless(
    services: Services, ask: StatelessAsk, *, remaining_ms: Callable[[], int]
) -> Iterator[Delta | Receipt | None]:
    """Deltas, None now and then while there are none, and the receipt at the end.

    Raises:
        RateLimited, QuotaExceeded, Moderated: before anything is generated.
        BackendError, InvalidRequest: no whole answer came.
    """
    admit(services, ask.identity.user)
    services.moderator.before("\n".join(m.content for m in ask.messages if m.role == "user"))
    return _items(services, ask, remaining_ms)


def _items(
    services: Services, ask: StatelessAsk, remaining_ms: Callable[[], int]
) -> Iterator[Delta | Receipt | None]:
    margin = services.settings.margin_seconds
    request = GenerationRequest(
        tenant=ask.identity.tenant,
        model_revision=services.model,
        conversation_id=ask.routing_key,
        messages=ask.messages,
        request_id=ask.request_id,
        sampling=ask.sampling,
        trace=ask.trace,
    )
    source = Source(services.backend, request)
    text: list[str] = []
    checked = time.monotonic()
    try:
        while remaining_ms() / 1000 > margin:
            item = source.next(services.settings.ping_seconds)
            if isinstance(item, Failed):
                raise item.error
            if isinstance(item, Delta):
                text.append(item.text)
            last = isinstance(item, Receipt)
            if last or time.monotonic() - checked > services.settings.checkpoint_seconds:
                checked = time.monotonic()
                services.moderator.after("".join(text))
            if isinstance(item, Receipt):
                _charge(services, ask, item)
            if item is None or isinstance(item, (Delta, Receipt)):
                yield item
            if last:
                return
        raise BackendUnavailable("the answer took longer than a request may; ask for less of it")
    finally:
        source.close()


def _charge(services: Services, ask: StatelessAsk, receipt: Receipt) -> None:
    spent = receipt.prompt_tokens + receipt.completion_tokens
    services.sessions.spend_tokens(ask.identity.user, spent, spend_id=f"s:{ask.request_id}")
