"""A backend whose answers the test writes: word by word, with waits, faults and receipts."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from orchestrator_lambda.backends.interface import (
    Delta,
    Generation,
    GenerationRequest,
    Item,
    Receipt,
)

Step = str | Exception | threading.Event | Item
Script = Callable[[GenerationRequest], Sequence[Step]]


def receipt_for(request: GenerationRequest, text: str) -> Receipt:
    """What a container would say at the end: every word a token."""
    prompt = sum(len(message.content.split()) for message in request.messages)
    words = len(text.split())
    raw = {
        "instance": "i-1",
        "queue_ms": 1.0,
        "prefill_ms": 2.0,
        "decode_ms": 3.0,
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
    }
    return Receipt(
        finish_reason="stop",
        prompt_tokens=prompt,
        cached_tokens=0,
        completion_tokens=words,
        backend="scripted",
        raw=raw,
    )


class ScriptedGeneration:
    """Steps: text goes out, an exception is raised, an event is waited for, an item goes as it is.

    The receipt follows by itself unless the script ends otherwise.
    """

    def __init__(self, request: GenerationRequest, steps: Sequence[Step]) -> None:
        self.request = request
        self.closed = threading.Event()
        self._steps = steps

    def __iter__(self) -> Iterator[Item]:
        text = ""
        for step in self._steps:
            if isinstance(step, threading.Event):
                while not step.wait(0.005):
                    if self.closed.is_set():
                        return
            elif isinstance(step, Exception):
                raise step
            elif isinstance(step, str):
                text += step
                yield Delta(step)
            else:
                yield step
                if isinstance(step, Receipt):
                    return
            if self.closed.is_set():
                return
        yield receipt_for(self.request, text)

    def close(self) -> None:
        self.closed.set()


@dataclass
class ScriptedBackend:
    """A backend that asks `script` what to answer.

    Attributes:
        requests: all that came.
    """

    script: Script = lambda request: ["Good ", "day."]
    name: str = "scripted"
    is_healthy: bool = True
    requests: list[GenerationRequest] = field(default_factory=list)
    generations: list[ScriptedGeneration] = field(default_factory=list)
    warmed: list[GenerationRequest] = field(default_factory=list)

    def generate(self, request: GenerationRequest) -> Generation:
        self.requests.append(request)
        steps = self.script(request)
        if steps and isinstance(steps[0], Exception):
            raise steps[0]
        generation = ScriptedGeneration(request, steps)
        self.generations.append(generation)
        return generation

    def healthy(self) -> bool:
        return self.is_healthy

    def warm(self, request: GenerationRequest) -> Receipt | None:
        self.warmed.append(request)
        return receipt_for(request, "")
