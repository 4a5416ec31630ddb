"""The manifest is the same for the same files, and notices any other."""

from __future__ import annotations

import hashlib
import json

import pytest

from pipelines.model.manifest import Entry, differences, digest, parse, render

FILES = {"b": Entry("22", 2), "a": Entry("11", 1)}


def test_the_digest_is_over_sorted_lines() -> None:
    assert digest(FILES) == hashlib.sha256(b"11  1  a\n22  2  b\n").hexdigest()


def test_the_order_of_files_changes_nothing() -> None:
    assert render(FILES) == render(dict(reversed(FILES.items())))


def test_there_and_back() -> None:
    assert parse(render(FILES)) == FILES
    assert json.loads(render(FILES))["total_bytes"] == 3


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"files": []}', b'{"files": {"a": {}}}', b"\xff"]
)
def test_what_is_no_manifest(content: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse(content)


def test_a_list_that_was_edited_does_not_agree_with_itself() -> None:
    edited = render(FILES).replace(b'"11"', b'"12"')
    with pytest.raises(ValueError, match="does not agree"):
        parse(edited)


def test_differences() -> None:
    found = {"a": Entry("11", 1), "c": Entry("33", 3)}
    assert differences(FILES, found) == ["b is missing", "c is not listed"]
    assert differences(FILES, FILES) == []
    assert differences(FILES, FILES | {"a": Entry("12", 1)}) == ["a was changed"]
