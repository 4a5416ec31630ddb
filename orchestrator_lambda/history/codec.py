"""A text as it is stored: compressed; in the item, in pieces beside it, or in S3.

    compressed size   <= INLINE        <= CHUNKED                     more
    where             in the message   items of CHUNK bytes beside    an object in S3

An item may hold 400 KB, but every change of a message costs units by the size of its whole item:
so only short texts are in it. Pieces and objects are named by the text's hash and never change:
they are written before the transaction that points to them, as often as need be.
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass

from orchestrator_lambda.errors import StoreUnavailable

INLINE = 24_000
CHUNK = 96_000
CHUNKED = 300_000
_LEVEL = 6


@dataclass(frozen=True)
class EncodedText:
    """A compressed text and its name.

    Attributes:
        data: compressed bytes.
        name: the first half of the sha256 of the text, in hexadecimal.
    """

    data: bytes
    name: str

    @property
    def inline(self) -> bool:
        """Whether it goes into the message's own item."""
        return len(self.data) <= INLINE

    @property
    def chunks(self) -> list[bytes]:
        """Its pieces, for where it is stored in pieces."""
        return [self.data[start : start + CHUNK] for start in range(0, len(self.data), CHUNK)]

    @property
    def in_object(self) -> bool:
        """Whether it goes to S3; where there is no bucket it stays in pieces."""
        return len(self.data) > CHUNKED


def encode_text(text: str) -> EncodedText:
    """Compress and name a text."""
    raw = text.encode()
    return EncodedText(zlib.compress(raw, _LEVEL), _name(raw))


def decode_text(data: bytes, name: str) -> str:
    """The reverse.

    Raises:
        StoreUnavailable: the bytes are not those that were stored.
    """
    try:
        raw = zlib.decompress(data)
    except zlib.error:
        raw = b""
    if _name(raw) != name:
        raise StoreUnavailable("a stored message does not match its checksum")
    return raw.decode()


def _name(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()[:32]
