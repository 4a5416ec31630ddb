"""What a file really is, by its first bytes: a pickle is a pickle under any name.

A safetensors file, a tokenizer, a licence are data. A pickle, an archive, a compiled file are
ways to bring code along, so none of them has a place in an artifact.
"""

from __future__ import annotations

import pickletools
import re
from pathlib import PurePosixPath

HEAD_BYTES = 64 * 1024
TAR_MAGIC = slice(257, 262)

REFUSED_SUFFIXES = {
    "a pickle of weights": (".bin", ".pt", ".pth", ".ckpt", ".pt2", ".nemo", ".mar"),
    "a pickle": (".pkl", ".pickle", ".p", ".dill", ".cloudpickle", ".joblib"),
    "weights of another format": (
        ".h5", ".hdf5", ".keras", ".msgpack", ".npy", ".npz", ".onnx", ".gguf", ".ggml", ".pb",
        ".tflite", ".mlmodel", ".ot", ".engine", ".plan",
    ),
    "compiled code": (".so", ".dylib", ".dll", ".exe", ".pyd", ".pyc", ".pyo", ".o", ".a", ".class",
                      ".jar", ".whl", ".egg"),
    "an archive": (".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".zst", ".lz4", ".7z", ".rar",
                   ".z"),
}  # fmt: skip

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "a zip archive (torch.save writes one around a pickle)"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"PK\x07\x08", "a zip archive in parts"),
    (b"\x89HDF\r\n", "an HDF5 file"),
    (b"\x93NUMPY", "a NumPy array, which may hold pickles"),
    (b"GGUF", "a GGUF file"),
    (b"\x7fELF", "a compiled program or library"),
    (b"MZ\x90", "a compiled program or library"),
    (b"\xcf\xfa\xed\xfe", "a compiled program or library"),
    (b"\xca\xfe\xba\xbe", "a compiled program or class"),
    (b"\x1f\x8b", "gzip data"),
    (b"BZh", "bzip2 data"),
    (b"\xfd7zXZ\x00", "xz data"),
    (b"\x5d\x00\x00", "lzma data"),
    (b"\x28\xb5\x2f\xfd", "zstandard data"),
    (b"\x04\x22\x4d\x18", "lz4 data"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a rar archive"),
    (b"ZF", "old joblib data"),
    (b"\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8", "an old torch pickle"),
)
_ZLIB = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")  # joblib compresses by it
_LOADS_CODE = frozenset(("GLOBAL", "INST", "STACK_GLOBAL", "EXT1", "EXT2", "EXT4"))
_IMPORT = re.compile(r"[A-Za-z_][\w.]* [A-Za-z_][\w.]*")
_LONGEST_OPCODES = 20_000


def refused_by_name(path: str) -> str | None:
    """What a file of this name is taken for, if that has no place in an artifact."""
    suffixes = [suffix.lower() for suffix in PurePosixPath(path).suffixes]
    for what, refused in REFUSED_SUFFIXES.items():
        if suffixes and suffixes[-1] in refused:
            return what
    return None


def refused_by_content(head: bytes) -> str | None:
    """What the first `HEAD_BYTES` of a file show it to be, if that has no place in an artifact."""
    for magic, what in _MAGIC:
        if head.startswith(magic):
            return what
    if head[TAR_MAGIC] == b"ustar":
        return "a tar archive"
    if head.startswith(_ZLIB) and not _is_text(head):
        return "zlib data (joblib compresses pickles by it)"
    return "a pickle" if is_pickle(head) else None


def is_pickle(head: bytes) -> bool:
    """Whether these first bytes begin a pickle: of protocol 2 and newer, or one that loads code.

    A pickle of protocol 0 or 1 that loads nothing cannot be told from text, and does no harm.
    """
    if len(head) > 1 and head[0] == 0x80 and 2 <= head[1] <= 5:
        return _opcodes(head)[0] > 1
    count, loads_code, goes_on = _opcodes(head)
    return loads_code and goes_on and count > 1


def _opcodes(head: bytes) -> tuple[int, bool, bool]:
    """Opcodes that can be read, whether they import, and whether they end well or beyond the head.

    Text that reads as opcodes by chance imports no names and ends in the middle.
    """
    count, loads_code = 0, False
    try:
        for opcode, argument, _ in pickletools.genops(head):
            count += 1
            if opcode.name in _LOADS_CODE:
                loads_code = True
                if isinstance(argument, str) and not _IMPORT.fullmatch(argument):
                    return count, False, False
            if count > _LONGEST_OPCODES:
                break
    except Exception as error:  # odd bytes can do anything to the reader
        unknown = "unknown" in str(error)
        return count, loads_code, len(head) >= HEAD_BYTES and not unknown
    return count, loads_code, True


def _is_text(head: bytes) -> bool:
    try:
        head[:512].decode("ascii")
    except UnicodeDecodeError:
        return False
    return True
