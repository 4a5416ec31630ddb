"""The four functions a model need not bring. `model/code/inference.py` shows the same ones."""

from __future__ import annotations

from typing import Any

from container.context import RequestContext
from container.toolbox import (
    GenerationRequest,
    generate,
    read_request,
    start_engine,
    write_reply,
)
from serving.engine.protocol import EngineClient


def model_fn(model_dir: str, context: RequestContext | None = None) -> EngineClient:
    """Start the engine on the checkpoint in `model_dir`; it goes on loading by itself."""
    return start_engine(model_dir)


def input_fn(body: str, content_type: str, context: RequestContext) -> GenerationRequest:
    """JSON to a request: OpenAI chat, OpenAI completion, or {"inputs", "parameters"}."""
    return read_request(body, content_type, context)


def predict_fn(data: GenerationRequest, model: EngineClient, context: RequestContext) -> Any:
    """Submit the request to the continuous batch; its tokens come while others' do."""
    return generate(data, model, context)


def output_fn(prediction: Any, accept: str, context: RequestContext) -> Any:
    """The answer as JSON, or as server-sent events if the request said `stream`."""
    return write_reply(prediction, accept, context)
