import pytest

from orchestrator_lambda.conversation.model import ROOT, Message, MessageStatus, Role
from orchestrator_lambda.conversation.tree import Branch, MessageTree, list_branches, variants
from orchestrator_lambda.errors import InvalidRequest, NotFound


def message(seq: int, parent: int, role: Role) -> Message:
    return Message(
        seq=seq,
        parent=parent,
        role=role,
        text=str(seq),
        status=MessageStatus.COMPLETE,
        created_ms=0,
    )


@pytest.fixture
def tree() -> MessageTree:
    """1 user -- 2 answer -- 3 user -- 4 answer, 5 answer again; 6 user edited -- 7 answer."""
    user, answer = Role.USER, Role.ASSISTANT
    rows = [
        *((1, ROOT, user), (2, 1, answer), (3, 2, user), (4, 3, answer), (5, 3, answer)),
        *((6, ROOT, user), (7, 6, answer)),
    ]
    return MessageTree(message(*row) for row in reversed(rows))


def seqs(messages: list[Message]) -> list[int]:
    return [one.seq for one in messages]


def test_a_branch_is_the_way_from_the_root(tree: MessageTree) -> None:
    assert seqs(tree.branch(5)) == [1, 2, 3, 5]
    assert seqs(tree.branch(7)) == [6, 7]
    assert tree.branch(ROOT) == []


def test_siblings_stand_in_the_same_place(tree: MessageTree) -> None:
    assert list(tree.siblings(4)) == [4, 5]
    assert list(tree.siblings(1)) == [1, 6]
    assert variants(tree, tree.branch(5)) == {1: [1, 6], 5: [4, 5]}


def test_choosing_a_message_shows_the_newest_branch_through_it(tree: MessageTree) -> None:
    assert [tree.leaf_of(seq) for seq in (1, 3, 4, 6)] == [5, 5, 4, 7]


def test_branches_say_where_they_leave_the_shown_one(tree: MessageTree) -> None:
    assert list_branches(tree, 5) == [
        Branch(leaf=4, length=4, forks_after=3, shown=False),
        Branch(leaf=5, length=4, forks_after=5, shown=True),
        Branch(leaf=7, length=2, forks_after=ROOT, shown=False),
    ]


def test_speakers_alternate(tree: MessageTree) -> None:
    tree.check_parent(ROOT, Role.USER)
    tree.check_parent(4, Role.USER)
    tree.check_parent(3, Role.ASSISTANT)
    for parent, role in ((3, Role.USER), (4, Role.ASSISTANT), (ROOT, Role.ASSISTANT)):
        with pytest.raises(InvalidRequest):
            tree.check_parent(parent, role)


def test_what_is_not_there_is_not_found(tree: MessageTree) -> None:
    with pytest.raises(NotFound):
        tree.branch(99)
