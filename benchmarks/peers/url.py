"""A server that somebody else runs: measured, never started nor stopped."""

from __future__ import annotations

from collections.abc import Mapping

import httpx2

from benchmarks.client import ServerTarget, measure
from benchmarks.errors import PeerFailed
from pipelines.speed.records import LoadResult, RunObserver
from pipelines.speed.workload import ChatWorkload

_TIMEOUT_S = 10.0


def served_model(url: str) -> str:
    """The first model that `/v1/models` lists.

    Raises:
        PeerFailed: no such answer.
    """
    try:
        response = httpx2.get(f"{url}/v1/models", timeout=_TIMEOUT_S, trust_env=False)
        response.raise_for_status()
        return str(response.json()["data"][0]["id"])
    except (httpx2.HTTPError, ValueError, LookupError, TypeError) as error:
        raise PeerFailed(f"{url}/v1/models names no model ({error}); pass --model NAME") from error


class UrlPeer:
    """Any OpenAI-compatible URL. Its cache may be warm already: that is the owner's business."""

    name = "url"

    def __init__(self, url: str, model: str | None, *, ignore_eos: bool) -> None:
        self._url = url.rstrip("/").removesuffix("/v1")
        self._model = model
        self._ignore_eos = ignore_eos
        self._target: ServerTarget | None = None
        self.title = self._url

    def unavailable_reason(self) -> str | None:
        """Always there as far as we know; `start` finds out."""
        return None

    def version(self) -> str:
        """Nobody told us."""
        return "unknown"

    def settings(self) -> Mapping[str, str]:
        """How it is asked."""
        return {"url": self._url, "ignore_eos": str(self._ignore_eos)}

    def start(self, time_limit_s: float) -> None:
        """Find out the model's name, which also shows that the server answers."""
        model = self._model or served_model(self._url)
        self._target = ServerTarget(url=self._url, model=model, ignore_eos=self._ignore_eos)

    def run(
        self, workload: ChatWorkload, *, time_limit_s: float, observer: RunObserver
    ) -> LoadResult:
        """Drive it by the load generator."""
        if self._target is None:
            raise PeerFailed("run was called before start")
        return measure(self._target, workload, time_limit_s=time_limit_s, observer=observer)

    def peak_memory_bytes(self) -> int | None:
        """Its processes are not ours, and may be elsewhere."""
        return None

    def stop(self) -> None:
        """Not ours to stop."""
