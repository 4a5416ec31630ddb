"""The part of a conversation that a turn needs, with reads that do not grow with its length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from orchestrator_lambda.conversation.model import ROOT, Conversation, Message, Role
from orchestrator_lambda.conversation.tree import MessageTree
from orchestrator_lambda.errors import InvalidRequest
from orchestrator_lambda.history.interface import History
from orchestrator_lambda.turns.asked import Asked, Kind


def load_tree(history: History, conversation: Conversation) -> MessageTree:
    """All messages."""
    return MessageTree(history.messages(conversation.id))


def load_branch(history: History, conversation: Conversation, leaf: int) -> Sequence[Message]:
    """The branch that ends in `leaf`, from the cut's message on, or from its root.

    What lies before the cut is read only where the branch forked off there.

    Raises:
        NotFound: there is no message `leaf`.
    """
    if leaf == ROOT:
        return []
    cut = conversation.cut.seq
    if cut != ROOT:
        recent = {
            message.seq: message for message in history.messages(conversation.id, after=cut - 1)
        }
        branch = _climb(recent, leaf, cut)
        if branch is not None:
            return branch
    return load_tree(history, conversation).branch(leaf)


def place(history: History, conversation: Conversation, asked: Asked) -> tuple[int, int | None]:
    """(parent of the new user's message, None), or (its parent, seq of the message to answer).

    Raises:
        NotFound: the target is not there.
        InvalidRequest: the target is of the wrong role.
    """
    if asked.kind is Kind.POST:
        parent = conversation.head if asked.target is None else asked.target
        if parent != ROOT:
            _require(history.message(conversation.id, parent), Role.ASSISTANT, "parent")
        return parent, None
    if asked.target is None:
        raise InvalidRequest("name the message", param="seq")
    target = history.message(conversation.id, asked.target)
    if asked.kind is Kind.EDIT:
        _require(target, Role.USER, "seq")
        return target.parent, None
    if target.role is Role.USER:
        return target.parent, target.seq
    question = history.message(conversation.id, target.parent)
    return question.parent, question.seq


def _require(message: Message, role: Role, param: str) -> None:
    if message.role is not role:
        raise InvalidRequest(
            f"message {message.seq} is of the {message.role.value}; name one of the {role.value}",
            param=param,
        )


def _climb(known: Mapping[int, Message], leaf: int, cut: int) -> list[Message] | None:
    """From the leaf up to the cut's message; None where the way leaves what is known."""
    path: list[Message] = []
    seq = leaf
    while (message := known.get(seq)) is not None:
        path.append(message)
        if seq == cut:
            return path[::-1]
        seq = message.parent
    return None
