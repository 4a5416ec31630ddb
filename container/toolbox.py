"""What a model's own inference.py may import: the pieces that the default functions are made of."""

from __future__ import annotations

import os
from typing import Any

from container.answers import Reply, write_answer
from container.context import RequestContext
from container.errors import UnsupportedMediaType
from container.generation import Generation, generate
from container.media_types import JSON
from container.protocols.dispatch import parse_body
from container.protocols.request import GenerationRequest
from serving.engine.protocol import EngineClient
from serving.sampling_params import SamplingParams

__all__ = [
    "Generation",
    "GenerationRequest",
    "Reply",
    "RequestContext",
    "SamplingParams",
    "generate",
    "read_request",
    "start_engine",
    "write_reply",
]


def start_engine(model_dir: str) -> EngineClient:
    """The engine in a process of its own, loading the checkpoint in `model_dir`.

    Raises:
        ConfigError: a setting of the engine is wrong.
    """
    from serving.config import EngineConfig
    from serving.engine.client import ProcessEngineClient

    return ProcessEngineClient.start(EngineConfig.from_env(model_dir, os.environ))


def read_request(
    body: str | bytes, content_type: str, context: RequestContext
) -> GenerationRequest:
    """The request in a JSON body: OpenAI chat, OpenAI completion, or the `inputs` format.

    Raises:
        InvalidRequest: the body is wrong; `param` names the field.
    """
    if content_type != JSON:
        raise UnsupportedMediaType(f"send {JSON}; {content_type[:80]!r} cannot be read")
    return parse_body(body, context.route)


def write_reply(prediction: Any, accept: str, context: RequestContext) -> Reply:
    """The answer in the format of the request that `read_request` read.

    The prediction may be what `generate` returned, a stream of the engine, a text, or an iterator
    of texts or outputs; other values are written in the media type `accept`.
    """
    return write_answer(prediction, accept, context, context.engine)
