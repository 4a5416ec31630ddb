"""OpenAI's chat completions and completions: bodies to GenerationRequest.

Unknown fields are ignored, as OpenAI's own clients add new ones all the time; fields that would
change the answer and are not done here are refused by name.
"""

from __future__ import annotations

from typing import Any

from container.protocols.continuation import Prompt
from container.protocols.conversation import read_conversation
from container.protocols.fields import Fields, is_list_of_integers, name_of
from container.protocols.request import GenerationRequest, Wire
from container.protocols.sampling import read_sampling
from serving.errors import InvalidRequest
from serving.tokenizer import Message

ROLES = ("system", "developer", "user", "assistant", "tool")
DEFAULT_COMPLETION_TOKENS = 16
NO_TOOLS = "tool calls are not done by this server; leave the field out"


def parse_chat(body: dict[str, Any]) -> GenerationRequest:
    """A chat completion request; raises InvalidRequest, its `param` naming the field at fault."""
    fields = Fields(body)
    _refuse_chat_fields(fields)
    messages = _messages(fields)
    continue_final = _continue_final_message(fields, messages)
    stream = fields.boolean("stream")
    return GenerationRequest(
        wire=Wire.CHAT,
        messages=messages,
        sampling=read_sampling(
            fields, max_tokens=_chat_max_tokens(fields), logprobs=_chat_logprobs(fields)
        ),
        continue_final_message=continue_final,
        stream=stream,
        include_usage=_include_usage(fields, stream),
        **_common(fields),
    )


def parse_completion(body: dict[str, Any]) -> GenerationRequest:
    """A text completion request; raises InvalidRequest, its `param` naming the field at fault."""
    fields = Fields(body)
    fields.refuse("suffix", "text is generated after the prompt only", "")
    fields.refuse("best_of", "use n, and choose among the answers", 1, fields.raw("n"))
    max_tokens = fields.integer("max_tokens", DEFAULT_COMPLETION_TOKENS, low=0)
    logprobs = fields.integer("logprobs", low=0)
    echo = fields.boolean("echo")
    stream = fields.boolean("stream")
    return GenerationRequest(
        wire=Wire.COMPLETION,
        prompts=_prompts(fields),
        sampling=read_sampling(
            fields,
            max_tokens=max_tokens,
            logprobs=logprobs,
            prompt_logprobs=logprobs if echo else None,
        ),
        echo=echo,
        stream=stream,
        include_usage=_include_usage(fields, stream),
        **_common(fields),
    )


def _common(fields: Fields) -> dict[str, Any]:
    """What both formats read alike. `model` may be anything: one server serves one model."""
    fields.string("model")
    request_id = fields.string("request_id") if fields.has("request_id") else None
    return {
        "n": fields.integer("n", 1, low=1),
        "cache_salt": fields.string("cache_salt"),
        "conversation": read_conversation(fields),
        "user": fields.string("user"),
        "request_id": request_id,
    }


def _refuse_chat_fields(fields: Fields) -> None:
    fields.refuse("tools", NO_TOOLS, [])
    fields.refuse("functions", NO_TOOLS, [])
    fields.refuse("tool_choice", NO_TOOLS, "none", "auto")
    fields.refuse("function_call", NO_TOOLS, "none", "auto")
    fields.refuse("response_format", "answers are text", {"type": "text"})
    fields.refuse("modalities", "answers are text", ["text"])
    fields.refuse("audio", "answers are text")


def _messages(fields: Fields) -> list[Message]:
    messages = fields.raw("messages")
    if not isinstance(messages, list):
        raise fields.wrong("messages", "a list of messages")
    if not messages:
        raise InvalidRequest("messages must hold at least one message", param="messages")
    return [_message(index, message) for index, message in enumerate(messages)]


