import pytest

from orchestrator_lambda.turns.titles import clean_title


@pytest.mark.parametrize(
    ("written", "title"),
    [
        ("A Talk about Rivers", "A Talk about Rivers"),
        ('"A Talk about Rivers."', "A Talk about Rivers"),
        ("Title: **Rivers**\nand more", "Rivers"),
        ("\n\n  Rivers  \n", "Rivers"),
        ("", ""),
        ("***", ""),
        ("word " * 30, ""),
        ("x" * 500, "x" * 200),
    ],
)
def test_a_title_is_one_plain_line(written: str, title: str) -> None:
    assert clean_title(written) == title


def test_the_first_message_is_clipped_to_a_title() -> None:
    assert clean_title("word " * 30, clip=True) == " ".join(["word"] * 12) + "…"
