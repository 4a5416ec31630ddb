"""The built-in functions of the compatibility lane: SageMaker's toolkit, its pitfalls mended."""

from __future__ import annotations

from typing import Any

from sagemaker_inference.default_inference_handler import DefaultInferenceHandler

from container import codecs
from container.context import RequestContext


class CompatibilityDefaults(DefaultInferenceHandler):  # type: ignore[misc]
    """Reads and writes what the toolkit does, without its unpickling decoder.

    A JSON object arrives as a dict, and unreadable or unwritable media types are 415 and 406.
    """

    def input_fn(
        self, body: str | bytes, content_type: str, context: RequestContext | None = None
    ) -> Any:
        """The Python value of a body; raises UnsupportedMediaType or InvalidRequest."""
        return codecs.decode(body, content_type)

    def predict_fn(self, data: Any, model: Any, context: RequestContext | None = None) -> Any:
        """The toolkit's own: there is no default prediction, and it says so."""
        return self.default_predict_fn(data, model, context)

    def output_fn(self, prediction: Any, accept: str, context: RequestContext | None = None) -> Any:
        """Iterators go on as streams, everything else in the media type asked for."""
        if hasattr(prediction, "__next__"):
            return prediction
        return codecs.encode(prediction, accept), accept
