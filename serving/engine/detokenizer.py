"""Token ids to text as they come, never half a character; the text is the whole's, in pieces.

    ids:   [ context      | pending                        ]
    text:  [ context text | given | settled, new | unsure  ]

At each token context and pending ids are decoded together, and what lies beyond the context's
text and was not given yet is new. Replacement characters at its end are unsure: the next bytes
may turn them into a character. Once nothing is unsure, the pending ids become the context. So a
token costs two decodings of a few ids, however long the answer; and none at all where its text is
known to be the same in any context.

The context matters because decoders look to the left: sentencepiece ones drop the space before
the first token of what they decode, WordPiece ones put none before it. It starts as the end of
the prompt; an answer to the ids of "Hello," therefore begins with the space of " world", which
decoding the answer alone may drop.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import islice

from serving.tokenizer import REPLACEMENT, Tokenizer

_CHARACTER_BYTES = 4
"""A character of UTF-8 has at most so many bytes, and tokens."""

_PROMPT_CONTEXT = 8
"""Ids of the prompt to decode along, and up to three more where these begin in a character."""

_MAX_PENDING = 32
"""Ids kept while nothing settles, as in an endless row of broken bytes."""


class IncrementalDecoder:
    """Decodes one sequence's output, token by token.

    The pieces joined equal `decode_continuation` of the whole. The one exception is a
    byte-fallback tokenizer (Llama 2) whose bytes break off after a complete character: decoding
    the whole then spoils that character too, while here it stays as it was given.
    """

    def __init__(self, tokenizer: Tokenizer, prompt_token_ids: Sequence[int]) -> None:
        self._tokenizer = tokenizer
        self._set_context(_prompt_context(tokenizer, prompt_token_ids))
        self.has_partial_character = False

    def push(self, token_id: int) -> str:
        """The text that is settled by one more token; special tokens have none."""
        if not self._pending:
            piece = self._tokenizer.piece(token_id)
            if piece:  # the same as below, without decoding anything
                self._context, self._context_text = [token_id], piece
                return piece
        self._pending.append(token_id)
        text = self._text_of(self._pending)
        settled = len(text.rstrip(REPLACEMENT))
        self.has_partial_character = settled < len(text)
        piece = text[self._given : settled]
        self._given += len(piece)
        if piece and not self.has_partial_character:
            self._set_context(self._pending)
        elif len(self._pending) > _MAX_PENDING:
            piece += self._drop_oldest(text)
        return piece

    def finish(self) -> str:
        """What was held back: an incomplete character shows as U+FFFD, as in the whole."""
        rest = self._text_of(self._pending)[self._given :]
        self._set_context(self._pending)
        self.has_partial_character = False
        return rest

    def _set_context(self, token_ids: list[int]) -> None:
        self._context = token_ids
        self._context_text = self._tokenizer.decode(token_ids)
        self._pending: list[int] = []
        self._given = 0

    def _text_of(self, token_ids: list[int]) -> str:
        return _text_after(self._tokenizer, self._context, self._context_text, token_ids)

    def _drop_oldest(self, text: str) -> str:
        """Give up all pending ids but the last few, where they can be parted without a change."""
        for size in range(1, _CHARACTER_BYTES + 1):
            head = self._text_of(self._pending[:-size])
            if head + self._text_of(self._pending[-size:]) == text:
                piece = head[self._given :]
                self._given = max(0, self._given - len(head))
                self._pending = self._pending[-size:]
                return piece
        return ""


def decode_continuation(
    tokenizer: Tokenizer, prompt_token_ids: Sequence[int], token_ids: list[int]
) -> str:
    """Text that `token_ids` add to the prompt's, special tokens skipped."""
    context = _prompt_context(tokenizer, prompt_token_ids)
    return _text_after(tokenizer, context, tokenizer.decode(context), token_ids)


@lru_cache(maxsize=8)
def special_token_ids(tokenizer: Tokenizer) -> frozenset[int]:
    """Ids of the tokens that have no text in an answer."""
    encoded = (tokenizer.encode(text) for text in tokenizer.special_tokens)
    return frozenset(ids[0] for ids in encoded if len(ids) == 1)


def _text_after(
    tokenizer: Tokenizer, context: list[int], context_text: str, token_ids: list[int]
) -> str:
    """What `token_ids` add to the text of `context`.

    Where they change how the context reads (broken bytes next to its end), that has been given
    already and stays; they are then read on their own.
    """
    text = tokenizer.decode(context + token_ids)
    if text.startswith(context_text):
        return text[len(context_text) :]
    return tokenizer.decode(token_ids)


def _prompt_context(tokenizer: Tokenizer, prompt_token_ids: Sequence[int]) -> list[int]:
    """The prompt's last ids that have text, enough of them to begin with a whole character."""
    silent = special_token_ids(tokenizer)
    spelled = (token_id for token_id in reversed(prompt_token_ids) if token_id not in silent)
    longest = _PROMPT_CONTEXT + _CHARACTER_BYTES - 1
    last = list(islice(spelled, longest))[::-1]
    for size in range(_PROMPT_CONTEXT, longest):
        if not tokenizer.decode(last[-size:]).startswith(REPLACEMENT):
            return last[-size:]
    return last
