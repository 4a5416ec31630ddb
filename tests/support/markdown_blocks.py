"""The code blocks of a Markdown file, to be run as they stand."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def code_blocks(path: Path, language: str) -> list[str]:
    """The blocks of one language, in order; blocks without a language are no code."""
    text = path.read_text(encoding="utf-8")
    return [body for name, body in _BLOCK.findall(text) if name == language]


def as_script(path: Path, language: str, replaced: Mapping[str, str]) -> str:
    """All blocks of one language as one script: a later block may use what an earlier one set.

    Args:
        replaced: text of the document, such as an address, and what stands for it in a test. Each
            must be there.
    """
    blocks = code_blocks(path, language)
    assert blocks, f"{path} has no {language} blocks"
    script = "\n".join(blocks)
    for old, new in replaced.items():
        assert old in script, f"{path} does not mention {old}"
        script = script.replace(old, new)
    return script
