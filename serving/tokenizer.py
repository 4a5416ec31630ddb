"""Text to token ids and back, and the chat template: the client's side of the engine."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

from serving.errors import InvalidRequest, UnsupportedModel

Message = dict[str, Any]

REPLACEMENT = "\ufffd"
"""What decoders put in place of an incomplete character."""


class Tokenizer:
    """A checkpoint's tokenizer and chat template, loaded without any code of the checkpoint's.

    Thread-safe: the fast tokenizer's `encode` and the template hold no state between calls.
    """

    def __init__(self, path: str | Path) -> None:
        from transformers import AutoTokenizer, PreTrainedTokenizerFast

        try:
            loaded = AutoTokenizer.from_pretrained(
                str(path), trust_remote_code=False, local_files_only=True
            )
        except Exception as error:  # a missing or spoilt file fails in many ways, none of them ours
            reason = str(error).splitlines()[:1] or [type(error).__name__]
            raise UnsupportedModel(
                f"the tokenizer in {path} cannot be loaded ({reason[0]}); a model folder holds "
                "tokenizer.json and tokenizer_config.json beside its weights"
            ) from error
        if not isinstance(loaded, PreTrainedTokenizerFast):
            raise UnsupportedModel(
                f"the tokenizer in {path} has no tokenizer.json (fast form); save one with "
                "AutoTokenizer.from_pretrained(...).save_pretrained(...)"
            )
        self._hf = loaded
        self._use(loaded.backend_tokenizer)

    def _use(self, fast: Any) -> None:
        from tokenizers.decoders import ByteLevel

        self._fast = fast
        self._joins_bytes = isinstance(fast.decoder, ByteLevel)
        self._pieces: dict[int, str] = {}

    @property
    def vocab_size(self) -> int:
        """Ids are in [0, vocab_size)."""
        return len(self._hf)

    @property
    def has_chat_template(self) -> bool:
        """Whether `render_chat` can work."""
        return self._hf.chat_template is not None

    @property
    def special_tokens(self) -> frozenset[str]:
        """Texts of the added special tokens: the tokenizer always splits at them."""
        return frozenset(
            token.content for token in self._hf.added_tokens_decoder.values() if token.special
        )

    def encode(self, text: str, *, add_special_tokens: bool = False) -> list[int]:
        """Token ids of `text`; a rendered chat has its special tokens in the text already.

        Raises:
            InvalidRequest: the text holds half of a surrogate pair, which JSON can spell.
        """
        ids: list[int] = self._encoding(text, add_special_tokens).ids
        return ids

    def encode_with_ends(
        self, text: str, *, add_special_tokens: bool = False
    ) -> tuple[list[int], list[int]]:
        """Token ids of `text`, and the character at which each token ends; never falling.

        Raises what `encode` raises.
        """
        encoding = self._encoding(text, add_special_tokens)
        # Tokens that were put around the text stand nowhere in it: their offsets are 0.
        return encoding.ids, list(itertools.accumulate((end for _, end in encoding.offsets), max))

    def _encoding(self, text: str, add_special_tokens: bool) -> Any:
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise InvalidRequest(
                "the text holds half of a surrogate pair (\\ud800 to \\udfff alone); "
                "send both halves, or the character itself",
                param="messages",
            ) from error
        return self._fast.encode(text, add_special_tokens=add_special_tokens)

    def decode(self, token_ids: list[int], *, skip_special_tokens: bool = True) -> str:
        """Text of `token_ids`; an incomplete character at the end becomes U+FFFD."""
        text: str = self._fast.decode(token_ids, skip_special_tokens=skip_special_tokens)
        return text

    def piece(self, token_id: int) -> str:
        """What the token adds to any text of whole characters; "" where that is not certain.

        Certain are tokens of whole characters where decoding only joins bytes, as most decoders
        do: all others depend on their neighbours.
        """
        known = self._pieces.get(token_id)
        if known is None:
            text = self.decode([token_id]) if self._joins_bytes else ""
            known = self._pieces[token_id] = "" if REPLACEMENT in text else text
        return known

    def token_text(self, token_id: int) -> str:
        """Text of a single token, special ones shown, for logprobs."""
        return self.decode([token_id], skip_special_tokens=False)

    def render_chat(
        self,
        messages: list[Message],
        *,
        add_generation_prompt: bool = True,
        continue_final_message: bool = False,
        tools: list[dict[str, Any]] | None = None,
    ) -> str:
        """The prompt text of a conversation by the checkpoint's own chat template.

        Raises:
            InvalidRequest: no template in the checkpoint, or the template refuses the messages
                (an unknown role, roles that do not alternate).
        """
        from jinja2 import TemplateError

        if not self.has_chat_template:
            raise InvalidRequest(
                "this model has no chat template; send a text completion, or add "
                "chat_template.jinja to the model folder",
                param="messages",
            )
        try:
            return self._hf.apply_chat_template(  # type: ignore[return-value]
                messages,
                tools=tools,  # type: ignore[arg-type]
                tokenize=False,
                add_generation_prompt=add_generation_prompt,
                continue_final_message=continue_final_message,
            )
        except (TemplateError, ValueError, TypeError, KeyError) as error:
            raise InvalidRequest(
                f"the model's chat template refused the messages: {error}", param="messages"
            ) from error
