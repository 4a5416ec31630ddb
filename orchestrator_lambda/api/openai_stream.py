"""Our events as OpenAI's stream of chunks."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator_lambda.api.openai_wire import (
    DONE,
    Completion,
    data_bytes,
    finish_reason_of,
    usage_of,
)
from orchestrator_lambda.api.sse import PING
from orchestrator_lambda.backends.interface import Delta, Receipt
from orchestrator_lambda.errors import BackendError, OrchestratorError
from orchestrator_lambda.http.errors import error_content
from orchestrator_lambda.sessions.interface import StreamEvent
from orchestrator_lambda.turns.ending import stored_receipt


def stateless_pieces(
    completion: Completion,
    items: Iterator[Delta | Receipt | None],
    usage: bool,
    request_id: str,
) -> Iterator[bytes]:
    """The pieces of an answer that nothing is stored of."""
    yield data_bytes(completion.chunk({"role": "assistant", "content": ""}))
    try:
        for item in items:
            if item is None:
                yield PING
            elif isinstance(item, Delta):
                yield data_bytes(completion.chunk({"content": item.text}))
            else:
                yield data_bytes(completion.chunk({}, finish_reason_of(item.finish_reason)))
                if usage:
                    receipt = stored_receipt(item)
                    yield data_bytes(completion.usage_chunk(usage_of(receipt)))
                yield DONE
    except OrchestratorError as error:
        yield data_bytes(error_content(error, request_id))


def stateful_pieces(
    completion: Completion, events: Iterator[StreamEvent | None], usage: bool, request_id: str
) -> Iterator[bytes]:
    """The pieces of a turn's answer."""
    yield data_bytes(completion.chunk({"role": "assistant", "content": ""}))
    shown = ""
    try:
        for event in events:
            if event is None:
                yield PING
            elif event.kind in ("delta", "reset"):
                fresh = _fresh(event, shown)
                shown += fresh
                yield data_bytes(completion.chunk({"content": fresh}))
            elif event.kind == "error":
                yield data_bytes({"error": event.data["error"]})
            elif event.kind in ("done", "stopped"):
                yield from _ended(completion, event, usage)
    except OrchestratorError as error:
        yield data_bytes(error_content(error, request_id))


def _fresh(event: StreamEvent, shown: str) -> str:
    """What an event adds to the text that was shown.

    Raises:
        BackendError: it takes back some of it, which OpenAI's stream has no word for.
    """
    text = str(event.data["text"])
    if event.kind == "delta":
        return text
    if text.startswith(shown):
        return text[len(shown) :]
    raise BackendError("the answer was written anew; send the same request again")


def _ended(completion: Completion, event: StreamEvent, usage: bool) -> Iterator[bytes]:
    answer = event.data["answer"]
    yield data_bytes(completion.chunk({}, finish_reason_of(answer.get("finish_reason"))))
    if usage:
        yield data_bytes(completion.usage_chunk(usage_of(answer.get("receipt", {}))))
    yield DONE
