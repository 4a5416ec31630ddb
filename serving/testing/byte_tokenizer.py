"""A tokenizer without a model: one token for each byte of UTF-8."""

from __future__ import annotations

from typing import Any

import tokenizers
from tokenizers import decoders, models, pre_tokenizers

from serving.errors import InvalidRequest
from serving.tokenizer import Message, Tokenizer

IM_START = "<|im_start|>"
IM_END = "<|im_end|>"
END_OF_TEXT = "<|endoftext|>"
SPECIAL_TOKENS = (IM_START, IM_END, END_OF_TEXT)
BYTE_COUNT = 256


class ByteTokenizer(Tokenizer):
    """Ids 0..255 are the bytes of UTF-8, then come three special tokens; ChatML is its template.

    It runs on the same fast-tokenizer machinery as a checkpoint's tokenizer, incremental decoding
    included, so that a character of several bytes is incomplete until its last token arrived.
    """

    def __init__(self) -> None:
        self._use(_build_byte_level())

    @property
    def vocab_size(self) -> int:
        """256 bytes and the special tokens."""
        return BYTE_COUNT + len(SPECIAL_TOKENS)

    @property
    def has_chat_template(self) -> bool:
        """Always: ChatML."""
        return True

    @property
    def special_tokens(self) -> frozenset[str]:
        """Texts of the special tokens."""
        return frozenset(SPECIAL_TOKENS)

    @property
    def eos_token_id(self) -> int:
        """Id of the token that ends a turn."""
        return BYTE_COUNT + SPECIAL_TOKENS.index(IM_END)

    def render_chat(
        self,
        messages: list[Message],
        *,
        add_generation_prompt: bool = True,
        continue_final_message: bool = False,
        tools: list[dict[str, Any]] | None = None,
    ) -> str:
        """ChatML of the messages; `tools` have no place in it.

        Raises:
            InvalidRequest: there are no messages.
        """
        if not messages:
            raise InvalidRequest("messages must not be empty", param="messages")
        turns = [f"{IM_START}{m['role']}\n{m['content']}{IM_END}\n" for m in messages]
        if continue_final_message:
            turns[-1] = turns[-1].removesuffix(f"{IM_END}\n")
        elif add_generation_prompt:
            turns.append(f"{IM_START}assistant\n")
        return "".join(turns)


def _build_byte_level() -> tokenizers.Tokenizer:
    """A byte-level BPE with no merges, its vocabulary in the order of the bytes."""
    vocab = {character: byte for byte, character in enumerate(_characters_of_bytes())}
    tokenizer = tokenizers.Tokenizer(models.BPE(vocab=vocab, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(list(SPECIAL_TOKENS))
    return tokenizer


def _characters_of_bytes() -> list[str]:
    """The printable stand-in that byte-level tokenizers write for each byte value."""
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    characters: list[str] = []
    substitute = BYTE_COUNT
    for byte in range(BYTE_COUNT):
        if byte in printable:
            characters.append(chr(byte))
        else:
            characters.append(chr(substitute))
            substitute += 1
    return characters
