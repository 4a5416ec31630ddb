"""The sequences of one request, submitted together and read as one."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator

import msgspec

from container.context import RequestContext
from container.errors import UserCodeError
from container.ledger import Piece
from container.protocols.request import GenerationRequest
from serving.engine.protocol import EngineClient, GenerationStream
from serving.request import FinishReason, RequestOutput, Usage
from serving.sampling_params import MAX_SEED, SamplingParams

WAIT_S = 0.25
SWEEP_S = 0.02


class Generation:
    """Iterate for the pieces of an answer as they come; None means that nothing came for a while.

    The pauses are there so that the reader can keep its client's connection alive.
    """

    def __init__(self, streams: list[GenerationStream]) -> None:
        self._running: dict[int, GenerationStream] = dict(enumerate(streams))

    def __iter__(self) -> Iterator[Piece | None]:
        while self._running:
            yield from self._round()

    def _round(self) -> Iterator[Piece | None]:
        """At most one output of each sequence, after waiting for the first of them."""
        came = False
        wait = WAIT_S if len(self._running) == 1 else SWEEP_S
        for index, stream in list(self._running.items()):
            output = self._take(index, stream, 0.0 if came else wait)
            if output is not None:
                came = True
                yield Piece(index, output)
            wait = 0.0
        if not came:
            yield None

    def _take(self, index: int, stream: GenerationStream, wait: float) -> RequestOutput | None:
        try:
            output = stream.next(timeout=wait)
        except StopIteration:
            del self._running[index]
            return None
        if output is not None and output.finished:
            del self._running[index]
        return output


def generate(
    request: GenerationRequest, engine: EngineClient, context: RequestContext | None = None
) -> Generation:
    """Submit every sequence of `request` to the continuous batch, and return at once.

    Raises:
        KeepwarmError: a sequence was refused; those submitted before it are aborted.
    """
    request_id = request.request_id or (context.request_id if context else uuid.uuid4().hex)
    # A client may repeat its id while the first attempt still winds down; the engine's ids differ.
    request_id = f"{request_id}-{uuid.uuid4().hex[:6]}"
    streams: list[GenerationStream] = []
    try:
        for prompt in request.render(engine.tokenizer):
            for answer in range(request.n):
                stream = engine.submit(
                    prompt,
                    with_seed_of(request.sampling, answer),
                    request_id=f"{request_id}-{len(streams)}",
                    cache_salt=request.cache_salt,
                )
                streams.append(stream)
    except BaseException:
        for stream in streams:
            stream.abort()
        raise
    return Generation(streams)


def with_seed_of(sampling: SamplingParams, answer: int) -> SamplingParams:
    """The settings of one of n answers: equal but for the seed, so that the answers differ."""
    if sampling.seed is None or answer == 0:
        return sampling
    seed = sampling.seed + answer
    return msgspec.structs.replace(sampling, seed=seed if seed <= MAX_SEED else seed - 2**64)


def pieces_of(items: Iterable[object], usage: Callable[[], Usage]) -> Iterator[Piece]:
    """What a user's predict_fn yielded, texts or outputs, as the pieces of one choice.

    Args:
        items: texts, or outputs of the engine.
        usage: the tokens spent so far, asked for where an item does not tell them.

    Raises:
        UserCodeError: an item is neither.
    """
    last: RequestOutput | None = None
    for item in items:
        if isinstance(item, str):
            last = RequestOutput(request_id="", text=item, token_ids=[], usage=usage())
        elif isinstance(item, RequestOutput):
            last = item
        else:
            raise UserCodeError(
                f"predict_fn must yield texts or outputs of the engine, not a {type(item).__name__}"
            )
        yield Piece(0, last)
    if last is None or not last.finished:
        yield Piece(
            0,
            RequestOutput(
                request_id="",
                text="",
                token_ids=[],
                usage=usage() if last is None or not last.token_ids else last.usage,
                finish_reason=FinishReason.STOP,
            ),
        )
