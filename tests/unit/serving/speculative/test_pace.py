"""Long drafts while they come true, none where they would cost more than they give."""

import pytest

from serving.config import SchedulerConfig
from serving.speculative.drafter import PromptLookupDrafter, drafter_for
from serving.speculative.pace import FIRST_RATE, Pace

ROWS_PER_READ = 12


def after(*outcomes):
    pace = Pace()
    for drafted, accepted in outcomes:
        pace.learn(drafted, accepted)
    return pace


class TestPace:
    def test_drafts_grow_while_they_come_true(self):
        pace = Pace()
        lengths = []
        for _ in range(8):
            lengths.append(pace.length(0.3))
            pace.learn(lengths[-1], lengths[-1])
        assert lengths == sorted(lengths) and lengths[-1] > 4 * lengths[0]

    def test_drafts_shrink_to_nothing_where_none_comes_true(self):
        pace = Pace()
        for _ in range(20):
            drafted = pace.length(0.3)
            if not drafted:
                break
            pace.learn(drafted, 0)
        assert pace.length(0.3) == 0

    def test_a_long_draft_that_failed_at_once_tells_as_much_as_a_short_one(self):
        assert after((9, 0)).rate == after((1, 0)).rate

    def test_the_last_tokens_of_a_draft_are_worth_it_too(self):
        pace = after((6, 5), (4, 3), (5, 5))
        length = pace.length(0.2)
        assert pace.rate**length >= 0.2 > pace.rate ** (length + 1)

    def test_after_a_rest_it_tries_again(self):
        pace = after(*[(2, 0)] * 20)
        assert pace.length(0.3) == 0
        rests = 0
        while not pace.length(0.3):
            pace.rest()
            rests += 1
            assert rests < 200
        assert rests > 20

    @pytest.mark.parametrize(("worth", "length"), [(1.0, 0), (1.2, 0)])
    def test_what_can_never_pay_is_not_drafted(self, worth, length):
        assert after((8, 8)).length(worth) == length

    def test_nothing_is_known_at_first(self):
        assert Pace().rate == FIRST_RATE


class TestDrafter:
    TEXT = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 1, 2, 3)

    def draft(self, running, drafter=None):
        drafter = drafter or PromptLookupDrafter(8, ROWS_PER_READ)
        return drafter.draft("a", list(self.TEXT), 100, running)

    def test_the_larger_the_batch_the_shorter_the_draft(self):
        lengths = [len(self.draft(running)) for running in (1, 4, 16, 64, 256)]
        assert lengths == sorted(lengths, reverse=True)
        assert lengths[0] > lengths[1] > lengths[-1] == 0

    def test_in_a_large_batch_nobody_looks_for_drafts(self):
        priced, always = (PromptLookupDrafter(8, rows) for rows in (ROWS_PER_READ, None))
        assert priced.pays(1) and priced.pays(4 * ROWS_PER_READ)
        assert not priced.pays(4 * ROWS_PER_READ + 1)
        assert always.pays(10_000)

    def test_without_a_price_every_match_is_drafted(self):
        assert len(self.draft(256, PromptLookupDrafter(8, None))) == 8

    def test_a_sequence_that_ended_is_forgotten(self):
        drafter = PromptLookupDrafter(8, ROWS_PER_READ)
        first = self.draft(1, drafter)
        for _ in range(20):
            drafter.learn("a", 1, 0)
        assert not self.draft(1, drafter)
        drafter.forget("a")
        drafter.forget("never drafted")
        assert self.draft(1, drafter) == first

    def test_one_sequence_does_not_learn_from_another(self):
        drafter = PromptLookupDrafter(8, ROWS_PER_READ)
        self.draft(1, drafter)
        for _ in range(20):
            drafter.learn("a", 1, 0)
        assert drafter.draft("b", list(self.TEXT), 100, 1)

    def test_the_setting_decides(self):
        assert drafter_for(SchedulerConfig(speculation="off"), "cpu") is None
        always = drafter_for(SchedulerConfig(speculation="prompt-lookup"), "cpu")
        priced = drafter_for(SchedulerConfig(speculation="auto", max_draft_tokens=2), "cpu")
        assert len(self.draft(200, always)) == 8
        assert len(self.draft(1, priced)) == 2 and not self.draft(200, priced)
