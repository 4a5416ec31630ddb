"""The KV cache manager: prefix hits, room, growth, release."""

from unittest.mock import patch

import pytest

from serving.kv_cache import block_hash
from serving.kv_cache.manager import BlockTable, KVCacheManager


def run(cache, token_ids, salt=""):
    """Compute a whole prompt, as the scheduler would; its table and the number of hits."""
    table = BlockTable(salt)
    prefix = cache.find_prefix(table, token_ids)
    cache.adopt_prefix(table, prefix)
    assert cache.grow(table, len(token_ids))
    cache.register(table, token_ids, len(token_ids))
    return table, len(prefix)


class TestPrefixHits:
    @pytest.mark.parametrize(("num_tokens", "hits"), [(1, 0), (4, 0), (5, 1), (8, 1), (9, 2)])
    def test_the_same_prompt_again_hits_all_but_its_last_token(self, num_tokens, hits):
        """Logits need one token to be computed: 8 tokens hit one block of 4, not two."""
        cache = KVCacheManager(8, 4)
        prompt = list(range(num_tokens))
        cache.release(run(cache, prompt)[0])
        assert run(cache, prompt)[1] == hits

    def test_a_hit_ends_with_the_first_block_that_differs(self):
        cache = KVCacheManager(16, 2)
        run(cache, [1, 1, 2, 2, 3, 3, 4])
        assert run(cache, [1, 1, 9, 9, 3, 3, 4])[1] == 1
        assert run(cache, [9, 9, 2, 2, 3, 3, 4])[1] == 0

    def test_a_hit_shares_blocks_and_the_rest_is_its_own(self):
        cache = KVCacheManager(16, 2)
        first, _ = run(cache, [1, 1, 2, 2, 3])
        second, _ = run(cache, [1, 1, 2, 2, 4])
        assert first.block_ids[:2] == second.block_ids[:2]
        assert first.block_ids[2] != second.block_ids[2]

    def test_a_partly_filled_block_is_never_shared(self):
        cache = KVCacheManager(16, 4)
        run(cache, [1, 2, 3, 4, 5, 6])
        table, hits = run(cache, [1, 2, 3, 4, 5, 6, 7])
        assert hits == 1 and len(table.blocks) == 2

    def test_salts_isolate(self):
        cache = KVCacheManager(16, 2)
        run(cache, [1, 1, 2, 2, 3], salt="tenant a")
        assert run(cache, [1, 1, 2, 2, 3], salt="tenant b")[1] == 0
        assert run(cache, [1, 1, 2, 2, 3], salt="")[1] == 0
        assert run(cache, [1, 1, 2, 2, 3], salt="tenant a")[1] == 2

    def test_what_is_not_computed_yet_is_not_found(self):
        cache = KVCacheManager(16, 2)
        table = BlockTable()
        prompt = [1, 1, 2, 2, 3, 3, 4]
        assert cache.grow(table, len(prompt))
        for computed, hits in ((0, 0), (1, 0), (2, 1), (3, 1), (5, 2), (7, 3)):
            cache.register(table, prompt, computed)
            assert len(cache.find_prefix(BlockTable(), prompt)) == hits

    def test_without_prefix_caching_nothing_is_found_or_kept(self):
        cache = KVCacheManager(16, 2, prefix_caching=False)
        run(cache, [1, 1, 2, 2, 3])
        assert run(cache, [1, 1, 2, 2, 3])[1] == 0
        assert cache.pool.num_hashed == 0

    def test_a_colliding_hash_is_a_miss(self):
        with patch.object(block_hash, "hash_block", lambda parent, tokens: b"same"):
            cache = KVCacheManager(16, 2)
            run(cache, [1, 1, 2])
            assert run(cache, [3, 3, 2])[1] == 0
            assert run(cache, [1, 1, 2])[1] == 1


class TestRoom:
    @pytest.mark.parametrize(("tokens", "blocks"), [(0, 0), (1, 1), (4, 1), (5, 2), (8, 2)])
    def test_tokens_take_whole_blocks(self, tokens, blocks):
        assert KVCacheManager(8, 4).blocks_for(tokens) == blocks

    def test_growing_beyond_the_pool_does_nothing(self):
        cache = KVCacheManager(3, 4)
        table = BlockTable()
        assert cache.grow(table, 8)
        before = list(table.block_ids)
        assert not cache.grow(table, 13)
        assert table.block_ids == before and cache.pool.num_free == 1
        assert cache.grow(table, 12)

    def test_growing_to_what_it_has_takes_nothing(self):
        cache = KVCacheManager(3, 4)
        table = BlockTable()
        assert cache.grow(table, 5) and cache.grow(table, 8) and cache.grow(table, 1)
        assert cache.pool.num_free == 1

    def test_a_warm_prefix_counts_as_room_that_is_used(self):
        """Its blocks are free, but reviving them leaves as many fewer for the rest."""
        cache = KVCacheManager(4, 2)
        prompt = [1, 1, 2, 2, 3, 3, 4]
        cache.release(run(cache, prompt)[0])
        prefix = cache.find_prefix(BlockTable(), prompt)
        assert len(prefix) == 3
        assert cache.can_admit(prefix, 8, spare=0)
        assert not cache.can_admit(prefix, 9, spare=0)
        assert not cache.can_admit(prefix, 8, spare=1)

    def test_a_prefix_somebody_holds_costs_nothing(self):
        cache = KVCacheManager(5, 2)
        prompt = [1, 1, 2, 2, 3, 3, 4]
        run(cache, prompt)
        prefix = cache.find_prefix(BlockTable(), prompt)
        assert cache.can_admit(prefix, 8, spare=0)
        assert not cache.can_admit([], 8, spare=0)


class TestRelease:
    def test_tails_are_given_up_before_prefixes(self):
        """After pressure on the cache the beginning of a conversation is still warm."""
        cache = KVCacheManager(4, 2)
        prompt = [1, 1, 2, 2, 3, 3, 4, 4]
        cache.release(run(cache, prompt)[0])
        cache.grow(BlockTable(), 4)  # two blocks for somebody else
        assert len(cache.find_prefix(BlockTable(), prompt)) == 2

    def test_a_released_table_can_start_again(self):
        cache = KVCacheManager(4, 2)
        prompt = [1, 1, 2, 2, 3]
        table, _ = run(cache, prompt)
        cache.release(table)
        assert table.block_ids == []
        prefix = cache.find_prefix(table, prompt)
        cache.adopt_prefix(table, prefix)
        assert cache.grow(table, 5) and len(table.block_ids) == 3
        cache.check_integrity([table])

    def test_integrity_finds_a_table_that_nobody_owns(self):
        cache = KVCacheManager(4, 2)
        table, _ = run(cache, [1, 2, 3])
        cache.check_integrity([table])
        with pytest.raises(AssertionError, match="references"):
            cache.check_integrity([])
        with pytest.raises(AssertionError, match="references"):
            cache.check_integrity([table, table])
