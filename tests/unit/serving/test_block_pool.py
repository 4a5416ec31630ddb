"""The block pool: which block goes next, who shares it, what is found again."""

import pytest

from serving.kv_cache.block_pool import BlockPool


def ids(blocks):
    return [block.block_id for block in blocks]


def hold_and_register(pool, name, count=1):
    """`count` blocks, held and findable under name0, name1, ..."""
    blocks = pool.allocate(count)
    for index, block in enumerate(blocks):
        pool.register(block, f"{name}{index}".encode(), [index])
    return blocks


class TestAllocation:
    def test_a_sequence_in_a_fresh_pool_is_one_contiguous_run(self):
        pool = BlockPool(256)
        assert ids(pool.allocate(40)) == list(range(40))

    def test_sequences_start_apart_and_stay_contiguous_while_they_grow_in_turn(self):
        pool = BlockPool(256, stride=64)
        tables = [pool.allocate(1) for _ in range(4)]
        for _ in range(63):
            for table in tables:
                table.extend(pool.allocate(1, after=table[-1]))
        for table in tables:
            assert ids(table) == list(range(table[0].block_id, table[0].block_id + 64))
        assert [table[0].block_id for table in tables] == [0, 64, 128, 192]

    def test_a_pool_smaller_than_the_stride_gives_every_block_once(self):
        pool = BlockPool(5, stride=64)
        assert sorted(ids(pool.allocate(5))) == [0, 1, 2, 3, 4]
        assert pool.num_free == 0

    def test_blank_blocks_go_before_warm_ones(self):
        pool = BlockPool(4)
        (warm,) = hold_and_register(pool, "w")
        blank = pool.allocate(1)
        pool.release([warm])
        pool.release(blank)
        assert warm not in pool.allocate(3)
        assert pool.allocate(1) == [warm]

    def test_the_least_recently_released_warm_block_goes_first(self):
        pool = BlockPool(3)
        a, b, c = hold_and_register(pool, "w", 3)
        for block in (b, a, c):
            pool.release([block])
        assert [pool.allocate(1)[0] for _ in range(3)] == [b, a, c]

    def test_a_warm_neighbour_is_spared_though_contiguity_would_take_it(self):
        pool = BlockPool(4, stride=4)
        _, neighbour = hold_and_register(pool, "w", 2)
        pool.release([neighbour])
        (taken,) = pool.allocate(1, after=pool.blocks[0])
        assert taken is not neighbour

    def test_the_last_block_has_no_neighbour(self):
        pool = BlockPool(2, stride=1)
        everything = pool.allocate(2)
        pool.release(everything[:1])
        assert ids(pool.allocate(1, after=pool.blocks[1])) == [0]

    def test_a_taken_warm_block_is_found_no_more(self):
        pool = BlockPool(1)
        (block,) = hold_and_register(pool, "w")
        pool.release([block])
        assert pool.lookup(b"w0", [0]) is block
        pool.allocate(1)
        assert pool.lookup(b"w0", [0]) is None
        assert pool.num_hashed == 0


class TestSharing:
    def test_a_block_is_free_only_when_its_last_holder_lets_go(self):
        pool = BlockPool(2)
        (block,) = hold_and_register(pool, "w")
        pool.hold(block)
        pool.release([block])
        assert (pool.num_free, block.ref_count) == (1, 1)
        pool.release([block])
        assert (pool.num_free, block.ref_count) == (2, 0)

    def test_holding_a_warm_block_saves_it_from_being_taken(self):
        pool = BlockPool(2)
        first, second = hold_and_register(pool, "w", 2)
        pool.release([first, second])
        pool.hold(first)
        assert pool.allocate(1) == [second]
        assert pool.num_free == 0


class TestFinding:
    def test_the_tokens_are_compared_not_the_hash_alone(self):
        pool = BlockPool(1)
        (block,) = pool.allocate(1)
        pool.register(block, b"h", [1, 2])
        assert pool.lookup(b"h", [1, 2]) is block
        assert pool.lookup(b"h", (1, 2)) is block
        assert pool.lookup(b"h", [1, 3]) is None
        assert pool.lookup(b"other", [1, 2]) is None

    def test_the_first_block_under_a_hash_keeps_it(self):
        pool = BlockPool(2)
        first, second = pool.allocate(2)
        pool.register(first, b"h", [1])
        pool.register(second, b"h", [1])
        assert pool.lookup(b"h", [1]) is first
        assert second.block_hash is None
        pool.release([second])
        assert pool.allocate(1) == [second], "a double is blank when it is freed"

    def test_forgetting_leaves_references_alone(self):
        pool = BlockPool(3)
        held, warm = hold_and_register(pool, "w", 2)
        pool.release([warm])
        pool.forget_all()
        assert pool.num_hashed == 0
        assert pool.lookup(b"w0", [0]) is pool.lookup(b"w1", [1]) is None
        assert (held.ref_count, pool.num_free) == (1, 2)
        pool.check_integrity()


class TestIntegrity:
    """`check_integrity` is what other tests rely on: it must find what it is there to find."""

    @pytest.fixture
    def pool(self):
        pool = BlockPool(4)
        hold_and_register(pool, "w", 2)
        pool.check_integrity()
        return pool

    def test_a_lost_block_is_found(self, pool):
        free = next(block for block in pool.blocks if block.ref_count == 0)
        free.ref_count = 1
        with pytest.raises(AssertionError, match="free list"):
            pool.check_integrity()

    def test_a_block_released_twice_is_found(self, pool):
        held = next(block for block in pool.blocks if block.ref_count)
        held.ref_count = -1
        with pytest.raises(AssertionError):
            pool.check_integrity()

    def test_a_hash_without_its_block_is_found(self, pool):
        held = next(block for block in pool.blocks if block.ref_count)
        held.block_hash = None
        with pytest.raises(AssertionError, match="hash index"):
            pool.check_integrity()
