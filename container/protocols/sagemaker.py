"""The `{"inputs", "parameters", "stream"}` format of the Hugging Face containers: reading it."""

from __future__ import annotations

from typing import Any

from container.protocols.conversation import read_conversation
from container.protocols.fields import Fields
from container.protocols.request import GenerationRequest, Wire
from serving.errors import InvalidRequest
from serving.sampling_params import SamplingParams

DEFAULT_NEW_TOKENS = 100
SAMPLING_HINTS = ("temperature", "top_k", "top_p", "min_p")


def parse_inputs(body: dict[str, Any]) -> GenerationRequest:
    """A request in the `inputs` format; raises InvalidRequest, `param` naming the field."""
    fields = Fields(body)
    inputs = fields.raw("inputs")
    prompts = [inputs] if isinstance(inputs, str) else inputs
    if not isinstance(prompts, list) or not all(isinstance(text, str) for text in prompts):
        raise fields.wrong("inputs", "a string or a list of strings")
    if not prompts:
        raise InvalidRequest("inputs must hold at least one string", param="inputs")
    stream = fields.boolean("stream")
    if stream and len(prompts) > 1:
        raise InvalidRequest("a streamed request takes a single string", param="inputs")
    parameters = Fields(fields.mapping("parameters"), prefix="parameters.")
    _refuse_parameters(parameters)
    details = _wants_details(parameters, stream)
    return GenerationRequest(
        wire=Wire.INPUTS,
        prompts=list(prompts),
        sampling=_named_sampling(parameters, details),
        stream=stream,
        details=details,
        return_full_text=parameters.boolean("return_full_text"),
        cache_salt=fields.string("cache_salt"),
        conversation=read_conversation(fields),
        user=fields.string("user"),
        request_id=fields.string("request_id") if fields.has("request_id") else None,
    )


def _wants_details(parameters: Fields, stream: bool) -> bool:
    """Whether to describe every token; the prompt's are described only with the answer's."""
    prefill = parameters.boolean("decoder_input_details")
    if prefill and stream:
        raise InvalidRequest(
            "parameters.decoder_input_details is not streamed; leave stream out",
            param="parameters.decoder_input_details",
        )
    return parameters.boolean("details") or prefill


def _refuse_parameters(parameters: Fields) -> None:
    """What these containers know and this one does not do, named rather than ignored."""
    parameters.refuse("best_of", "one answer is made for each input", 1)
    parameters.refuse("num_beams", "beam search is not done", 1)
    parameters.refuse("num_return_sequences", "one answer is made for each input", 1)
    parameters.refuse("grammar", "answers are free text")
    parameters.refuse("tools", "tool calls are not done by this server")
    parameters.refuse("truncate", "shorten the text yourself")
    parameters.refuse("typical_p", "use top_p or min_p", 1, 1.0)
    parameters.refuse("watermark", "answers carry no watermark", False)


def _named_sampling(parameters: Fields, details: bool) -> SamplingParams:
    """Sampling settings; an error about a range names the field where the client wrote it."""
    try:
        return _sampling(parameters, details)
    except InvalidRequest as error:
        if error.param is None or error.param.startswith("parameters."):
            raise
        raise InvalidRequest(error.message, param=f"parameters.{error.param}") from None


def _sampling(parameters: Fields, details: bool) -> SamplingParams:
    top_tokens = parameters.integer("top_n_tokens", low=0)
    if top_tokens and not details:
        raise InvalidRequest(
            "parameters.top_n_tokens needs details: true", param="parameters.top_n_tokens"
        )
    return SamplingParams(
        max_tokens=parameters.integer("max_new_tokens", DEFAULT_NEW_TOKENS, low=0),
        temperature=_temperature(parameters),
        top_k=parameters.integer("top_k", 0, low=0) or 0,
        top_p=parameters.number("top_p", 1.0),
        min_p=parameters.number("min_p", 0.0),
        repetition_penalty=parameters.number("repetition_penalty", 1.0),
        frequency_penalty=parameters.number("frequency_penalty", 0.0),
        presence_penalty=parameters.number("presence_penalty", 0.0),
        seed=parameters.integer("seed"),
        stop=(*parameters.strings("stop"), *parameters.strings("stop_sequences")),
        ignore_eos=parameters.boolean("ignore_eos_token"),
        logprobs=(top_tokens or 0) if details else None,
        prompt_logprobs=0 if parameters.boolean("decoder_input_details") else None,
    )


def _temperature(parameters: Fields) -> float:
    """Greedy unless the request asks for sampling, by do_sample or by one of its settings."""
    hinted = any(parameters.has(name) for name in SAMPLING_HINTS)
    if not parameters.boolean("do_sample", hinted):
        return 0.0
    return parameters.number("temperature", 1.0)
