"""Chained block hashes: equal hash means equal tokens from the start of the prompt on.

    block 0              block 1                block 2
    H(salt, t0..t15) --> H(hash0, t16..t31) --> H(hash1, t32..t47)

A block's hash covers all tokens before it, so one dictionary look-up a block finds the longest
cached prefix. The salt keeps tenants apart: another tenant's equal prompt hashes differently, so
nobody can probe by timing whether someone else sent a text.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Sequence

BlockHash = bytes

_DIGEST_BYTES = 16


def root_hash(salt: str) -> BlockHash:
    """The parent of every first block under `salt`."""
    return hashlib.blake2b(salt.encode(), digest_size=_DIGEST_BYTES).digest()


def hash_block(parent: BlockHash, token_ids: Sequence[int]) -> BlockHash:
    """Hash of a full block that follows `parent`."""
    digest = hashlib.blake2b(parent, digest_size=_DIGEST_BYTES)
    digest.update(array("q", token_ids).tobytes())
    return digest.digest()


def extend_hashes(
    hashes: list[BlockHash], token_ids: Sequence[int], block_size: int, salt: str
) -> None:
    """Append to `hashes` those of the full blocks of `token_ids` that it lacks."""
    parent = hashes[-1] if hashes else root_hash(salt)
    for start in range(len(hashes) * block_size, len(token_ids) - block_size + 1, block_size):
        parent = hash_block(parent, token_ids[start : start + block_size])
        hashes.append(parent)
