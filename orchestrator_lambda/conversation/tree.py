"""A conversation's messages as a tree: the branch that is shown, and those beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from orchestrator_lambda.conversation.model import ROOT, Message, Role
from orchestrator_lambda.errors import InvalidRequest, NotFound


class MessageTree:
    """All messages of one conversation.

    Invariant: a message's parent has a smaller seq, and roles alternate along every branch,
    beginning with the user's.

    Args:
        messages: in any order; every parent but ROOT must be among them.
    """

    def __init__(self, messages: Iterable[Message]) -> None:
        self._by_seq: dict[int, Message] = {
            message.seq: message for message in sorted(messages, key=lambda one: one.seq)
        }
        self._children: dict[int, list[int]] = {ROOT: []}
        for message in self._by_seq.values():
            self._children.setdefault(message.parent, []).append(message.seq)

    def __len__(self) -> int:
        return len(self._by_seq)

    def get(self, seq: int) -> Message:
        """One message.

        Raises:
            NotFound: there is none of this seq.
        """
        try:
            return self._by_seq[seq]
        except KeyError:
            raise NotFound(f"the conversation has no message {seq}") from None

    def branch(self, leaf: int) -> list[Message]:
        """The messages from the root to `leaf`, in order; none for ROOT."""
        path: list[Message] = []
        while leaf != ROOT:
            message = self.get(leaf)
            path.append(message)
            leaf = message.parent
        return path[::-1]

    def siblings(self, seq: int) -> Sequence[int]:
        """Messages that stand in the same place, itself among them, oldest first."""
        return self._children[self.get(seq).parent]

    def leaf_of(self, seq: int) -> int:
        """The end of the newest branch through `seq`."""
        while children := self._children.get(seq):
            seq = children[-1]
        return seq

    def leaves(self) -> list[int]:
        """The ends of all branches, oldest first."""
        return [seq for seq in self._by_seq if not self._children.get(seq)]

    def check_parent(self, parent: int, role: Role) -> None:
        """Refuse a new message of `role` under `parent` that would break the order of speakers.

        Raises:
            NotFound: there is no such parent.
            InvalidRequest: a user's message follows an answer or nothing, an answer a user's.
        """
        before = None if parent == ROOT else self.get(parent).role
        wanted = Role.USER if role is Role.ASSISTANT else Role.ASSISTANT
        if before is not wanted and not (before is None and role is Role.USER):
            raise InvalidRequest(
                f"a message of the {role} cannot follow message {parent}; it follows one of the "
                f"{wanted}",
                param="parent",
            )


@dataclass(frozen=True)
class Branch:
    """One branch as it is listed: its leaf, its length and where it leaves the shown one."""

    leaf: int
    length: int
    forks_after: int
    shown: bool


def list_branches(tree: MessageTree, head: int) -> list[Branch]:
    """All branches, oldest leaf first; `forks_after` is the last message shared with the head's."""
    shown = {message.seq for message in tree.branch(head)}
    listed = []
    for leaf in tree.leaves():
        path = [message.seq for message in tree.branch(leaf)]
        shared = [seq for seq in path if seq in shown]
        listed.append(Branch(leaf, len(path), shared[-1] if shared else ROOT, leaf == head))
    return listed


def variants(tree: MessageTree, path: Sequence[Message]) -> Mapping[int, Sequence[int]]:
    """For each message of a branch that has siblings: all that stand in its place."""
    return {
        message.seq: siblings for message in path if len(siblings := tree.siblings(message.seq)) > 1
    }
