"""Arrays, tables and JSON to Python values and back, for functions that expect them.

The formats are those of SageMaker's inference toolkit. Nothing here unpickles: an array of
objects is refused, since reading one would run code of the sender's.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from typing import Any

import msgspec

from container.errors import NotAcceptable, PayloadTooLarge, UnsupportedMediaType
from container.protocols.fields import parse_json
from serving.errors import InvalidRequest

JSON = "application/json"
CSV = "text/csv"
NPY = "application/x-npy"
NPZ = "application/x-npz"
ENCODABLE = (JSON, CSV, NPY)
MAX_UNPACKED_BYTES = 512 * 1024 * 1024


def decode(body: str | bytes, content_type: str) -> Any:
    """The Python value of a body: an array, or for a JSON object a dict.

    Raises:
        UnsupportedMediaType: no decoder for the media type.
        InvalidRequest: the body is not what its media type says.
    """
    decoder = _DECODERS.get(content_type)
    if decoder is None:
        raise UnsupportedMediaType(
            f"media type {content_type[:80]!r} cannot be read; "
            f"send one of {', '.join(_DECODERS)}, or read it in input_fn"
        )
    try:
        return decoder(body)
    except InvalidRequest:
        raise
    except (ValueError, TypeError, KeyError, EOFError, OSError, MemoryError) as error:
        raise InvalidRequest(f"the body is no valid {content_type}") from error
    except zipfile.BadZipFile as error:
        raise InvalidRequest(f"the body is no valid {content_type}") from error


def encode(value: Any, accept: str) -> bytes:
    """A Python value as one of ENCODABLE.

    Raises:
        NotAcceptable: no encoder for the media type, or the value cannot be written in it.
    """
    encoder = _ENCODERS.get(accept)
    if encoder is None:
        raise NotAcceptable(
            f"media type {accept[:80]!r} cannot be written; "
            f"accept one of {', '.join(ENCODABLE)}, or write it in output_fn"
        )
    try:
        return encoder(value)
    except (ValueError, TypeError) as error:
        raise NotAcceptable(f"this answer cannot be written as {accept}") from error


def _decode_json(body: str | bytes) -> Any:
    """Numbers in lists become an array; anything else stays what JSON made of it."""
    import numpy as np

    value = parse_json(body)
    if isinstance(value, dict | str):
        return value
    try:
        array = np.array(value)
    except ValueError:  # lists of unequal lengths
        return value
    return value if array.dtype == object else array


def _decode_csv(body: str | bytes) -> Any:
    import numpy as np

    text = body.decode() if isinstance(body, bytes) else body
    return np.genfromtxt(io.StringIO(text), delimiter=",")


def _decode_npy(body: str | bytes) -> Any:
    import numpy as np

    return np.load(io.BytesIO(_as_bytes(body)), allow_pickle=False)


def _decode_npz(body: str | bytes) -> Any:
    """A sparse matrix as scipy saves it, or the arrays by name."""
    import numpy as np
    import scipy.sparse

    packed = io.BytesIO(_as_bytes(body))
    _check_unpacked_size(packed)
    with np.load(packed, allow_pickle=False) as arrays:
        if "format" not in arrays.files:
            return {name: arrays[name] for name in arrays.files}
    packed.seek(0)
    return scipy.sparse.load_npz(packed)


def _check_unpacked_size(packed: io.BytesIO) -> None:
    with zipfile.ZipFile(packed) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
    packed.seek(0)
    if unpacked > MAX_UNPACKED_BYTES:
        raise PayloadTooLarge(f"the archive unpacks to more than {MAX_UNPACKED_BYTES} bytes")


def _encode_json(value: Any) -> bytes:
    return msgspec.json.encode(value, enc_hook=_plain)


def _encode_csv(value: Any) -> bytes:
    import numpy as np

    text = io.StringIO()
    np.savetxt(text, np.atleast_1d(value), delimiter=",", fmt="%s")
    return text.getvalue().encode()


def _encode_npy(value: Any) -> bytes:
    import numpy as np

    packed = io.BytesIO()
    np.save(packed, np.asarray(value), allow_pickle=False)
    return packed.getvalue()


def _plain(value: Any) -> Any:
    """What JSON can write, of arrays and tensors."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"a {type(value).__name__} has no JSON form")


def _as_bytes(body: str | bytes) -> bytes:
    return body.encode() if isinstance(body, str) else body


_DECODERS: dict[str, Callable[[str | bytes], Any]] = {
    JSON: _decode_json,
    CSV: _decode_csv,
    NPY: _decode_npy,
    NPZ: _decode_npz,
}
_ENCODERS: dict[str, Callable[[Any], bytes]] = {
    JSON: _encode_json,
    CSV: _encode_csv,
    NPY: _encode_npy,
}
