"""Samples count up to the first that differs from its draft."""

import pytest

from serving.request import SampledToken
from serving.speculative.verify import accept


@pytest.mark.parametrize(
    ("drafted", "sampled", "accepted"),
    [
        ((), (7,), [7]),
        ((1, 2), (1, 2, 3), [1, 2, 3]),
        ((1, 2), (1, 9, 3), [1, 9]),
        ((1, 2), (9, 2, 3), [9]),
        ((1, 1), (1, 2, 1), [1, 2]),
    ],
)
def test_the_first_wrong_draft_gives_way_to_the_sample(drafted, sampled, accepted):
    tokens = accept(drafted, [SampledToken(token) for token in sampled])
    assert [token.token_id for token in tokens] == accepted
