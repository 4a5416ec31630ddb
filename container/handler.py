"""The model's functions, resolved and run: bytes in, reply out.

    body -> input_fn -> predict_fn -> output_fn -> Reply        or: body -> transform_fn -> Reply

Functions that the model does not bring are built in: those of `defaults.py` when model_fn returned
an engine, those of SageMaker's toolkit when it returned anything else.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

from sagemaker_inference.errors import BaseInferenceToolkitError, UnsupportedFormatError

from container import codecs, defaults
from container.answers import Reply, plain_reply
from container.context import RequestContext
from container.engine_scope import RequestEngine
from container.errors import InvalidJson, UserCodeError
from container.lanes import BatchedLane, CompatibilityLane, Lane, settled
from container.logs import log_failure
from container.media_types import EVENT_STREAM, choose, decode_text, parse_content_type
from container.protocols.request import GenerationRequest
from container.settings import ContainerSettings
from container.user_code import HandlerFunction, handler_function, load_user_functions
from serving.engine.protocol import EngineClient
from serving.errors import ConfigError, KeepwarmError

log = logging.getLogger("keepwarm.handler")

TRIO = ("input_fn", "predict_fn", "output_fn")
ENGINE_METHODS = ("submit", "stats", "drain", "shutdown")
# What a user's function may raise on purpose, and how a generator of its is told to end.
EXPECTED = (KeepwarmError, BaseInferenceToolkitError, UnsupportedFormatError, GeneratorExit)
UNREADABLE = (json.JSONDecodeError, UnicodeDecodeError)


class Handler:
    """Holds the model and its functions. `load` once, then `answer` from any thread."""

    def __init__(self, settings: ContainerSettings) -> None:
        self._settings = settings
        self._functions: dict[str, HandlerFunction] = {}
        self._model: Any = None
        self._lane: Lane = BatchedLane()

    @property
    def engine(self) -> EngineClient | None:
        """The engine that model_fn returned; None before, and in the compatibility lane."""
        return self._model if is_engine(self._model) else None

    def load(self) -> None:
        """Find the functions, load the model, choose the lane.

        Raises:
            ConfigError: the model's code cannot be used.
            Exception: whatever the model's own model_fn raises.
        """
        functions = load_user_functions(self._settings)
        model_dir = str(self._settings.model_path)
        model_fn = functions.get("model_fn") or _built_in(defaults, "model_fn")
        if "pre_model_fn" in functions:
            functions["pre_model_fn"](model_dir)
        model = settled(model_fn(model_dir, context=self._start_context()))
        if "model_warmup_fn" in functions:
            functions["model_warmup_fn"](model_dir, model)
        self._choose_lane(model)
        self._functions = {"model_fn": model_fn, **self._complete(functions, model)}
        self._model = model
        self._log_functions()

    def _choose_lane(self, model: Any) -> None:
        if not is_engine(model):
            self._lane = CompatibilityLane(self._settings.compat_concurrent)

    def _start_context(self) -> RequestContext:
        return RequestContext(model_dir=self._settings.model_path)

    def _complete(
        self, functions: dict[str, HandlerFunction], model: Any
    ) -> dict[str, HandlerFunction]:
        """The model's functions with the built-in ones in the gaps."""
        if "transform_fn" in functions:
            return {"transform_fn": functions["transform_fn"]}
        if is_engine(model):
            return {name: functions.get(name) or _built_in(defaults, name) for name in TRIO}
        if "predict_fn" not in functions:
            raise ConfigError(
                f"model_fn returned a {type(model).__name__}, which is no engine: then predict_fn "
                f"or transform_fn is needed, and {self._settings.code_path} has neither"
            )
        from container.compatibility import CompatibilityDefaults  # brings numpy and scipy

        toolkit = CompatibilityDefaults()
        return {name: functions.get(name) or _built_in(toolkit, name) for name in TRIO}

    def _log_functions(self) -> None:
        for function in self._functions.values():
            log.info("%s comes from %s", function.name, function.origin)
        if isinstance(self._lane, CompatibilityLane):
            log.warning(
                "model_fn returned no engine: requests are not batched, %d at a time are computed",
                self._settings.compat_concurrent,
            )
        else:
            log.info("requests run in the continuous batch")

    def answer(
        self, body: bytes, content_type: str | None, accept: str | None, context: RequestContext
    ) -> tuple[Reply, AbstractContextManager[None]]:
        """The reply to one request, and what must be left when the reply was sent.

        Raises:
            KeepwarmError: the request was refused, or failed.
            BaseInferenceToolkitError: the model's code refused it.
        """
        place = self._lane.enter(context)
        try:
            return self._answer(body, content_type, accept, context), place
        except BaseException:
            place.__exit__(None, None, None)
            raise

    def _answer(
        self, body: bytes, content_type: str | None, accept: str | None, context: RequestContext
    ) -> Reply:
        media = parse_content_type(content_type)
        data = decode_text(body, media)
        chosen = choose(accept, self._writable(), self._settings.default_accept)
        model = self._model_for(context)
        if "transform_fn" in self._functions:
            result = self._call("transform_fn", context, model, data, media.name, chosen)
            return self._reply(result, chosen, context)
        parsed = self._call("input_fn", context, data, media.name)
        if isinstance(parsed, GenerationRequest):
            context.adopt(parsed)
        prediction = self._call("predict_fn", context, parsed, model)
        result = self._call("output_fn", context, prediction, chosen)
        return self._reply(result, chosen, context)

    def _writable(self) -> tuple[str, ...] | None:
        """Media types of answers; None when output_fn is the model's own."""
        output = self._functions.get("output_fn")
        if output is None or output.is_users:
            return None
        return (*codecs.ENCODABLE, EVENT_STREAM)

    def _model_for(self, context: RequestContext) -> Any:
        if self.engine is None:
            return self._model
        context.engine = RequestEngine(self.engine, context)
        return context.engine

    def _call(self, name: str, context: RequestContext, *arguments: Any) -> Any:
        """Run one function, the async kinds too; iterators come back guarded, not consumed."""
        function = self._functions[name]
        with self._blame(function):
            result = settled(function(*arguments, context=context))
        if function.is_users and isinstance(result, Iterator):
            return self._guarded(result, function)
        return result

    def _guarded(self, items: Iterator[Any], function: HandlerFunction) -> Iterator[Any]:
        with self._blame(function):
            yield from items

    def _blame(self, function: HandlerFunction) -> _Blame:
        return _Blame(function, with_message=self._settings.log_error_messages)

    def _reply(self, result: Any, accept: str, context: RequestContext) -> Reply:
        reply = plain_reply(result, accept, context)
        reply.headers |= context.response_headers
        reply.status = context.response_status or reply.status
        return reply


class _Blame(AbstractContextManager[None]):
    """Turns what a user's function raises into UserCodeError, its traceback into the log.

    An exit too: it is the function's end, not the server's. A body that the model's own input_fn
    found to be no JSON or no text is its sender's fault.
    """

    def __init__(self, function: HandlerFunction, *, with_message: bool) -> None:
        self._function = function
        self._with_message = with_message

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None or isinstance(error, EXPECTED) or not self._function.is_users:
            return
        name = self._function.name
        if name == "input_fn" and isinstance(error, UNREADABLE):
            raise InvalidJson(f"the model's {name} cannot read this body") from error
        log_failure(log, f"{name} of the model's code raised", error, self._with_message)
        raise UserCodeError(
            f"the model's {name} raised {type(error).__name__}; the log has its traceback"
        ) from error


def is_engine(model: Any) -> bool:
    """Whether model_fn's result is an engine client."""
    return all(callable(getattr(model, method, None)) for method in ENGINE_METHODS)


def _built_in(source: object, name: str) -> HandlerFunction:
    return handler_function(name, getattr(source, name), "built-in", is_users=False)