def _message(index: int, message: object) -> Message:
    """One message with its content as text. `developer` is the newer name of `system`."""
    if not isinstance(message, dict):
        raise InvalidRequest(
            f"messages[{index}] must be an object with role and content, got {name_of(message)}",
            param=f"messages[{index}]",
        )
    fields = Fields(message, prefix=f"messages[{index}].")
    fields.refuse("tool_calls", NO_TOOLS, [])
    fields.refuse("function_call", NO_TOOLS)
    role = fields.string("role")
    if role not in ROLES:
        raise InvalidRequest(
            f"{fields.param('role')} must be one of {', '.join(ROLES)}, got {role[:40]!r}",
            param=fields.param("role"),
        )
    return {"role": "system" if role == "developer" else role, "content": _content(fields)}


def _content(fields: Fields) -> str:
    """Content as one text; the parts of a list are joined by line breaks."""
    content = fields.raw("content")
    if isinstance(content, str):
        return content
    if not isinstance(content, list) or not content:
        raise fields.wrong("content", "a string or a list of text parts")
    return "\n".join(_text_part(fields, at, part) for at, part in enumerate(content))


def _text_part(fields: Fields, at: int, part: object) -> str:
    param = f"{fields.param('content')}[{at}]"
    if not isinstance(part, dict) or not isinstance(part.get("type"), str):
        raise InvalidRequest(f"{param} must be an object with type and text", param=param)
    if part["type"] != "text":
        raise InvalidRequest(
            f"{param} is of type {part['type'][:40]!r}; this model reads text only", param=param
        )
    return _required_text(part, param)


def _required_text(part: dict[str, Any], param: str) -> str:
    text = part.get("text")
    if not isinstance(text, str):
        raise InvalidRequest(
            f"{param}.text must be a string, got {name_of(text)}", param=f"{param}.text"
        )
    return text


def _chat_max_tokens(fields: Fields) -> int | None:
    """max_completion_tokens, or its old name max_tokens; None for all that fit."""
    new = fields.integer("max_completion_tokens", low=0)
    old = fields.integer("max_tokens", low=0)
    if new is not None and old is not None and new != old:
        raise InvalidRequest(
            "give max_completion_tokens or max_tokens, not both", param="max_completion_tokens"
        )
    return old if new is None else new


def _chat_logprobs(fields: Fields) -> int | None:
    """How many alternatives to report; None without `logprobs: true`."""
    wanted = fields.boolean("logprobs")
    alternatives = fields.integer("top_logprobs", low=0)
    if alternatives and not wanted:
        raise InvalidRequest("top_logprobs needs logprobs: true", param="top_logprobs")
    return (alternatives or 0) if wanted else None


def _continue_final_message(fields: Fields, messages: list[Message]) -> bool:
    """Whether to go on with the last message; `add_generation_prompt` must say the opposite."""
    wanted = fields.boolean("continue_final_message")
    if fields.boolean("add_generation_prompt", not wanted) is wanted:
        raise InvalidRequest(
            "continue_final_message and add_generation_prompt exclude each other; one must be true",
            param="add_generation_prompt",
        )
    if wanted and messages[-1]["role"] != "assistant":
        raise InvalidRequest(
            "continue_final_message needs a last message of the assistant",
            param="continue_final_message",
        )
    if wanted and len(messages) == 1:
        raise InvalidRequest(
            "continue_final_message needs a message before the one to go on with",
            param="continue_final_message",
        )
    return wanted


def _include_usage(fields: Fields, stream: bool) -> bool:
    options = Fields(fields.mapping("stream_options"), prefix="stream_options.")
    if fields.has("stream_options") and not stream:
        raise InvalidRequest("stream_options needs stream: true", param="stream_options")
    return options.boolean("include_usage")


def _prompts(fields: Fields) -> list[Prompt]:
    """A text, several texts, token ids, or several lists of token ids."""
    prompt = fields.raw("prompt")
    if isinstance(prompt, str):
        return [prompt]
    if is_list_of_integers(prompt) and prompt:
        return [prompt]
    if not isinstance(prompt, list) or not prompt:
        raise fields.wrong("prompt", "a string, token ids, or a list of either")
    texts = all(isinstance(item, str) for item in prompt)
    if not texts and not all(is_list_of_integers(item) and item for item in prompt):
        raise InvalidRequest(
            "the items of prompt must all be strings or all be lists of token ids", param="prompt"
        )
    return list(prompt)
