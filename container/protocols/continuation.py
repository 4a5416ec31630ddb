r"""The prompt of an answer that has begun: what stood before any answer, and then its own text.

    <|im_start|>user\nWhich?<|im_end|>\n<|im_start|>assistant\n   Paris is
    `------------- the template, as for any answer -----------' `- begun

The message that is gone on with does not pass through the template: so nothing of it is stripped,
folded away or closed, and the prompt is what it was when the model wrote that text.
"""

from __future__ import annotations

from serving.tokenizer import Message, Tokenizer

Prompt = str | list[int]

PROBE = "a"


def continuation_prompt(tokenizer: Tokenizer, messages: list[Message]) -> Prompt:
    """The prompt that goes on with the last of `messages` from its last character.

    Raises:
        InvalidRequest: the template refuses the messages before it.
    """
    *before, begun = messages
    text = tokenizer.render_chat(before, add_generation_prompt=True) + str(begun["content"])
    return _within_a_text(tokenizer, text) if text.endswith("\n") else text


def _within_a_text(tokenizer: Tokenizer, text: str) -> Prompt:
    """`text` in the tokens that it has when a word follows, if those are others than at an end.

    Many tokenizers make one token of the line breaks at a text's end, and two where a word comes
    after them. The model wrote the latter; given the former it would write a line break too many.
    """
    ids = tokenizer.encode(text)
    *within, last = tokenizer.encode(text + PROBE)
    same_text = tokenizer.decode(within) == tokenizer.decode(ids)
    if within == ids or not same_text or tokenizer.token_text(last) != PROBE:
        return text
    return within
