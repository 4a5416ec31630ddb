"""Memory for weights: pieces of large chunks that do not overlap and go when nobody has them."""

from __future__ import annotations

import ctypes
import gc
import mmap
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from serving.native import memory
from serving.native.memory import CHUNK_BYTES, WeightMemory, give_back, huge_pages


def test_pieces_begin_with_a_cache_line_and_do_not_overlap() -> None:
    weights = WeightMemory()

    def piece(number: int) -> torch.Tensor:
        return weights.empty((number % 7 + 1, 33), torch.int8).fill_(number)

    with ThreadPoolExecutor(4) as pool:
        pieces = list(pool.map(piece, range(100)))
    for number, one in enumerate(pieces):
        assert one.data_ptr() % 64 == 0
        assert torch.equal(one, torch.full((number % 7 + 1, 33), number, dtype=torch.int8))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int8])
def test_a_copy_is_contiguous(dtype: torch.dtype) -> None:
    original = torch.arange(60).view(5, 12).to(dtype).T
    copy = WeightMemory().copy(original)
    assert copy.is_contiguous()
    assert torch.equal(copy, original)
    assert copy.data_ptr() != original.data_ptr()


def test_a_piece_may_be_larger_than_a_chunk() -> None:
    weights = WeightMemory()
    large = weights.empty((CHUNK_BYTES + 1,), torch.int8)
    large[-1] = 1  # the last byte is there
    assert weights.empty((1,), torch.int8).data_ptr() != large.data_ptr()


def test_a_chunk_goes_with_its_last_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[int] = []

    class Chunk(mmap.mmap):
        def __del__(self) -> None:
            closed.append(len(self))

    def chunk(size: int) -> mmap.mmap:
        return Chunk(-1, size)

    monkeypatch.setattr(memory, "huge_pages", chunk)
    weights = WeightMemory()
    pieces = [weights.empty((CHUNK_BYTES // 2,), torch.int8) for _ in range(3)]
    closed.clear()
    pieces.pop(0)
    gc.collect()
    assert closed == []  # the second still lies there
    pieces.pop(0)
    gc.collect()
    assert closed == [CHUNK_BYTES]


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="Linux tells of huge pages there")
def test_the_system_is_asked_for_huge_pages() -> None:
    region = torch.frombuffer(huge_pages(CHUNK_BYTES), dtype=torch.uint8)
    smaps = Path("/proc/self/smaps").read_text()
    for begin, end, facts in re.findall(
        r"^([0-9a-f]+)-([0-9a-f]+) .*\n((?:\w+: .*\n|\w+:\s.*\n)+)", smaps, re.MULTILINE
    ):
        if int(begin, 16) <= region.data_ptr() < int(end, 16):
            assert " hg" in facts.rpartition("VmFlags:")[2]
            return
    raise AssertionError("the region is not in smaps")


def test_a_kernel_without_huge_pages_gives_small_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mmap, "MADV_HUGEPAGE", 12345)  # no such advice
    assert len(huge_pages(4096)) == 4096


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * mmap.PAGESIZE


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="not glibc")
def test_what_was_freed_goes_back_to_the_system() -> None:
    pieces = [torch.ones(25_000) for _ in range(1000)]  # 100 kB each: the C library's own heap
    held = pieces[::50]  # so that the rest are holes
    del pieces
    before = resident_bytes()
    give_back()
    assert before - resident_bytes() > 50 * 2**20
    assert len(held) == 20
