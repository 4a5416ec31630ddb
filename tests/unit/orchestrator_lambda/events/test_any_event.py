"""Whatever comes as an event: an answer that is JSON, in time, and no crash."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator_lambda.events.invocation import Invocation
from orchestrator_lambda.http.message import HttpResponse, json_response
from orchestrator_lambda.runtime.answer import DELIMITER, StreamedAnswer
from orchestrator_lambda.runtime.handler import LambdaHandler
from tests.events.load import FOLDER, load_event

NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))

texts = st.one_of(
    st.text(max_size=20), st.sampled_from(["%", "%ff", "/", "//", "\ud800", "\0", "?"])
)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


def application(request) -> HttpResponse:
    return json_response(
        {
            "path": request.path,
            "query": request.query.pairs(),
            "headers": request.headers.pairs(),
            "size": len(request.body),
        }
    )


HANDLER = LambdaHandler(application)


def answered(event: object) -> None:
    answer = HANDLER.begin(event, Invocation(request_id="r-1"))
    if isinstance(answer, StreamedAnswer):
        prelude = json.loads(answer.prelude.removesuffix(DELIMITER))
        assert prelude["statusCode"] in (200, 400, 413)
        b"".join(answer.pieces)
    else:
        json.dumps(answer.content, ensure_ascii=False).encode()


@settings(max_examples=100, deadline=None)
@given(values)
def test_any_json_at_all(event):
    answered(event)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_real_event_with_any_of_its_fields_replaced(data):
    event = load_event(data.draw(st.sampled_from(NAMES)))
    target = event
    while True:
        field = data.draw(st.sampled_from(sorted(target)))
        inner = target[field]
        if not (isinstance(inner, dict) and inner and data.draw(st.booleans())):
            target[field] = data.draw(values)
            break
        target = inner
    answered(event)
