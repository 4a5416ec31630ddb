"""Buffered events of answers, as Redis streams whose ids are the events' own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from orchestrator_lambda.errors import Fenced
from orchestrator_lambda.sessions import scripts
from orchestrator_lambda.sessions.interface import StreamEvent
from orchestrator_lambda.sessions.keys import ConversationKeys
from orchestrator_lambda.sessions.settings import SessionSettings

READ_COUNT = 1000


class Buffers:
    """Appends and reads. Everything may raise what redis-py raises.

    Args:
        quick: client for commands that answer at once.
        waiting: client for reads that wait.
    """

    def __init__(self, quick: Any, waiting: Any, settings: SessionSettings) -> None:
        self._quick = quick
        self._waiting = waiting
        self._length = settings.buffer_events
        self._ttl_ms = settings.buffer_seconds * 1000
        self._append = quick.register_script(scripts.APPEND)

    def append(
        self, conversation_id: str, answer_seq: int, fence: int, events: Sequence[StreamEvent]
    ) -> None:
        """Write all of the events or none. Raises Fenced."""
        keys = ConversationKeys(conversation_id)
        arguments: list[Any] = [fence, self._length, self._ttl_ms, answer_seq]
        for event in events:
            data = json.dumps(event.data, separators=(",", ":"))
            arguments += [event.seq, event.kind, data, event.tokens]
        outcome = int(
            self._append(
                keys=[keys.stream(answer_seq), keys.fence(answer_seq), keys.answers],
                args=arguments,
            )
        )
        if outcome == -1:
            raise Fenced("a newer producer writes this answer")
        if outcome == -2:
            raise Fenced("events of these ids are there already")

    def read(
        self, conversation_id: str, answer_seq: int, *, after: int, block_ms: int
    ) -> Sequence[StreamEvent] | None:
        """Events above `after`; None where the buffer does not reach back to it."""
        stream = ConversationKeys(conversation_id).stream(answer_seq)
        pipeline = self._quick.pipeline(transaction=False)
        pipeline.xrange(stream, min=f"({after}-0", count=READ_COUNT)
        pipeline.xrange(stream, count=1)
        found, first = pipeline.execute()
        if not first:
            return None
        oldest = _event(first[0])
        if oldest.seq > after + 1 and oldest.kind != "reset":
            return None
        if not found and block_ms:
            answer = self._waiting.xread({stream: f"{after}-0"}, count=READ_COUNT, block=block_ms)
            found = answer[0][1] if answer else []
        return [_event(entry) for entry in found]

    def request_stop(self, conversation_id: str, answer_seq: int) -> bool:
        """Set the flag, and note its answer among those to be forgotten one day."""
        keys = ConversationKeys(conversation_id)
        pipeline = self._quick.pipeline(transaction=False)
        pipeline.set(keys.stop(answer_seq), "1", px=self._ttl_ms)
        pipeline.sadd(keys.answers, answer_seq)
        pipeline.pexpire(keys.answers, self._ttl_ms)
        pipeline.execute()
        return True

    def forget(self, conversation_id: str) -> None:
        """Remove everything of a conversation."""
        keys = ConversationKeys(conversation_id)
        answers = self._quick.smembers(keys.answers)
        names = [keys.lock, keys.endpoint_session, keys.home, keys.answers]
        for answer in answers:
            names += [keys.stream(answer), keys.fence(answer), keys.stop(answer)]
        self._quick.delete(*names)


def _event(entry: Any) -> StreamEvent:
    entry_id, fields = entry
    seq, tokens = int(entry_id.split("-")[0]), int(fields.get("t", 0))
    return StreamEvent(seq, fields["k"], json.loads(fields["d"]), tokens)
