"""What followed last time is what is drafted."""

from hypothesis import given
from hypothesis import strategies as st

from serving.speculative.prompt_lookup import NGRAM, PromptLookup


def propose(tokens, most=8):
    return PromptLookup().propose(tokens, most)


def test_what_followed_the_same_tokens_is_drafted():
    assert propose([1, 2, 3, 4, 5, 9, 9, 1, 2, 3], most=3) == [4, 5, 9]


def test_a_draft_ends_with_what_is_known():
    assert propose([1, 2, 3, 4, 1, 2, 3]) == [4, 1, 2, 3]


def test_fewer_equal_tokens_are_no_match():
    assert propose([8, 2, 3, 4, 9, 9, 1, 2, 3]) == []
    assert propose([1, 2]) == propose([1]) == propose([1, 2, 3]) == []


def test_of_several_places_the_latest_counts():
    assert propose([1, 2, 3, 7, 0, 1, 2, 3, 8, 0, 1, 2, 3], most=1) == [8]


def test_a_repetition_may_overlap_itself():
    assert propose([5, 5, 5, 5]) == [5]


def test_a_copy_is_followed_where_it_was_even_if_a_later_place_would_match():
    """The quoted text says `1 2 3` twice; the second time `8` follows, not `7`."""
    source = [10, 11, 12, 1, 2, 3, 8, 13, 20, 21, 1, 2, 3, 7, 30]
    tokens = [*source, 10, 11, 12]
    lookup = PromptLookup()
    assert lookup.propose(tokens, 2) == [1, 2]
    tokens += [1, 2, 3]
    assert lookup.propose(tokens, 2) == [8, 13]


def test_after_a_wrong_draft_it_looks_anew():
    lookup = PromptLookup()
    tokens = [1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3]
    assert lookup.propose(tokens, 2) == [4, 5]
    tokens += [6, 7, 8]
    assert lookup.propose(tokens, 2) == [9, 1]


@given(st.lists(st.integers(0, 3), min_size=1, max_size=60), st.integers(1, 10), st.data())
def test_a_draft_always_stood_behind_the_same_tokens_before(tokens, most, data):
    """Whenever it is asked as the list grows, and whatever came of the drafts before."""
    lookup = PromptLookup()
    grown: list[int] = []
    for token in tokens:
        grown.append(token)
        if not data.draw(st.booleans()):
            continue
        draft = lookup.propose(grown, most)
        assert len(draft) <= most
        places = range(NGRAM, len(grown))
        known = [at for at in places if grown[at - NGRAM : at] == grown[-NGRAM:]]
        assert bool(draft) == bool(known)
        assert not draft or any(grown[at : at + len(draft)] == draft for at in known)
