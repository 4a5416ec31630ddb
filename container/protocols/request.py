"""A request to generate text, whatever wire format it came in."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass, field

from container.protocols.continuation import Prompt, continuation_prompt
from serving.errors import InvalidRequest
from serving.sampling_params import SamplingParams
from serving.tokenizer import Message, Tokenizer

MAX_SEQUENCES = 64
REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")


class Wire(enum.StrEnum):
    """The wire format that a request came in, and that its answer goes out in."""

    CHAT = "chat"
    COMPLETION = "completion"
    INPUTS = "inputs"


@dataclass(slots=True, kw_only=True)
class GenerationRequest:
    """What the default input_fn makes of a body, and what predict_fn may read and change.

    A chat has `messages`; the other formats have `prompts`. Each prompt is answered `n` times.

    Attributes:
        prompts: texts or token ids; ignored when there are messages.
        stream: answer with server-sent events.
        include_usage: the client asked for a chunk with the usage at the end of the stream.
        continue_final_message: go on with the last message, of the assistant, from its last
            character, instead of beginning a new one. The answer is the new text alone.
        cache_salt: KV blocks are shared only under equal salts.
        conversation: the name of the conversation that the request belongs to, if the body has it.
        user: the client's own name for who asks.
        request_id: the client's own name for the request.
        echo: put the prompt before the answer, its log-probabilities before the answer's
            (completions).
        return_full_text: put the prompt before the answer (`inputs` format).
        details: describe every token (`inputs` format).
    """

    wire: Wire
    sampling: SamplingParams
    messages: list[Message] = field(default_factory=list)
    prompts: list[Prompt] = field(default_factory=list)
    n: int = 1
    stream: bool = False
    include_usage: bool = False
    continue_final_message: bool = False
    cache_salt: str = ""
    conversation: str = ""
    user: str = ""
    request_id: str | None = None
    echo: bool = False
    return_full_text: bool = False
    details: bool = False

    def __post_init__(self) -> None:
        sequences = self.n * max(1, len(self.prompts))
        if sequences > MAX_SEQUENCES:
            raise InvalidRequest(
                f"one request makes at most {MAX_SEQUENCES} answers, this one asks for "
                f"{sequences} (prompts times n)",
                param="n",
            )
        if self.request_id is not None and not REQUEST_ID.fullmatch(self.request_id):
            raise InvalidRequest(
                "request_id must be 1 to 128 letters, digits or . _ : -", param="request_id"
            )

    def render(self, tokenizer: Tokenizer) -> list[Prompt]:
        """The prompts as the engine takes them.

        A chat becomes text by the model's template, which writes the special tokens itself; plain
        text becomes token ids, with the special tokens that the tokenizer puts around a text.

        Raises:
            InvalidRequest: the template refuses the messages.
        """
        if not self.messages:
            return [
                tokenizer.encode(text, add_special_tokens=True) if isinstance(text, str) else text
                for text in self.prompts
            ]
        if self.continue_final_message:
            return [continuation_prompt(tokenizer, self.messages)]
        return [tokenizer.render_chat(self.messages, add_generation_prompt=True)]
