"""The producer of an answer: the only one that writes it, for as long as its fence holds.

    backend --Source--> items --AnswerLog--> events --> Redis (for readers anywhere)
                                               |------> queue (for the reader of this request)
                                               `------> DynamoDB: checkpoints, then the commit

Readers hear of the end only after the commit: what they were told is stored.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from orchestrator_lambda.backends.interface import (
    ChatMessage,
    Delta,
    GenerationRequest,
    Receipt,
)
from orchestrator_lambda.conversation.model import MessageStatus
from orchestrator_lambda.conversation.views import conversation_view, message_view
from orchestrator_lambda.errors import Fenced, Moderated, StoreUnavailable
from orchestrator_lambda.observability.failures import log_failure
from orchestrator_lambda.observability.spans import carried
from orchestrator_lambda.sessions.interface import StreamEvent
from orchestrator_lambda.turns.answer_log import AnswerLog
from orchestrator_lambda.turns.commit import Committed, commit, final_answer
from orchestrator_lambda.turns.deleting import clean_up
from orchestrator_lambda.turns.ending import (
    TERMINAL_EVENTS,
    Ending,
    broken,
    completed,
    is_expected,
    stopped,
)
from orchestrator_lambda.turns.services import Services
from orchestrator_lambda.turns.source import Failed, Source
from orchestrator_lambda.turns.turn import Turn
from orchestrator_lambda.turns.upkeep import Upkeep

log = logging.getLogger(__name__)

TICK_S = 0.05
RESERVE_S = 2.0  # of an invocation's last seconds, for what comes after the commit

Epilogue = Callable[[Turn, Committed], StreamEvent | None]


class Producer:
    """One answer in the making, in a thread of its own.

    Args:
        remaining_ms: how long this invocation may still take.
        epilogue: what may follow a finished answer (a title) and its event.

    Attributes:
        events: of this producer, in order; None after the last. They end without a terminal event
            where the answer is handed to another producer.
    """

    def __init__(
        self,
        services: Services,
        turn: Turn,
        *,
        remaining_ms: Callable[[], int],
        epilogue: Epilogue | None = None,
    ) -> None:
        self.turn = turn
        self.events: queue.SimpleQueue[StreamEvent | None] = queue.SimpleQueue()
        self._services = services
        self._remaining_ms = remaining_ms
        self._epilogue = epilogue
        self._log = AnswerLog(
            turn.answer.text,
            turn.answer.event_seq,
            certain=turn.certain,
            tokens=turn.answer.tokens or 0,
        )
        self._upkeep = Upkeep(services, turn)
        self._began = time.monotonic()
        self._ttft_ms: int | None = None
        self._next_flush = 0.0
        self._buffered = True
        self._thread = threading.Thread(target=carried(self._run), name="producer", daemon=True)

    def start(self) -> Producer:
        """Begin."""
        self._thread.start()
        return self

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait for the end, the epilogue among it; whether it has come."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        source = None
        try:
            self._upkeep.keep_lock()
            source = Source(self._services.backend, generation_request(self.turn))
            ending = self._collect(source)
            source.close()
            if ending is None:
                self._upkeep.checkpoint(self._log)
            else:
                self._end(ending)
        except Fenced:
            log.warning("another producer has taken over this answer, or it was deleted")
            clean_up(self._services, self.turn.conversation.id)
        except StoreUnavailable:
            log.error("the end of an answer could not be stored; another invocation will do it")
        except Exception as error:
            log_failure(log, "an answer could not be produced", error)
        finally:
            if source is not None:
                source.close()
            self._upkeep.release()
            self.events.put(None)

    def _collect(self, source: Source) -> Ending | None:
        """Take the answer in until it ends; None where it must be handed to another invocation."""
        while self._remaining_ms() / 1000 > self._services.settings.margin_seconds:
            item = source.next(self._patience())
            ending = self._take(item)
            if ending is not None:
                self._flush()
                return ending
            if time.monotonic() >= self._next_flush:
                self._flush()
            self._upkeep.keep_lock()
            if self._upkeep.stop_requested():
                self._flush()
                return stopped()
            if self._upkeep.checkpoint_due() and (refused := self._checkpoint()):
                return refused
        self._flush()
        return None

    def _take(self, item: object) -> Ending | None:
        if isinstance(item, Delta):
            if self._ttft_ms is None:
                self._ttft_ms = int((time.monotonic() - self._began) * 1000)
            self._log.add(item.text)
        if isinstance(item, Receipt):
            return completed(item)
        if isinstance(item, Failed):
            if not is_expected(item.error):
                log_failure(log, "a backend failed in an unknown way", item.error)
            return broken(item.error, self.turn.request_id)
        return None

    def _patience(self) -> float:
        if self._log.pending:
            return max(0.0, self._next_flush - time.monotonic())
        return TICK_S

    def _flush(self) -> None:
        event = self._log.flush()
        if event is not None:
            self._publish(event)
            self._next_flush = time.monotonic() + self._services.settings.coalesce_ms / 1000

    def _publish(self, event: StreamEvent) -> None:
        """Hand an event to all readers.

        The first one that Redis does not take is kept in the history before our own reader sees
        it: whoever takes over then knows that readers may be further than the buffer.
        """
        turn = self.turn
        buffered = self._services.sessions.append(
            turn.conversation.id, turn.answer.seq, turn.conversation.fence, [event]
        )
        if self._buffered and not buffered and event.kind not in TERMINAL_EVENTS.values():
            self._upkeep.checkpoint(self._log)
        self._buffered = buffered
        self.events.put(event)

    def _checkpoint(self) -> Ending | None:
        """Keep what has come; how the answer ends where moderation does not let it stand."""
        refused = self._moderated()
        if refused is None:
            self._flush()
            self._upkeep.checkpoint(self._log)
        return refused

    def _moderated(self) -> Ending | None:
        """The end of an answer that is withdrawn: refused, or not vouched for by a broken hook."""
        try:
            self._services.moderator.after(self._log.text)
            return None
        except Moderated:
            error: Exception = Moderated("the answer was withdrawn by moderation")
        except Exception as failure:
            log_failure(log, "moderation failed", failure)
            error = failure
        self._publish(self._log.withdraw())
        return replace(broken(error, self.turn.request_id), withdrawn=True)

    def _end(self, ending: Ending) -> None:
        """Commit, and only then tell."""
        if not ending.withdrawn:
            ending = self._moderated() or ending
        answer = final_answer(self._services, self.turn, ending, self._log, self._ttft_ms)
        within = self._remaining_ms() / 1000 - RESERVE_S
        done = commit(self._services, self.turn, answer, within_s=within)
        self._services.telemetry.emit(done.event)
        self._tell(ending, done)
        self._charge(done)
        if self._epilogue and ending.status is MessageStatus.COMPLETE:
            event = self._epilogue(self.turn, done)
            if event is not None:
                self.events.put(event)

    def _tell(self, ending: Ending, done: Committed) -> None:
        data: dict[str, Any] = {
            "answer": message_view(done.answer),
            "conversation": conversation_view(done.conversation),
        }
        if ending.error is not None:
            data["error"] = dict(ending.error)
        event = self._log.ending(ending.event_kind, data)
        try:
            self._publish(event)
        except Fenced:  # stored all the same: the commit is what counts
            self.events.put(event)

    def _charge(self, done: Committed) -> None:
        spent = int(done.answer.receipt.get("prompt_tokens", 0)) + (done.answer.tokens or 0)
        user = done.conversation.owner
        self._services.sessions.spend_tokens(user, spent, spend_id=self.turn.name)


def generation_request(turn: Turn) -> GenerationRequest:
    """What the backend is asked; with text of the answer there already, to go on from it."""
    prompt = list(turn.prompt)
    partial, sampling = turn.answer.text, dict(turn.sampling)
    if partial:
        prompt.append(ChatMessage(role="assistant", content=partial))
        if "max_tokens" in sampling:
            sampling["max_tokens"] = max(0, sampling["max_tokens"] - (turn.answer.tokens or 0))
    return GenerationRequest(
        tenant=turn.tenant,
        model_revision=turn.conversation.model,
        conversation_id=turn.conversation.id,
        messages=prompt,
        request_id=f"{turn.name}:{turn.conversation.fence}",
        sampling=sampling,
        continue_final=bool(partial),
        trace=turn.trace,
    )
