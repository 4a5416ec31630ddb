"""Whose each block is: who wrote it, who hit it, who loses it."""

import pytest

from serving.kv_cache.manager import MAX_SESSIONS, BlockTable, KVCacheManager
from serving.kv_cache.owners import Owners

SIZE = 4
SYSTEM = list(range(8))  # two blocks


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def run(cache, token_ids, label=""):
    """Compute a whole prompt, as the scheduler would; its table."""
    table = BlockTable(label=label)
    cache.adopt_prefix(table, cache.find_prefix(table, token_ids))
    assert cache.grow(table, len(token_ids))
    cache.register(table, token_ids, len(token_ids))
    return table


def converse(cache, token_ids, label=""):
    """A prompt that is computed and left warm."""
    cache.release(run(cache, token_ids, label))


def sessions(cache, **running):
    """Blocks and shared ones by label, the latest first; the snapshot's sums are checked too."""
    cache.pool.check_integrity()
    usage = cache.usage(running)
    blocks = sum(session.blocks for session in usage.sessions)
    assert usage.total == usage.free + usage.cached + usage.used
    assert usage.total == usage.free + usage.other + blocks
    return {session.label: (session.blocks, session.shared) for session in usage.sessions}


class TestWhoHasWhat:
    def test_nothing_is_anybodys_at_first(self):
        usage = KVCacheManager(8, SIZE).usage({})
        assert (usage.block_size, usage.total, usage.free) == (SIZE, 8, 8)
        assert (usage.cached, usage.used, usage.shared, usage.other) == (0, 0, 0, 0)
        assert usage.sessions == []

    def test_blocks_are_used_while_a_sequence_holds_them_and_warm_after(self):
        cache = KVCacheManager(8, SIZE)
        table = run(cache, [*SYSTEM, 50], "a")
        usage = cache.usage({})
        assert (usage.free, usage.cached, usage.used) == (5, 0, 3)
        cache.release(table)
        usage = cache.usage({})
        assert (usage.free, usage.cached, usage.used) == (6, 2, 0)

    def test_a_block_that_is_not_full_is_its_writers_until_it_is_released(self):
        cache = KVCacheManager(8, SIZE)
        table = run(cache, [*SYSTEM, 50], "a")
        assert sessions(cache) == {"a": (3, 0)}
        cache.release(table)
        assert sessions(cache) == {"a": (2, 0)}

    def test_the_next_turn_of_a_session_shares_with_nobody(self):
        cache = KVCacheManager(8, SIZE)
        converse(cache, [*SYSTEM, 50], "a")
        converse(cache, [*SYSTEM, 50, 51, 52, 53, 54], "a")
        assert sessions(cache) == {"a": (3, 0)}
        assert cache.usage({}).shared == 0

    def test_who_hits_a_block_of_another_has_it_from_then_on_and_it_is_shared(self):
        cache = KVCacheManager(16, SIZE)
        converse(cache, [*SYSTEM, 1, 1, 1, 1, 0], "a")
        converse(cache, [*SYSTEM, 2, 2, 2, 2, 0], "b")
        assert sessions(cache) == {"b": (3, 2), "a": (1, 0)}
        assert cache.usage({}).shared == 2

    def test_a_shared_block_stays_shared_when_its_writer_is_back(self):
        cache = KVCacheManager(16, SIZE)
        for label in ("a", "b", "a"):
            converse(cache, [*SYSTEM, 1], label)
        assert sessions(cache) == {"a": (2, 2)}

    def test_two_that_run_at_a_time_share_what_both_hold(self):
        cache = KVCacheManager(16, SIZE)
        first = run(cache, [*SYSTEM, 1], "a")
        second = run(cache, [*SYSTEM, 2], "b")
        assert sessions(cache) == {"b": (3, 2), "a": (1, 0)}
        cache.release(first)
        assert sessions(cache) == {"b": (3, 2)}
        cache.release(second)
        assert sessions(cache) == {"b": (2, 2)}

    def test_without_a_label_blocks_are_others(self):
        cache = KVCacheManager(8, SIZE)
        converse(cache, [*SYSTEM, 1])
        assert sessions(cache) == {}
        assert cache.usage({}).other == 2

    def test_a_hit_without_a_label_takes_nothing_from_anybody(self):
        cache = KVCacheManager(8, SIZE)
        converse(cache, [*SYSTEM, 1], "a")
        converse(cache, [*SYSTEM, 2])
        assert sessions(cache) == {"a": (2, 0)}

    def test_who_hits_a_block_of_nobody_has_it_alone(self):
        cache = KVCacheManager(8, SIZE)
        converse(cache, [*SYSTEM, 1])
        converse(cache, [*SYSTEM, 2], "a")
        assert sessions(cache) == {"a": (2, 0)}

    def test_without_prefix_caching_a_session_has_what_it_holds(self):
        cache = KVCacheManager(8, SIZE, prefix_caching=False)
        table = run(cache, [*SYSTEM, 1], "a")
        assert sessions(cache) == {"a": (3, 0)}
        assert cache.unhashed_tokens(table, 9) == 9
        cache.release(table)
        assert sessions(cache) == {}


