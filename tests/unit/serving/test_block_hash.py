"""Chained hashes: a block's hash stands for every token from the start of the prompt on."""

from serving.kv_cache.block_hash import extend_hashes, hash_block, root_hash


def hashes_of(token_ids, *, salt="", block_size=2):
    hashes = []
    extend_hashes(hashes, token_ids, block_size, salt)
    return hashes


def test_only_full_blocks_are_hashed():
    assert [len(hashes_of(range(n))) for n in range(6)] == [0, 0, 1, 1, 2, 2]


def test_equal_prefixes_hash_equally_and_no_further():
    left, right = hashes_of([1, 2, 3, 4, 5, 6]), hashes_of([1, 2, 3, 4, 9, 6])
    assert left[:2] == right[:2]
    assert left[2] != right[2]


def test_equal_blocks_behind_different_ones_hash_differently():
    assert hashes_of([1, 2, 7, 7])[1] != hashes_of([3, 4, 7, 7])[1]


def test_a_block_repeated_hashes_differently_each_time():
    assert len(set(hashes_of([7, 7] * 50))) == 50


def test_salts_share_nothing():
    assert not set(hashes_of([1, 2, 3, 4], salt="a")) & set(hashes_of([1, 2, 3, 4], salt="b"))
    assert not set(hashes_of([1, 2], salt="")) & set(hashes_of([1, 2], salt="a"))


def test_extending_step_by_step_gives_the_same_as_at_once():
    tokens = list(range(11))
    grown = []
    for end in range(len(tokens) + 1):
        extend_hashes(grown, tokens[:end], 3, "salt")
    assert grown == hashes_of(tokens, salt="salt", block_size=3)


def test_token_order_and_large_ids_matter():
    root = root_hash("")
    assert hash_block(root, [1, 2]) != hash_block(root, [2, 1])
    assert hash_block(root, [1]) != hash_block(root, [1 + 2**32])
    assert hash_block(root, [0]) != hash_block(root, [0, 0])


def test_a_hash_has_128_bits():
    assert len(hash_block(root_hash(""), [1])) == 16
