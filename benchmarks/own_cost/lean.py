"""A client that does as little as one can, on the machine where the server is measured.

Endpoints have their clients elsewhere. Here a client's work is taken from the same two cores, and
the load generator's, which decodes each event and notes its time, is half of the server's or more.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from benchmarks.errors import PeerFailed

_PATH = "/v1/chat/completions"
_TOKENS = re.compile(rb'"completion_tokens":(\d+)')
_SHOWN = 300  # bytes of an answer that is none


def tokens_per_second(url: str, bodies: Sequence[Mapping[str, object]]) -> float:
    """Output tokens a second of streamed answers to all bodies at once.

    Args:
        url: base address, without `/v1`.
        bodies: of chat completion requests that stream.

    Raises:
        PeerFailed: an answer was refused, or did not end with its usage.
    """
    return asyncio.run(_measure(url, bodies))


async def _measure(url: str, bodies: Sequence[Mapping[str, object]]) -> float:
    began = time.perf_counter()
    tokens = await asyncio.gather(*(_answer(url, body) for body in bodies))
    return sum(tokens) / (time.perf_counter() - began)


async def _answer(url: str, body: Mapping[str, object]) -> int:
    address = urlsplit(url)
    content = json.dumps(body).encode()
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        writer.write(_head(address.netloc, len(content)) + content)
        answer = await reader.read()  # to the end
    finally:
        writer.close()
    return _tokens_of(answer)


def _head(host: str, length: int) -> bytes:
    lines = (
        f"POST {_PATH} HTTP/1.1",
        f"Host: {host}",
        "Content-Type: application/json",
        f"Content-Length: {length}",
        "Connection: close",
    )
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode()


def _tokens_of(answer: bytes) -> int:
    """Output tokens that the answer's last chunk tells of."""
    usages = _TOKENS.findall(answer)
    if b" 200 " not in answer.partition(b"\r\n")[0] or not usages:
        raise PeerFailed(f"no whole answer: {answer[:_SHOWN].decode(errors='replace')}")
    return int(usages[-1])