class TestWhoLosesWhat:
    def test_an_evicted_block_is_its_new_writers(self):
        cache = KVCacheManager(4, SIZE)
        converse(cache, [*SYSTEM, 1], "a")
        table = run(cache, [90] * 12, "b")  # two blank blocks and a's last one
        assert sessions(cache) == {"b": (3, 0), "a": (1, 0)}
        cache.release(table)

    def test_who_lost_the_last_block_is_not_listed_any_more(self):
        cache = KVCacheManager(4, SIZE)
        converse(cache, [*SYSTEM, 1], "a")
        run(cache, [90] * 16, "b")
        assert sessions(cache) == {"b": (4, 0)}

    def test_an_evicted_block_is_not_shared_any_more(self):
        cache = KVCacheManager(4, SIZE)
        converse(cache, [*SYSTEM, 1], "a")
        converse(cache, [*SYSTEM, 1], "b")
        assert cache.usage({}).shared == 2
        run(cache, [90] * 16, "b")
        assert cache.usage({}).shared == 0

    def test_a_cache_that_is_emptied_is_nobodys(self):
        cache = KVCacheManager(8, SIZE)
        converse(cache, [*SYSTEM, 1], "a")
        cache.pool.forget_all()
        assert sessions(cache) == {}
        assert cache.usage({}).free == 8

    def test_a_held_block_that_is_forgotten_stays_its_holders_until_it_is_released(self):
        cache = KVCacheManager(8, SIZE)
        table = run(cache, [*SYSTEM, 1], "a")
        cache.pool.forget_all()
        assert sessions(cache) == {"a": (3, 0)}
        cache.release(table)
        assert sessions(cache) == {}


class TestWhatASessionSays:
    def test_tokens_are_those_of_full_blocks_and_what_runs_beyond(self):
        cache = KVCacheManager(8, SIZE)
        table = run(cache, [*SYSTEM, 50], "a")
        (session,) = cache.usage({"a": cache.unhashed_tokens(table, 9)}).sessions
        assert (session.tokens, session.running, session.age_s) == (9, True, 0.0)
        cache.release(table)
        (session,) = cache.usage({}).sessions
        assert (session.tokens, session.running) == (8, False)

    def test_tokens_of_a_double_are_counted_though_it_has_no_hash(self):
        """Two that compute the same at a time: the second one's blocks cannot be found."""
        cache = KVCacheManager(16, SIZE)
        tables = [BlockTable(label="a"), BlockTable(label="b")]
        for table in tables:
            assert cache.grow(table, 9)
        for table in tables:
            cache.register(table, [*SYSTEM, 1], 9)
        tails = {table.label: cache.unhashed_tokens(table, 9) for table in tables}
        assert tails == {"a": 1, "b": 9}
        assert {s.label: s.tokens for s in cache.usage(tails).sessions} == {"a": 9, "b": 9}

    def test_its_age_is_the_time_since_it_used_a_block(self):
        clock = Clock()
        owners = Owners(4, clock)
        owners.take(0, "a")
        clock.now += 7.0
        owners.take(1, "b")
        clock.now += 1.5
        ages = {session.label: session.age_s for session in owners.latest(9, SIZE, {})}
        assert ages == {"b": 1.5, "a": 8.5}
        owners.touch("a")
        ages = {session.label: session.age_s for session in owners.latest(9, SIZE, {})}
        assert list(ages.items()) == [("a", 0.0), ("b", 1.5)]

    def test_only_the_latest_are_listed_the_others_are_counted(self):
        cache = KVCacheManager(100, SIZE)
        for index in range(MAX_SESSIONS + 6):
            converse(cache, [200 + index] * 5, f"s{index}")
        usage = cache.usage({})
        names = [session.label for session in usage.sessions]
        assert names == [f"s{index}" for index in reversed(range(6, MAX_SESSIONS + 6))]
        assert usage.other == 6


def owner(pool, label):
    return pool.owners._by_label[label]


class TestMistakes:
    """`check_integrity` finds each kind of wrong entry."""

    @pytest.fixture
    def cache(self):
        cache = KVCacheManager(8, SIZE)
        converse(cache, [*SYSTEM, 1, 1, 1, 1, 1], "a")
        converse(cache, [*SYSTEM, 2], "b")
        cache.pool.check_integrity()
        return cache

    @pytest.mark.parametrize(
        ("spoil", "found"),
        [
            (lambda pool: pool.owners.take(7, "c"), "a blank block is somebody's"),
            (lambda pool: pool.owners.unhash(0), "other hashes"),
            (lambda pool: setattr(pool.owners, "num_shared", 1), "shared blocks"),
            (lambda pool: setattr(pool, "num_warm", 1), "warm blocks"),
            (lambda pool: setattr(owner(pool, "b"), "num_blocks", 9), "somebody's blocks"),
            (lambda pool: setattr(owner(pool, "b"), "used_at", 0.0), "order of their last use"),
        ],
    )
    def test_they_are_found(self, cache, spoil, found):
        spoil(cache.pool)
        with pytest.raises(AssertionError, match=found):
            cache.pool.check_integrity()

    def test_what_a_sequence_with_a_label_holds_is_somebodys(self, cache):
        table = run(cache, [*SYSTEM, 3], "c")
        cache.check_integrity([table])
        cache.pool.owners.drop(table.block_ids[0])
        with pytest.raises(AssertionError, match="holds is nobody's"):
            cache.check_integrity([table])
