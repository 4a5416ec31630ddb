import pytest

from orchestrator_lambda.errors import StoreUnavailable
from orchestrator_lambda.history.codec import decode_text, encode_text


@pytest.mark.parametrize("text", ["", "a", "\x00", " \n ", "漢字 🎈 e\u0301", "x" * 3_000_000])
def test_a_text_comes_back_as_it_was(text: str) -> None:
    encoded = encode_text(text)

    assert decode_text(encoded.data, encoded.name) == text


def test_pieces_make_the_whole_at_every_length() -> None:
    encoded = encode_text("".join(chr(0x4E00 + n * 7919 % 20_000) for n in range(400_000)))

    assert encoded.in_object
    assert b"".join(encoded.chunks) == encoded.data
    assert max(map(len, encoded.chunks)) < 400 * 1024


@pytest.mark.parametrize("damage", [b"", b"junk", None])
def test_damage_is_noticed(damage: bytes | None) -> None:
    encoded = encode_text("some text")
    data = encode_text("another").data if damage is None else damage

    with pytest.raises(StoreUnavailable, match="checksum"):
        decode_text(data, encoded.name)
