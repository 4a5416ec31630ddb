"""Whose trace a request's log line belongs to: taken from the caller, and believed if it is one."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from werkzeug.datastructures import Headers

from container.tracing import ATTRIBUTES_HEADER, trace_id_of

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"


def in_attributes(content: object) -> Headers:
    text = content if isinstance(content, str) else json.dumps(content)
    return Headers({ATTRIBUTES_HEADER: text})


def test_the_header_names_it() -> None:
    assert trace_id_of(Headers({"Traceparent": PARENT})) == TRACE


def test_at_sagemaker_the_custom_attributes_name_it() -> None:
    assert trace_id_of(in_attributes({"traceparent": PARENT, "x-amzn-trace-id": "Root=1"})) == TRACE


def test_a_later_version_may_have_more_fields() -> None:
    assert trace_id_of(Headers({"traceparent": f"01{PARENT[2:]}-more"})) == TRACE


@pytest.mark.parametrize(
    "parent",
    [
        "",
        "nonsense",
        PARENT.upper(),
        PARENT.replace(TRACE, "0" * 32),
        PARENT.replace("b7ad6b7169203331", "0" * 16),
        f"ff{PARENT[2:]}",
        f"{PARENT}-more",
        f"{PARENT} and a secret word",
    ],
)
def test_what_is_no_traceparent_names_none(parent: str) -> None:
    assert trace_id_of(Headers({"traceparent": parent})) is None
    assert trace_id_of(in_attributes({"traceparent": parent})) is None


@pytest.mark.parametrize(
    "content",
    [
        "",
        "traceparent",
        "{traceparent",
        ["traceparent"],
        {"traceparent": [PARENT]},
        {"traceparent": PARENT, "more": "x" * 1024},
        "[" * 500 + "traceparent",
    ],
)
def test_other_callers_attributes_name_none(content: object) -> None:
    assert trace_id_of(in_attributes(content)) is None


@pytest.mark.parametrize(("parent", "logged"), [(PARENT, TRACE), ("my secret words", None)])
def test_the_requests_log_line_has_it(
    client_of: Callable[..., FlaskClient],
    caplog: pytest.LogCaptureFixture,
    parent: str,
    logged: str | None,
) -> None:
    client = client_of()
    with caplog.at_level(logging.INFO, "keepwarm"):
        client.post("/invocations", json={"inputs": "hi"}, headers={"traceparent": parent})
    (record,) = [record for record in caplog.records if record.name == "keepwarm.access"]
    assert record.fields["trace_id"] == logged  # type: ignore[attr-defined]
