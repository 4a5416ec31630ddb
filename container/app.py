"""The routes, and nothing else."""

from __future__ import annotations

import logging
import time

import msgspec
from flask import Flask, Response, request
from werkzeug.exceptions import MethodNotAllowed

from container.context import Route
from container.errors import NoBlocks
from container.invocation import Invocation, error_response
from container.logs import log_failure
from container.media_types import JSON
from container.protocols.errors import wire_error
from container.runtime import Runtime
from container.telemetry import CONTENT_TYPE

log = logging.getLogger("keepwarm.http")


def create_app(runtime: Runtime) -> Flask:
    """The WSGI application around a runtime."""
    app = Flask("keepwarm", static_folder=None)
    app.register_error_handler(Exception, _answer_error)
    _add_platform_routes(app, runtime)
    _add_generation_routes(app, runtime)
    return app


def _answer_error(error: Exception) -> Response:
    """Whatever a route raised, Flask's own errors too, in the one shape of errors."""
    told = wire_error(error)
    if told.code == "internal_error":
        log_failure(log, "a route failed:", error)
    response = error_response(told)
    if isinstance(error, MethodNotAllowed):
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods or ()))
    return response


def _add_platform_routes(app: Flask, runtime: Runtime) -> None:
    @app.get("/ping")
    def ping() -> Response:
        """200 with an empty body when requests are served, else 503 and one line that says why."""
        trouble = runtime.lifecycle.trouble()
        if trouble is None:
            return Response(b"", content_type=JSON)
        content = {"status": "unavailable", "reason": trouble}
        return Response(msgspec.json.encode(content) + b"\n", status=503, content_type=JSON)

    @app.get("/metrics")
    def metrics() -> Response:
        """Prometheus' text format."""
        return Response(runtime.telemetry.text(), content_type=CONTENT_TYPE)

    @app.get("/kv")
    def kv() -> Response:
        """Who has how much of the KV cache, in blocks; 404 where there are none."""
        usage = runtime.kv_usage()
        if usage is None:
            raise NoBlocks("what serves this model has no KV blocks to show")
        return Response(msgspec.json.encode(usage), content_type=JSON)

    @app.get("/v1/models")
    def models() -> Response:
        """The one model, as OpenAI lists models."""
        runtime.lifecycle.check_open()
        return Response(msgspec.json.encode(_model_list(runtime)), content_type=JSON)


def _add_generation_routes(app: Flask, runtime: Runtime) -> None:
    def invoke(route: Route) -> Response:
        return Invocation(runtime, request, route).respond()

    for route in Route:
        app.add_url_rule(
            route,
            endpoint=route.name,
            view_func=invoke,
            methods=["POST"],
            defaults={"route": route},
        )


def _model_list(runtime: Runtime) -> dict[str, object]:
    model: dict[str, object] = {
        "id": runtime.settings.model_name,
        "object": "model",
        "created": int(time.time()),
        "owned_by": "keepwarm",
    }
    engine = runtime.handler.engine
    if engine is not None:
        model["max_model_len"] = engine.model_info.max_model_len
    return {"object": "list", "data": [model]}
