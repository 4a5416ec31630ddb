"""Content-Type and Accept."""

from __future__ import annotations

import pytest

from container.errors import NotAcceptable, UnsupportedMediaType
from container.media_types import choose, decode_text, parse_content_type
from serving.errors import InvalidRequest

SUPPORTED = ("application/json", "text/csv", "application/x-npy")


@pytest.mark.parametrize(
    ("header", "name", "charset"),
    [
        (None, "application/json", "utf-8"),
        ("", "application/json", "utf-8"),
        ("application/json", "application/json", "utf-8"),
        ("application/json; charset=utf-8", "application/json", "utf-8"),
        ('Application/JSON;charset="UTF-8"', "application/json", "utf-8"),
        ("text/csv; charset=latin-1; header=present", "text/csv", "iso8859-1"),
    ],
)
def test_parameters_do_not_change_the_media_type(
    header: str | None, name: str, charset: str
) -> None:
    media = parse_content_type(header)
    assert (media.name, media.charset) == (name, charset)


@pytest.mark.parametrize("header", ["json", "application/", "text/csv; charset=klingon"])
def test_what_is_no_media_type_is_415(header: str) -> None:
    with pytest.raises(UnsupportedMediaType):
        parse_content_type(header)


def test_text_is_decoded_by_its_charset_and_bytes_stay_bytes() -> None:
    assert decode_text("é".encode("latin-1"), parse_content_type("text/csv;charset=latin1")) == "é"
    assert decode_text(b"\x93NUMPY", parse_content_type("application/x-npy")) == b"\x93NUMPY"


@pytest.mark.parametrize("charset", ["hex", "rot13", "undefined"])
def test_a_codec_of_anything_but_text_is_415(charset: str) -> None:
    with pytest.raises(UnsupportedMediaType):
        decode_text(b"{}", parse_content_type(f"application/json; charset={charset}"))


def test_bytes_that_are_no_text_are_refused_with_their_position() -> None:
    with pytest.raises(InvalidRequest, match="position 1"):
        decode_text(b"a\xff", parse_content_type("application/json"))


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        (None, "application/json"),
        ("*/*", "application/json"),
        ("text/csv", "text/csv"),
        ("text/csv;q=0.5, application/x-npy", "application/x-npy"),
        ("text/html, text/*;q=0.3", "text/csv"),
        ("image/png, */*;q=0.1", "application/json"),
        ("application/*", "application/json"),
        ("text/csv;q=0, text/*, application/json;q=0.1", "application/json"),
        ("text/csv;q=much", "text/csv"),
    ],
)
def test_the_most_wanted_type_that_can_be_written_is_chosen(
    accept: str | None, chosen: str
) -> None:
    assert choose(accept, SUPPORTED, "application/json") == chosen


@pytest.mark.parametrize(
    "accept", ["image/png", "text/html;q=0.9", "audio/*", "*/*;q=0", "application/json;q=0"]
)
def test_nothing_acceptable_is_406(accept: str) -> None:
    with pytest.raises(NotAcceptable):
        choose(accept, SUPPORTED, "application/json")


def test_the_models_own_output_fn_gets_what_the_client_wants_most() -> None:
    assert choose("image/png, */*", None, "application/json") == "image/png"
    assert choose("image/*", None, "application/json") == "application/json"


def test_a_quality_of_zero_excludes() -> None:
    with pytest.raises(NotAcceptable):
        choose("text/csv;q=0, image/png", SUPPORTED, "application/json")
