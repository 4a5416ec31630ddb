"""What a model folder's tokenizer must be, and what is said when it is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from serving.errors import UnsupportedModel
from serving.tokenizer import Tokenizer


@pytest.mark.parametrize("content", [None, "{", "{}"], ids=["missing", "broken", "empty"])
def test_a_folder_without_a_usable_tokenizer_is_refused_in_one_line(
    tmp_path: Path, content: str | None
) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    if content is not None:
        (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(UnsupportedModel, match=r"tokenizer\.json") as caught:
        Tokenizer(tmp_path)
    assert str(tmp_path) in caught.value.message
    assert "\n" not in caught.value.message
