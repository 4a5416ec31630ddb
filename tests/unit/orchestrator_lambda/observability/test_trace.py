from __future__ import annotations

import re

import pytest

from orchestrator_lambda.observability.trace import trace_context

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
XRAY = "Root=1-67891233-abcdef012345678912345678;Parent=53995c3f42cd8ad8;Sampled=1"


def test_the_trace_goes_on_with_a_span_of_this_hop():
    context = trace_context({"traceparent": PARENT, "tracestate": "a=1"})
    assert context.trace_id == "0af7651916cd43dd8448eb211c80319c"
    assert context.span_id != "b7ad6b7169203331"
    assert context.sampled
    assert context.headers()["traceparent"] == f"00-{context.trace_id}-{context.span_id}-01"
    assert context.headers()["tracestate"] == "a=1"


def test_without_traceparent_both_notations_name_one_trace():
    context = trace_context({}, XRAY)
    assert context.trace_id == "67891233abcdef012345678912345678"
    assert context.headers()["x-amzn-trace-id"] == XRAY
    assert context.headers()["traceparent"].endswith("-01")


def test_lambdas_own_id_wins_over_the_header():
    assert trace_context({"x-amzn-trace-id": "Root=other"}, XRAY).xray == XRAY
    assert trace_context({"x-amzn-trace-id": XRAY}).xray == XRAY


@pytest.mark.parametrize(
    "parent",
    [
        "",
        "nonsense",
        PARENT.upper(),
        PARENT.replace("0af7651916cd43dd8448eb211c80319c", "0" * 32),
        PARENT.replace("b7ad6b7169203331", "0" * 16),
        "ff" + PARENT[2:],
        PARENT + "-more",
        PARENT + "\r\nX-Evil: 1",
    ],
)
def test_a_malformed_parent_begins_a_new_trace(parent):
    context = trace_context({"traceparent": parent, "tracestate": "a=1"})
    assert re.fullmatch(r"[0-9a-f]{32}", context.trace_id)
    assert context.trace_id != "0af7651916cd43dd8448eb211c80319c"
    assert context.state == ""
    assert not context.sampled


def test_a_later_version_may_have_more_fields():
    assert trace_context({"traceparent": "01" + PARENT[2:] + "-more"}).trace_id[:4] == "0af7"


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "x" * 600, "Root=ü"])
def test_what_could_not_stand_in_a_header_is_not_handed_on(value):
    assert trace_context({"x-amzn-trace-id": value}).xray == ""
    assert trace_context({"traceparent": PARENT, "tracestate": value}).state == ""
