"""Following an answer from anywhere: from Redis while it lives there, else from the history.

live       Redis buffer, event by event
no buffer  what the history knows, looked at once a second
orphan     taken over: this process becomes the producer and goes on with the same text
ended      what is missing, and the terminal event
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field

from orchestrator_lambda.conversation.model import Conversation, Message, MessageStatus
from orchestrator_lambda.conversation.views import conversation_view, message_view
from orchestrator_lambda.errors import Conflict, OrchestratorError
from orchestrator_lambda.http.errors import error_content
from orchestrator_lambda.sessions.interface import StreamEvent
from orchestrator_lambda.turns.ending import TERMINAL_EVENTS
from orchestrator_lambda.turns.liveness import is_orphan
from orchestrator_lambda.turns.orphans import take_over
from orchestrator_lambda.turns.producer import Producer
from orchestrator_lambda.turns.services import Services

BLOCK_MS = 500
POLL_S = 1.0
UNBUFFERED_WAIT_S = 0.1
TERMINAL = frozenset(TERMINAL_EVENTS.values())


@dataclass
class Follower:
    """One reader of one answer.

    Args:
        after: id of the last event that the reader has seen; 0 for none.
        producing: called with the producer where this reader has to become one.
    """

    services: Services
    conversation: Conversation
    answer_seq: int
    after: int
    remaining_ms: Callable[[], int]
    producing: Callable[[Producer], None]
    trace: Mapping[str, str] = field(default_factory=dict)
    request_id: str = ""

    def events(self) -> Iterator[StreamEvent | None]:
        """Events beyond `after`; None now and then, while there is nothing to tell.

        Ends after the terminal event, or without one shortly before this invocation's end.
        """
        next_look = 0.0
        while self.remaining_ms() / 1000 > self.services.settings.margin_seconds:
            found = self._buffered()
            for event in found or ():
                yield event
                self.after = event.seq
                if event.kind in TERMINAL:
                    return
            if not found and time.monotonic() >= next_look:
                next_look = time.monotonic() + POLL_S
                ended = yield from self._look(unbuffered=found is None)
                if ended:
                    return
            if not found:
                yield None
            if found is None:
                time.sleep(UNBUFFERED_WAIT_S)

    def _look(self, *, unbuffered: bool) -> Generator[StreamEvent | None, None, bool]:
        """Look at the history, where the buffer is silent; whether the answer has ended."""
        message = self.services.history.message(self.conversation.id, self.answer_seq)
        if message.status.terminal:
            yield from self._closing(message)
            return True
        if unbuffered:
            yield from self._caught_up(message)
        if not is_orphan(self.services, self.conversation.id, message):
            return False
        producer = self._become_producer()
        if producer is None:
            return False
        yield from self._own(producer)
        return True

    def _buffered(self) -> list[StreamEvent] | None:
        found = self.services.sessions.read(
            self.conversation.id, self.answer_seq, after=self.after, block_ms=BLOCK_MS
        )
        if found is None:
            return None
        unbroken = []
        last = self.after
        for event in found:
            if event.seq != last + 1 and event.kind != "reset":
                break  # Redis was away for a while: the history knows what is missing
            unbroken.append(event)
            last = event.seq
        return unbroken if unbroken or not found else None

    def _caught_up(self, message: Message) -> Iterator[StreamEvent]:
        """Bring the reader to what the history knows, if that is more."""
        if message.event_seq > self.after:
            yield _whole(message, self.after)
            self.after = message.event_seq

    def _closing(self, message: Message) -> Iterator[StreamEvent]:
        """What is missing of an ended answer, and its end."""
        seen_all = self.after in (message.event_seq, message.event_seq + 1)
        if not seen_all and (message.text or self.after):
            yield _whole(message, self.after)
        conversation = self.services.history.get(self.conversation.id)
        yield terminal_event(message, conversation)

    def _become_producer(self) -> Producer | None:
        try:
            turn = take_over(
                self.services,
                self.conversation.id,
                self.answer_seq,
                trace=self.trace,
                request_id=self.request_id,
            )
        except Conflict:
            return None  # it has ended, or somebody else was quicker: go on following
        producer = Producer(self.services, turn, remaining_ms=self.remaining_ms).start()
        self.producing(producer)
        return producer

    def _own(self, producer: Producer) -> Iterator[StreamEvent | None]:
        """What the old producer left, as far as this reader lacks it, then our own events."""
        turn = producer.turn
        if turn.certain and turn.answer.event_seq != self.after:
            yield _whole(turn.answer, self.after)
        yield from producer_events(producer, idle_s=POLL_S)


def producer_events(producer: Producer, *, idle_s: float) -> Iterator[StreamEvent | None]:
    """A producer's events until it ends; None each time that nothing came for `idle_s`."""
    while True:
        try:
            event = producer.events.get(timeout=idle_s)
        except queue.Empty:
            yield None
            continue
        if event is None:
            return
        yield event


def terminal_event(message: Message, conversation: Conversation) -> StreamEvent:
    """The event that ends an answer's stream, made anew from what is stored."""
    data = {"answer": message_view(message), "conversation": conversation_view(conversation)}
    if message.status is MessageStatus.ERROR:
        error = OrchestratorError("the answer broke off; regenerate it")
        content = error_content(error)["error"]
        data["error"] = {**content, "code": message.error_code or content["code"]}
    return StreamEvent(message.event_seq + 1, TERMINAL_EVENTS[message.status], data)


def _whole(message: Message, after: int) -> StreamEvent:
    """All text at once: added where the reader has nothing, else in place of what it has."""
    kind = "delta" if after == 0 else "reset"
    return StreamEvent(message.event_seq, kind, {"text": message.text})
