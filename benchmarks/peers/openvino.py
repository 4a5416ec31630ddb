"""OpenVINO GenAI's continuous batching with prefix caching, on GGUF files of the default model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from benchmarks.environments import Environment
from benchmarks.gguf_files import gguf_file, missing_reason
from benchmarks.peers.worker import WorkerPeer

_ENVIRONMENT = "openvino"


class OpenVinoPeer(WorkerPeer):
    """`ContinuousBatchingPipeline` in a worker: it has no server, so nothing of HTTP is in its way.

    Args:
        model: must be the default model, of which there are GGUF files.
        kind: precision of the weights: f16, q8_0 or q4_1.
        arithmetic: what it computes in: its own choice (bf16 where the processor has it), or f32.
    """

    environment_name = _ENVIRONMENT

    def __init__(
        self,
        model: Path,
        kind: str,
        arithmetic: str = "auto",
        environment: Environment | None = None,
    ) -> None:
        super().__init__()
        self._model = model
        self._kind = kind
        self._arithmetic = arithmetic
        self._environment = environment or Environment(_ENVIRONMENT)
        suffix = "" if arithmetic == "auto" else f"-{arithmetic}"
        self.name = f"openvino-{kind}{suffix}"
        self.title = f"OpenVINO GenAI, {kind}" + (suffix and f" weights, {arithmetic} arithmetic")

    def unavailable_reason(self) -> str | None:
        """Its environment and its file must be there."""
        if not self._environment.is_ready:
            return self._environment.missing_sentence
        return missing_reason(self._model, self._kind)

    def version(self) -> str:
        """Of its packages."""
        names = ("openvino-genai", "openvino")
        return ", ".join(f"{name} {self._environment.pinned_version(name)}" for name in names)

    def settings(self) -> Mapping[str, str]:
        """How it runs."""
        return {
            "weights": self._kind,
            "arithmetic": self._arithmetic,
            "prefix caching": "on",
            "KV cache": "2 GiB",
        }

    def command(self) -> list[str]:
        """The worker, by the interpreter of its environment."""
        module = "benchmarks.peers.openvino_worker"
        arguments = [str(gguf_file(self._kind)), str(self._model), self._arithmetic]
        return [str(self._environment.python), "-m", module, *arguments]
