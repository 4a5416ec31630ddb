"""Beginning a turn: everything that is checked and stored before the first token.

idempotency key known? ---- yes --> follow the answer that it began
rate, quota, moderation
META: ours? answering? ---- yes --> 409, or end the orphan first
history, cut, prompt
one transaction: key, user's message, placeholder, META, telemetry's outbox
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from orchestrator_lambda.conversation.ids import check_conversation_id
from orchestrator_lambda.conversation.model import (
    Conversation,
    Cut,
    Message,
    MessageStatus,
    Role,
)
from orchestrator_lambda.conversation.truncation import place_cut
from orchestrator_lambda.errors import (
    Conflict,
    IdempotencyMismatch,
    NotFound,
    QuotaExceeded,
    RateLimited,
    TurnInProgress,
)
from orchestrator_lambda.history.interface import StartedTurn, TurnStart
from orchestrator_lambda.observability.spans import span
from orchestrator_lambda.turns.asked import Asked, fresh_key
from orchestrator_lambda.turns.branches import load_branch, place
from orchestrator_lambda.turns.deleting import clean_up
from orchestrator_lambda.turns.liveness import is_orphan
from orchestrator_lambda.turns.orphans import end_orphan
from orchestrator_lambda.turns.prompts import chat_prompt, previous_receipt
from orchestrator_lambda.turns.services import Services
from orchestrator_lambda.turns.summaries import summarised
from orchestrator_lambda.turns.turn import Turn

DAY_MS = 86_400_000


@dataclass(frozen=True, kw_only=True)
class Begun:
    """A turn that is stored.

    Attributes:
        turn: to be produced; None where the same request had come before.
        user_seq: None where an answer is regenerated.
    """

    conversation: Conversation
    answer_seq: int
    user_seq: int | None
    turn: Turn | None


def owned(services: Services, conversation_id: str, user: str) -> Conversation:
    """A conversation of this user.

    Raises:
        NotFound: there is none, or it is somebody else's; the two are not told apart.
    """
    conversation = services.history.get(check_conversation_id(conversation_id))
    if conversation.owner != user:
        raise NotFound("there is no such conversation")
    return conversation


def begin_turn(services: Services, asked: Asked) -> Begun:
    """Store the turn.

    Raises:
        NotFound, InvalidRequest, PayloadTooLarge, ContextLengthExceeded: it cannot be begun.
        RateLimited, QuotaExceeded: not now.
        TurnInProgress: the conversation is being answered; Conflict: it has changed meanwhile.
        IdempotencyMismatch: the key came before with another request.
        Moderated: the text was refused.
        StoreUnavailable: nothing was stored.
    """
    conversation = owned(services, asked.conversation_id, asked.identity.user)
    if known := _known(services, asked, conversation):
        return known
    admit(services, asked.identity.user)
    services.moderator.before(asked.content)
    conversation = _free(services, asked, conversation)
    try:
        return _begin(services, asked, conversation)
    except NotFound:  # it may have been deleted while a long message was being written beside it
        clean_up(services, conversation.id)
        raise
    except Conflict as conflict:
        if isinstance(conflict, IdempotencyMismatch):
            raise
        # The same request may have come twice at once, and this is the slower one.
        if known := _known(services, asked, owned(services, conversation.id, asked.identity.user)):
            return known
        _free(services, asked, services.history.get(conversation.id))
        raise


def admit(services: Services, user: str) -> None:
    """Let the user's request through, or say when.

    Raises:
        RateLimited, QuotaExceeded: not now.
    """
    wait_ms = services.sessions.take_request(user)
    if wait_ms:
        raise RateLimited("too many requests; wait a moment", retry_after_ms=wait_ms)
    left = services.sessions.tokens_left_today(user)
    if left is not None and left <= 0:
        until = DAY_MS - services.clock() % DAY_MS
        raise QuotaExceeded("the tokens of this day are used up", retry_after_ms=until)


def _known(services: Services, asked: Asked, conversation: Conversation) -> Begun | None:
    if asked.key is None:
        return None
    found = services.history.find_turn(conversation.id, asked.key)
    if found is None:
        return None
    digest, answer_seq = found
    if digest != asked.digest:
        raise IdempotencyMismatch("this idempotency key was used for another request")
    return Begun(conversation=conversation, answer_seq=answer_seq, user_seq=None, turn=None)


def _free(services: Services, asked: Asked, conversation: Conversation) -> Conversation:
    """The conversation once nobody answers in it; an orphan is ended first."""
    if conversation.answering is None:
        return conversation
    answer = services.history.message(conversation.id, conversation.answering)
    if answer.status.terminal or not is_orphan(services, conversation.id, answer):
        raise TurnInProgress(
            f"message {answer.seq} is being written; follow or stop it first",
            retry_after_ms=1000,
            details={"answer_seq": answer.seq},
        )
    end_orphan(services, conversation.id, answer.seq)
    return owned(services, conversation.id, asked.identity.user)


def _begin(services: Services, asked: Asked, conversation: Conversation) -> Begun:
    now = services.clock()
    parent, answered = place(services.history, conversation, asked)
    branch = list(
        load_branch(services.history, conversation, parent if answered is None else answered)
    )
    user = None
    if answered is None:
        user = Message(
            seq=conversation.next_seq,
            parent=parent,
            role=Role.USER,
            text=asked.content,
            status=MessageStatus.COMPLETE,
            created_ms=now,
        )
        branch.append(user)
    cut = place_cut(branch, conversation.cut, conversation.system, services.settings.marks)
    cut = summarised(services, conversation, branch, cut)
    answer = _placeholder(asked, conversation, branch, now)
    turn = Turn(
        conversation=conversation,
        user=branch[-1],
        answer=answer,
        prompt=chat_prompt(conversation.system, cut, branch),
        sampling=asked.sampling,
        tenant=asked.identity.tenant,
        began_ms=now,
        rewritten=cut != conversation.cut,
        previous=previous_receipt(branch[:-1]),
        trace=asked.trace,
        request_id=asked.request_id,
    )
    return _store(services, asked, turn, user, cut)


def _placeholder(
    asked: Asked, conversation: Conversation, branch: Sequence[Message], now: int
) -> Message:
    """The answer to come; it keeps how it was asked for, so that another producer can go on."""
    return Message(
        seq=max(conversation.next_seq, branch[-1].seq + 1),
        parent=branch[-1].seq,
        role=Role.ASSISTANT,
        text="",
        status=MessageStatus.STREAMING,
        created_ms=now,
        receipt={"sampling": dict(asked.sampling), "tenant": asked.identity.tenant},
        alive_ms=now,
    )


def _store(services: Services, asked: Asked, turn: Turn, user: Message | None, cut: Cut) -> Begun:
    event_id, event = services.reporter.started(turn, degraded=services.sessions.degraded)
    start = TurnStart(
        conversation=turn.conversation,
        user=user,
        answer=turn.answer,
        idempotency_key=asked.key or fresh_key(),
        request_hash=asked.digest,
        now_ms=turn.began_ms,
        cut=cut if cut != turn.conversation.cut else None,
        outbox={event_id: event},
    )
    with span("begin transaction"):
        started = services.history.start_turn(start)
    if not started.duplicate:
        services.telemetry.emit(event)
    return _begun(started, turn)


def _begun(started: StartedTurn, turn: Turn) -> Begun:
    kept = None if started.duplicate else replace(turn, conversation=started.conversation)
    return Begun(
        conversation=started.conversation,
        answer_seq=started.answer_seq,
        user_seq=started.user_seq,
        turn=kept,
    )
