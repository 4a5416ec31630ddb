"""What a turn asks of a backend, and what it gets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, kw_only=True)
class ChatMessage:
    """One message of a prompt; role is system, user or assistant."""

    role: str
    content: str


@dataclass(frozen=True, kw_only=True)
class GenerationRequest:
    """One generation.

    Attributes:
        tenant, model_revision, conversation_id: make the routing header, in this order.
        messages: the prompt. With `continue_final` the last is an assistant's partial text, which
            the model goes on with instead of beginning a new message.
        sampling: fields of an OpenAI chat completion (max_tokens, temperature, ...), validated.
        request_id: changes with every try; last in the body.
        session_id: SageMaker session, where the endpoint runs in session mode.
        deadline_ms: how long the answer may take from now.
        trace: headers to hand on (traceparent, ...).
    """

    tenant: str
    model_revision: str
    conversation_id: str
    messages: Sequence[ChatMessage]
    request_id: str
    sampling: Mapping[str, Any] = field(default_factory=dict)
    continue_final: bool = False
    session_id: str | None = None
    deadline_ms: int | None = None
    trace: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Delta:
    """A piece of the answer's text."""

    text: str


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """The last item of every answer that holds: verified against the text received.

    Attributes:
        raw: the container's receipt as it came.
        backend: name of the backend that answered; `attempts` in all, the failed ones included.
    """

    finish_reason: str
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    backend: str
    raw: Mapping[str, Any]
    attempts: int = 1


@dataclass(frozen=True)
class SwitchedBackend:
    """The answer goes on from another backend, from the text received so far."""

    from_backend: str
    to_backend: str
    reason: str


Item = Delta | Receipt | SwitchedBackend


class Generation(Protocol):
    """An answer under way. Iterating yields items and ends after the Receipt.

    Raises BackendError (or a subclass) when no receipt will come; the deltas before it hold.
    """

    def __iter__(self) -> Iterator[Item]: ...

    def close(self) -> None:
        """Cancel: frees the KV blocks at the backend. Callable from another thread, repeatable."""


class Backend(Protocol):
    """One place that generates."""

    name: str

    def generate(self, request: GenerationRequest) -> Generation:
        """Begin; errors come at once or while iterating.

        Raises:
            BackendOverloaded: with retry_after_ms.
            InvalidRequest: the backend refused the request itself; no other would take it.
            BackendError: anything else, BackendUnavailable and a missing receipt among it.
        """

    def healthy(self) -> bool:
        """Whether a request is worth trying now, without a call."""


class Warmable(Protocol):
    """A backend that takes a hint: a conversation was opened, its next turn may come soon."""

    def warm(self, request: GenerationRequest) -> Receipt | None:
        """Prefill the prompt where its turn would go, and generate nothing.

        One try, no waiting: None where the backend had something better to do or failed. The
        receipt tells how many tokens were warm already.
        """
