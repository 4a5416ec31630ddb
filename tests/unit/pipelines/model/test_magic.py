"""A pickle is a pickle under any name, and text is text."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import pickle
import tarfile
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pytest

from pipelines.model.magic import HEAD_BYTES, is_pickle, refused_by_content, refused_by_name

ROOT = Path(__file__).parents[4]


class Evil:
    """Runs a command when it is loaded."""

    def __init__(self, command: str = "true") -> None:
        self.command = command

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (self.command,)


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    "thing",
    [Evil(), [Evil()] * 3, {"state": Evil()}, Evil("x" * 200_000), [Evil(), list(range(90_000))]],
    ids=["bare", "list", "dict", "long command", "long list"],
)
def test_every_protocol_of_a_pickle_that_loads_code(protocol: int, thing: object) -> None:
    head = pickle.dumps(thing, protocol=protocol)[:HEAD_BYTES]
    assert refused_by_content(head) == "a pickle"


@pytest.mark.parametrize("protocol", range(2, 6))
def test_the_frame_may_be_left_out(protocol: int) -> None:
    assert is_pickle(pickle.dumps(Evil(), protocol=protocol)[2:])


@pytest.mark.parametrize("protocol", range(2, 6))
def test_harmless_pickles_have_no_place_either(protocol: int) -> None:
    assert is_pickle(pickle.dumps({"weights": [1.0] * 50_000}, protocol=protocol)[:HEAD_BYTES])


def test_a_pickle_written_by_hand() -> None:
    assert is_pickle(b"I1\n0cos\nsystem\n(S'id'\ntR.")


def zipped() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Evil()))
    return target.getvalue()


def tarred() -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("pickle"), io.BytesIO())
    return target.getvalue()


FOREIGN = [
    (zipped(), "zip"),
    (tarred(), "tar"),
    (gzip.compress(b"x"), "gzip"),
    (bz2.compress(b"x"), "bzip2"),
    (lzma.compress(b"x"), "xz"),
    (zlib.compress(pickle.dumps(Evil())), "zlib"),
    (b"\x89HDF\r\n\x1a\n" + bytes(50), "HDF5"),
    (b"\x93NUMPY\x01\x00", "NumPy"),
    (b"GGUF\x03\x00", "GGUF"),
    (b"\x7fELF\x02", "program"),
]
NAMES = [what for _, what in FOREIGN]  # contents hold the time of day, and would make other names


@pytest.mark.parametrize(("content", "what"), FOREIGN, ids=NAMES)
def test_wrappings_and_foreign_formats(content: bytes, what: str) -> None:
    assert what in (refused_by_content(content) or "")


@pytest.mark.parametrize(
    "text",
    [
        b"", b"{", b'{"a": 1}', b"[1, 2]", b"(c) 2026\n", b"import os\n", b"class A:\n  pass\n",
        b"charset-normalizer==3\nidna==3\n.", b"x^y = 1\n", b"N.\n",
        b"\n\x0e\n\x05<unk>\x15\x00\x00\x00\x00\x18\x02", b"i am\na readme.\n", b"\x80",
        "Grüße".encode(), b"P\n.", b"---\nlicense: mit\n---\n",
    ],
)  # fmt: skip
def test_text_and_tokenizers_are_no_pickles(text: bytes) -> None:
    assert refused_by_content(text) is None


def test_no_file_of_this_project_looks_like_a_pickle() -> None:
    for folder in ("serving", "pipelines", "docs", "model"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in (".py", ".md", ".toml", ".json"):
                assert refused_by_content(path.read_bytes()[:HEAD_BYTES]) is None, path


@pytest.mark.parametrize(
    "name",
    [
        "pytorch_model.bin", "a/b.PT", "x.pth", "x.ckpt", "x.pkl", "x.pickle", "x.joblib", "x.h5",
        "x.msgpack", "x.npy", "x.npz", "x.gguf", "x.so", "x.pyc", "x.zip", "x.tar.gz", "x.whl",
    ],
)  # fmt: skip
def test_names_that_have_no_place(name: str) -> None:
    assert refused_by_name(name)


@pytest.mark.parametrize(
    "name", ["model.safetensors", "tokenizer.model", "a.bin.json", "merges.txt", ".bin", "LICENSE"]
)
def test_names_that_do(name: str) -> None:
    assert refused_by_name(name) is None
