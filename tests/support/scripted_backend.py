"""A backend whose answers and failures a test scripts, without a socket.

    ScriptedBackend([["Hel", AnswerBroken("...", reason="reset")], ["lo"]])

Each generation takes the next script; a backend that runs out of them repeats its last one. A
script is a list of steps, or a function of the request that returns one:

    "text"        a delta
    Pause(0.1)    seconds of silence, which closing the generation ends
    STALL         silence until it is closed
    an exception  raised there and then
    Receipt(...)  given as it is, instead of the one made up at the end

`telling(text)` answers like a model that knows what it wants to say: asked to go on from a partial
text, it gives the rest.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from orchestrator_lambda.backends.failures import cancelled
from orchestrator_lambda.backends.interface import Delta, GenerationRequest, Item, Receipt

GIVE_UP_S = 30.0


@dataclass(frozen=True)
class Pause:
    """Nothing comes for so many seconds."""

    seconds: float


STALL = Pause(GIVE_UP_S)

Step = str | Pause | Exception | Receipt
Script = Sequence[Step] | Callable[[GenerationRequest], Sequence[Step]]


class ScriptedBackend:
    """Obeys `Backend` and `Warmable`; safe to call from any thread.

    Attributes:
        seen: the requests, in order.
        closed: how many generations were closed before their end.
        is_healthy: what `healthy` says.
    """

    def __init__(self, scripts: Sequence[Script] = (("Hello.",),), name: str = "scripted") -> None:
        self.name = name
        self.seen: list[GenerationRequest] = []
        self.warmed: list[GenerationRequest] = []
        self.closed = 0
        self.is_healthy = True
        self._scripts = list(scripts)
        self._lock = threading.Lock()

    def generate(self, request: GenerationRequest) -> ScriptedGeneration:
        with self._lock:
            script = self._scripts[min(len(self.seen), len(self._scripts) - 1)]
            self.seen.append(request)
        steps = script(request) if callable(script) else script
        return ScriptedGeneration(self, request, steps)

    def healthy(self) -> bool:
        return self.is_healthy

    def warm(self, request: GenerationRequest) -> Receipt | None:
        self.warmed.append(request)
        return receipt_for(request, "", backend=self.name)

    def note_closed(self) -> None:
        with self._lock:
            self.closed += 1


class ScriptedGeneration:
    """One answer by its steps."""

    def __init__(
        self, backend: ScriptedBackend, request: GenerationRequest, steps: Sequence[Step]
    ) -> None:
        self._backend = backend
        self._request = request
        self._steps = steps
        self._closed = threading.Event()
        self._over = False

    def __iter__(self) -> Iterator[Item]:
        try:
            yield from self._items()
        except Exception:
            self._over = True
            raise
        self._over = True

    def close(self) -> None:
        if not self._closed.is_set() and not self._over:
            self._backend.note_closed()
        self._closed.set()

    def _items(self) -> Iterator[Item]:
        texts: list[str] = []
        for step in self._steps:
            pause = step.seconds if isinstance(step, Pause) else 0.0
            if self._closed.wait(pause):
                raise cancelled()
            if isinstance(step, Exception):
                raise step
            if isinstance(step, Receipt):
                yield step
                return
            if isinstance(step, str):
                texts.append(step)
                yield Delta(step)
        yield receipt_for(
            self._request, "".join(texts), backend=self._backend.name, deltas=len(texts)
        )


def receipt_for(
    request: GenerationRequest, text: str, *, backend: str = "scripted", deltas: int | None = None
) -> Receipt:
    """A receipt as the container would write it; words of the prompt count as its tokens."""
    prompt = sum(len(message.content.split()) for message in request.messages)
    tokens = len(text.split()) if deltas is None else deltas
    raw = {
        "request_id": request.request_id,
        "instance": f"instance-of-{backend}",
        "finish_reason": "stop",
        "usage": {
            "prompt_tokens": prompt,
            "completion_tokens": tokens,
            "total_tokens": prompt + tokens,
            "prompt_tokens_details": {"cached_tokens": 0},
        },
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
    }
    return Receipt(
        finish_reason="stop",
        prompt_tokens=prompt,
        cached_tokens=0,
        completion_tokens=tokens,
        backend=backend,
        raw=raw,
    )


def telling(text: str, *, fail_after: int | None = None, error: Exception | None = None) -> Script:
    """A script of `text` word by word, or of what is left of it to a partial text.

    Args:
        fail_after: raise `error` after so many words.
    """

    def steps(request: GenerationRequest) -> Sequence[Step]:
        begun = request.messages[-1].content if request.continue_final else ""
        rest = text.removeprefix(begun)
        words: list[Step] = [word + " " for word in rest.split(" ")]
        words[-1] = str(words[-1])[:-1]
        if fail_after is not None and error is not None:
            return [*words[:fail_after], error]
        return [word for word in words if word]

    return steps
