"""A CPU function in the place of `torch.nn.attention.varlen.varlen_attn`.

It computes what the CUDA kernel computes and refuses what the kernel refuses or, worse, would
accept and answer wrongly, so that the code around the kernel can be checked without a GPU.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.attention.varlen import AuxRequest

PAGE_MULTIPLE = 256
MAX_HEAD_DIM = 256


def varlen_attn_standin(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    cu_seq_q: Tensor,
    cu_seq_k: Tensor | None,
    max_q: int,
    max_k: int,
    *,
    return_aux: AuxRequest | None = None,
    scale: float | None = None,
    window_size: tuple[int, int] = (-1, -1),
    enable_gqa: bool = False,
    seqused_k: Tensor | None = None,
    block_table: Tensor | None = None,
    num_splits: int | None = None,
) -> Tensor | tuple[Tensor, Tensor]:
    """Paged attention of packed sequences, row by row in float32; arguments as of the kernel.

    Unlike the kernel it takes float32 too, so that results can be compared closely.

    Returns:
        Output like `query`, and with `return_aux.lse` the log-sum-exp [query heads, rows].

    Raises:
        ValueError: the kernel would raise, or answer with NaN or another batch's rows.
    """
    if block_table is None or seqused_k is None:
        raise ValueError("the stand-in is for paged calls: block_table and seqused_k are needed")
    _check_pages(query, key, value, enable_gqa=enable_gqa)
    _check_tables(query, key, cu_seq_q, block_table, seqused_k, max_q=max_q, max_k=max_k)
    if cu_seq_k is not None:
        raise ValueError("cu_seq_k must be None where block_table is given")
    if num_splits != 1:
        raise ValueError(f"num_splits is {num_splits}; paged calls need 1, or rows may be NaN")
    if window_size[1] != 0:
        raise ValueError(f"window_size is {window_size}; a decoder sees nothing to its right")
    factor = query.shape[-1] ** -0.5 if scale is None else scale
    output, lse = torch.empty_like(query), query.new_empty(query.shape[:2], dtype=torch.float32)
    bounds = cu_seq_q.tolist()
    for index, used in enumerate(seqused_k.tolist()):
        rows = slice(bounds[index], bounds[index + 1])
        pages = block_table[index].long()
        keys, values = (pool[pages].flatten(0, 1)[:used] for pool in (key, value))
        result = _attend(query[rows], keys, values, factor, window_size[0])
        output[rows], lse[rows] = result[0].to(query.dtype), result[1]
    if return_aux is not None and return_aux.lse:
        return output, lse.transpose(0, 1).contiguous()
    return output


def _attend(
    query: Tensor, keys: Tensor, values: Tensor, scale: float, left: int
) -> tuple[Tensor, Tensor]:
    """One sequence; the last row sees the last key, and `left` keys before its own (-1: all)."""
    groups = query.shape[1] // keys.shape[1]
    keys = keys.float().repeat_interleave(groups, dim=1)
    values = values.float().repeat_interleave(groups, dim=1)
    scores = torch.einsum("qhd,khd->hqk", query.float(), keys) * scale
    own = torch.arange(len(query))[:, None] + len(keys) - len(query)
    places = torch.arange(len(keys))[None, :]
    hidden = places > own
    if left >= 0:
        hidden |= places < own - left
    scores = scores.masked_fill(hidden, -torch.inf)
    output = torch.einsum("hqk,khd->qhd", scores.softmax(dim=-1), values)
    return output, scores.logsumexp(dim=-1).transpose(0, 1)


def _check_pages(query: Tensor, key: Tensor, value: Tensor, *, enable_gqa: bool) -> None:
    """Layout of the pool: [pages, page, kv heads, dim], as contiguous as the kernel wants it."""
    if query.dim() != 3 or key.dim() != 4 or key.shape != value.shape:
        raise ValueError("query must be [T, Hq, D]; key and value [pages, page, Hkv, D], alike")
    if key.shape[1] % PAGE_MULTIPLE:
        raise ValueError(f"pages have {key.shape[1]} tokens; the kernel wants multiples of 256")
    if not (key.is_contiguous() and value.is_contiguous()) or query.stride(-1) != 1:
        raise ValueError("pages must be contiguous, and so must the heads of the query")
    dim, heads, kv_heads = query.shape[2], query.shape[1], key.shape[2]
    if key.shape[3] != dim or dim > MAX_HEAD_DIM or dim % 8:
        raise ValueError(f"head size {dim} (keys: {key.shape[3]}) is no multiple of 8 up to 256")
    if len({query.dtype, key.dtype, value.dtype}) > 1:
        raise ValueError("query, key and value must have one dtype")
    if heads != kv_heads and not enable_gqa:
        raise ValueError(f"{heads} query heads over {kv_heads} need enable_gqa")
    if heads % kv_heads:
        raise ValueError(f"{heads} query heads are no multiple of {kv_heads}")


def _check_tables(
    query: Tensor,
    key: Tensor,
    cu_seq_q: Tensor,
    block_table: Tensor,
    seqused_k: Tensor,
    *,
    max_q: int,
    max_k: int,
) -> None:
    """The integers: their type, that they fit one another, and that no page is out of bounds."""
    for name, table in (
        ("cu_seq_q", cu_seq_q), ("block_table", block_table), ("seqused_k", seqused_k)
    ):  # fmt: skip
        if table.dtype != torch.int32 or not table.is_contiguous():
            raise ValueError(f"{name} must be contiguous int32, not {table.dtype}")
    sequences = len(seqused_k)
    if len(cu_seq_q) != sequences + 1 or block_table.dim() != 2 or len(block_table) != sequences:
        raise ValueError("cu_seq_q needs N + 1 entries, block_table N rows, seqused_k N entries")
    new = cu_seq_q.diff()
    if cu_seq_q[0] != 0 or cu_seq_q[-1] != len(query) or bool((new < 1).any()):
        raise ValueError("cu_seq_q must rise from 0 to the number of rows")
    if bool((seqused_k < new).any()):
        raise ValueError("a sequence has more rows than tokens in the cache")
    if int(new.max()) > max_q or int(seqused_k.max()) > max_k:
        raise ValueError("max_q or max_k is below the longest sequence")
    if int(seqused_k.max()) > block_table.shape[1] * key.shape[1]:
        raise ValueError("block_table has too few columns for seqused_k")
    if int(block_table.min()) < 0 or int(block_table.max()) >= len(key):
        raise ValueError("block_table names a page outside the pool")
