"""Answers whose producer is gone: taking them over, to go on with them or to end them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from orchestrator_lambda.conversation.model import Conversation, Message
from orchestrator_lambda.conversation.truncation import place_cut
from orchestrator_lambda.errors import BackendUnavailable, Conflict, NotFound
from orchestrator_lambda.turns.answer_log import AnswerLog
from orchestrator_lambda.turns.branches import load_branch
from orchestrator_lambda.turns.commit import commit, final_answer
from orchestrator_lambda.turns.ending import broken
from orchestrator_lambda.turns.prompts import chat_prompt, previous_receipt
from orchestrator_lambda.turns.services import Services
from orchestrator_lambda.turns.turn import Turn

END_WITHIN_S = 5.0


def take_over(
    services: Services,
    conversation_id: str,
    answer_seq: int,
    *,
    trace: Mapping[str, str] | None = None,
    request_id: str = "",
) -> Turn:
    """Become the producer of an orphan; from now on the old one is refused.

    What is known of the answer is the longer of the checkpoint and what Redis holds.

    Raises:
        Conflict: it has ended, or somebody else was quicker.
        NotFound: it was deleted.
    """
    conversation = services.history.take_over(conversation_id, answer_seq, now_ms=services.clock())
    answer = services.history.message(conversation_id, answer_seq)
    answer, certain = _recovered(services, conversation, answer)
    branch = list(load_branch(services.history, conversation, answer.parent))
    cut = place_cut(branch, conversation.cut, conversation.system, services.settings.marks)
    return Turn(
        conversation=conversation,
        user=branch[-1],
        answer=answer,
        prompt=chat_prompt(conversation.system, cut, branch),
        sampling=dict(answer.receipt.get("sampling", {})),
        tenant=str(answer.receipt.get("tenant", "default")),
        began_ms=answer.created_ms,
        certain=certain,
        previous=previous_receipt(branch[:-1]),
        trace=trace or {},
        request_id=request_id,
        takeovers=1,
    )


def end_orphan(services: Services, conversation_id: str, answer_seq: int) -> None:
    """End an orphan as it stands, so that the conversation can go on; its text is kept.

    Raises:
        StoreUnavailable: not now.
    """
    try:
        turn = take_over(services, conversation_id, answer_seq)
    except (Conflict, NotFound):
        return  # somebody else has seen to it
    ending = broken(BackendUnavailable("the answer broke off; regenerate it"), "")
    answer = final_answer(
        services, turn, ending, AnswerLog(turn.answer.text, turn.answer.event_seq), ttft_ms=None
    )
    done = commit(services, turn, answer, within_s=END_WITHIN_S)
    services.telemetry.emit(done.event)


def _recovered(
    services: Services, conversation: Conversation, answer: Message
) -> tuple[Message, bool]:
    """The answer with all text that anybody knows, and whether readers can have seen no more.

    A producer keeps a checkpoint before it shows an event that Redis has not taken. So readers are
    no further than the buffer's end wherever the buffer reaches from the checkpoint on unbroken.
    """
    checkpoint = answer.event_seq
    found = services.sessions.read(
        conversation.id, answer.seq, after=max(checkpoint - 1, 0), block_ms=0
    )
    events = list(found or ())
    if checkpoint and events and events[0].seq == checkpoint:
        events = events[1:]
    elif checkpoint or found is None:
        return answer, False
    for event in events:
        if event.kind == "reset":
            text = event.data["text"]
        elif event.kind == "delta" and event.seq == answer.event_seq + 1:
            text = answer.text + event.data["text"]
        else:
            return answer, False
        answer = replace(answer, text=text, event_seq=event.seq, tokens=event.tokens)
    return answer, True
