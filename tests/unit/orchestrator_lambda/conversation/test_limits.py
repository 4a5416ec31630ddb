import pytest

from orchestrator_lambda.conversation.limits import check_text
from orchestrator_lambda.errors import InvalidRequest, PayloadTooLarge


@pytest.mark.parametrize("text", [None, 5, "", " \n", "\ud800"])
def test_texts_that_cannot_be_stored(text: object) -> None:
    with pytest.raises(InvalidRequest) as refused:
        check_text(text, param="content", limit=10)
    assert refused.value.param == "content"


def test_the_limit_counts_characters() -> None:
    assert check_text("🎈" * 10, param="content", limit=10) == "🎈" * 10
    with pytest.raises(PayloadTooLarge, match="11 characters; 10 are allowed"):
        check_text("🎈" * 11, param="content", limit=10)
