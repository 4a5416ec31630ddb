"""An answer made of several tries: its text so far, the request for its rest, the one receipt."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from orchestrator_lambda.backends.body import MAX_REQUEST_ID
from orchestrator_lambda.backends.failures import AnswerBroken, Usage, reason_of
from orchestrator_lambda.backends.interface import ChatMessage, GenerationRequest, Receipt
from orchestrator_lambda.errors import BackendError

_LIMITS = ("max_completion_tokens", "max_tokens")
_SUFFIX = 4


class PartialAnswer:
    """What was received for one request, over all its tries.

    Tokens of a try that broke are known if the container still counted them; else every delta
    counts as one token, which is never too many: an answer may become a little longer than
    `max_tokens`, never shorter.
    """

    def __init__(self, request: GenerationRequest) -> None:
        self._request = request
        self._texts: list[str] = []
        self._deltas = 0  # of the try under way
        self._lost: list[dict[str, Any]] = []  # tries that gave text and broke
        self._lost_tokens = 0

    @property
    def text(self) -> str:
        """All text received."""
        return "".join(self._texts)

    @property
    def has_text(self) -> bool:
        """Whether the reader has seen anything: then no try may begin anew."""
        return bool(self._texts)

    @property
    def continuations(self) -> int:
        """Tries that had to be gone on from."""
        return len(self._lost)

    def add(self, text: str) -> None:
        """A delta came."""
        self._texts.append(text)
        self._deltas += 1

    def broke(self, backend: str, error: BackendError) -> None:
        """The try under way is over, without a receipt that holds."""
        usage = error.usage if isinstance(error, AnswerBroken) else None
        if self._deltas:
            tokens = self._deltas if usage is None else usage.completion_tokens
            self._lost_tokens += tokens
            part = {"backend": backend, "reason": reason_of(error), "completion_tokens": tokens}
            self._lost.append({**part, "counted": usage is not None})
        self._deltas = 0

    def request(self, attempt: int, deadline_ms: int | None) -> GenerationRequest:
        """What to ask for next: everything, or the rest of what has begun.

        Args:
            attempt: from 1; part of the request's id.
            deadline_ms: what is left of the time.
        """
        request_id = self._request.request_id
        if attempt > 1:
            request_id = f"{request_id[: MAX_REQUEST_ID - _SUFFIX]}.{attempt}"
        request = replace(self._request, request_id=request_id, deadline_ms=deadline_ms)
        if not self.has_text:
            return request
        messages = list(request.messages)
        begun = messages.pop().content if request.continue_final else ""
        return replace(
            request,
            messages=[*messages, ChatMessage(role="assistant", content=begun + self.text)],
            continue_final=True,
            sampling=self._rest_of(request.sampling),
        )

    def merged(self, receipt: Receipt, attempts: int) -> Receipt:
        """One receipt for the whole answer.

        The last try's prompt holds the text of those before it, which they generated: those tokens
        count as completion, not as prompt.
        """
        if not self._lost:
            return replace(receipt, attempts=attempts)
        prompt = max(0, receipt.prompt_tokens - self._lost_tokens)
        usage = Usage(
            prompt_tokens=prompt,
            cached_tokens=min(receipt.cached_tokens, prompt),
            completion_tokens=receipt.completion_tokens + self._lost_tokens,
        )
        last = {**receipt.raw, "backend": receipt.backend}
        raw = {
            **receipt.raw,
            "usage": _usage_content(usage),
            "sha256": hashlib.sha256(self.text.encode()).hexdigest(),
            "continuations": self.continuations,
            "parts": [*self._lost, last],
        }
        return replace(
            receipt,
            prompt_tokens=usage.prompt_tokens,
            cached_tokens=usage.cached_tokens,
            completion_tokens=usage.completion_tokens,
            raw=raw,
            attempts=attempts,
        )

    def _rest_of(self, sampling: Mapping[str, Any]) -> dict[str, Any]:
        """The sampling parameters, less the tokens that were made already."""
        limits = {
            name: max(0, sampling[name] - self._lost_tokens)
            for name in _LIMITS
            if isinstance(sampling.get(name), int)
        }
        return {**sampling, **limits}


def _usage_content(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
    }
