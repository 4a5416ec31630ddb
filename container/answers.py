"""What a prediction becomes on the wire: the default output_fn's work, and the reply it makes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import Any

import msgspec

from container import codecs
from container.context import RequestContext
from container.engine_scope import RequestEngine
from container.generation import Generation, pieces_of
from container.ledger import Piece
from container.media_types import EVENT_STREAM, JSON, JSON_LINES, OCTET_STREAM, TEXT, choose
from container.protocols.openai_answer import openai_writer
from container.protocols.request import GenerationRequest, Wire
from container.protocols.sagemaker_answer import InputsWriter
from container.protocols.writer import AnswerHead, AnswerWriter
from container.receipt import receipt_of
from container.streaming import answer_events
from serving.request import RequestOutput

GENERATED = (JSON, EVENT_STREAM)  # the media types that generated text is written in


@dataclass(kw_only=True)
class Reply:
    """An answer, ready to be sent: a whole body, or an iterator of the parts of one."""

    body: bytes | Iterator[bytes]
    content_type: str
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


def write_answer(
    prediction: Any, accept: str, context: RequestContext, engine: RequestEngine | None
) -> Reply:
    """The answer in the format of the request that the default input_fn read.

    Args:
        prediction: a Generation, outputs of the engine, or texts, one or an iterator of them; any
            other value is written in the media type `accept`.
        accept: a media type the client accepts.
        context: the request's.
        engine: tells the tokens and the tokenizer; None in the compatibility lane.

    Raises:
        NotAcceptable: the answer is JSON, and the client does not accept that.
    """
    request = context.request
    if request is None or engine is None or not _is_answer(prediction):
        return plain_reply(prediction, accept, context)
    pieces = _pieces(prediction, engine)
    writer = _writer(request, context, engine)
    context.ledger.answers_per_prompt = request.n
    if request.stream:
        events = answer_events(pieces, writer, context.ledger, context.heartbeat_s)
        return Reply(body=events, content_type=EVENT_STREAM)
    if accept not in GENERATED:  # the next best, if the client accepts it at all
        choose(context.headers.get("Accept"), GENERATED, JSON)
    for piece in pieces:
        if piece is not None:
            context.ledger.note(piece)
    return Reply(body=msgspec.json.encode(writer.body(context.ledger)), content_type=JSON)


def plain_reply(value: Any, accept: str, context: RequestContext) -> Reply:
    """What an output_fn returned, or any value that is no generated text, as a reply.

    Text and bytes go out as they are, `(body, media type)` pairs as they say, iterators as
    streams of lines, and anything else as its media type has it.
    """
    if isinstance(value, Reply):
        return value
    content_type = context.response_content_type or accept
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], str):
        value, content_type = value
    if isinstance(value, str):
        value = value.encode()
    if isinstance(value, bytes | bytearray):
        return Reply(body=bytes(value), content_type=content_type)
    if isinstance(value, Iterator):
        return _streamed(value, context)
    return Reply(body=codecs.encode(value, content_type), content_type=content_type)


def _streamed(items: Iterator[Any], context: RequestContext) -> Reply:
    """An iterator's items: texts and bytes one after the other, other values as JSON lines.

    The first item is computed here, so that an error in it still has a status of its own.
    """
    first = list(item for _, item in zip(range(1), items, strict=False))
    kind: str = JSON_LINES
    if first and isinstance(first[0], str):
        kind = TEXT
    elif first and isinstance(first[0], bytes):
        kind = OCTET_STREAM
    context.streaming = True
    parts = (_part(item) for item in chain(first, items))
    return Reply(body=parts, content_type=context.response_content_type or kind)


def _part(item: Any) -> bytes:
    if isinstance(item, str):
        return item.encode()
    if isinstance(item, bytes):
        return item
    return codecs.encode(item, codecs.JSON) + b"\n"


def _is_answer(prediction: Any) -> bool:
    """Whether the prediction is generated text, or an iterator which then must yield such."""
    if isinstance(prediction, str | RequestOutput | Generation | Iterator):
        return True
    return hasattr(prediction, "abort") and hasattr(prediction, "next")


def _pieces(prediction: Any, engine: RequestEngine) -> Iterable[Piece | None]:
    if isinstance(prediction, Generation):
        return prediction
    if isinstance(prediction, str | RequestOutput):
        return pieces_of([prediction], lambda: engine.usage)
    if hasattr(prediction, "abort"):
        return Generation([prediction])
    return pieces_of(prediction, lambda: engine.usage)


def _writer(
    request: GenerationRequest, context: RequestContext, engine: RequestEngine
) -> AnswerWriter:
    head = AnswerHead(
        request_id=context.request_id,
        model=context.model_name,
        created=context.created,
        receipt=partial(receipt_of, context),
        tokenizer=lambda: engine.tokenizer,
    )
    if request.wire is Wire.INPUTS:
        return InputsWriter(request, head, frozenset(engine.model_info.eos_token_ids))
    return openai_writer(request, head)
