"""Sampling settings refuse what is out of range, when they are made and wherever they come from."""

import math

import msgspec
import pytest

from serving.errors import InvalidRequest
from serving.sampling_params import MAX_LOGPROBS, MAX_SEED, MAX_STOP_STRINGS, SamplingParams


def test_the_defaults_are_plain_sampling():
    params = SamplingParams()
    assert not params.is_greedy and not params.has_penalties
    assert params.max_tokens is None


@pytest.mark.parametrize(
    "settings",
    [
        {"max_tokens": 0},
        {"temperature": 0.0},
        {"temperature": 100.0},
        {"top_k": 0},
        {"top_p": 1.0},
        {"top_p": 1e-9},
        {"min_p": 0.0},
        {"min_p": 1.0},
        {"repetition_penalty": 0.01},
        {"presence_penalty": -2.0},
        {"frequency_penalty": 2.0},
        {"seed": 0},
        {"seed": MAX_SEED},
        {"seed": -MAX_SEED - 1},
        {"logprobs": 0},
        {"logprobs": MAX_LOGPROBS},
        {"logit_bias": {0: -100.0, 5: 100.0}},
        {"stop": ("x",) * MAX_STOP_STRINGS},
        {"stop_token_ids": (0,)},
    ],
    ids=repr,
)
def test_the_edges_of_each_range_are_inside(settings):
    SamplingParams(**settings)


@pytest.mark.parametrize(
    ("param", "value"),
    [
        ("max_tokens", -1),
        ("temperature", -0.1),
        ("temperature", 100.1),
        ("temperature", math.nan),
        ("temperature", math.inf),
        ("top_k", -1),
        ("top_p", 0.0),
        ("top_p", 1.1),
        ("top_p", math.nan),
        ("min_p", -0.1),
        ("min_p", 1.1),
        ("repetition_penalty", 0.0),
        ("repetition_penalty", -1.0),
        ("presence_penalty", 2.1),
        ("frequency_penalty", -2.1),
        ("frequency_penalty", math.nan),
        ("seed", MAX_SEED + 1),
        ("seed", -MAX_SEED - 2),
        ("logprobs", -1),
        ("logprobs", MAX_LOGPROBS + 1),
        ("logit_bias", {3: 100.5}),
        ("logit_bias", {3: math.nan}),
        ("logit_bias", {-1: 1.0}),
        ("stop", ("x",) * (MAX_STOP_STRINGS + 1)),
        ("stop", ("ok", "")),
        ("stop_token_ids", (3, -1)),
    ],
)
def test_a_value_out_of_range_is_refused_by_name(param, value):
    with pytest.raises(InvalidRequest) as caught:
        SamplingParams(**{param: value})
    assert caught.value.param == param
    assert param in caught.value.message


@pytest.mark.parametrize("param", ["max_tokens", "top_k", "seed", "temperature"])
@pytest.mark.parametrize("value", [10**400, -(10**400)], ids=["huge", "minus huge"])
def test_a_number_too_large_for_a_float_is_no_crash(param, value):
    """JSON may hold any whole number."""
    try:
        SamplingParams(**{param: value})
    except InvalidRequest as error:
        assert error.param == param


def test_a_message_names_the_range_and_the_value():
    with pytest.raises(InvalidRequest, match=r"top_p must be in \(0, 1\], got 1.5"):
        SamplingParams(top_p=1.5)


def test_what_is_accepted_can_cross_to_the_engine_process():
    params = SamplingParams(
        max_tokens=5, seed=-MAX_SEED - 1, logit_bias={1: 0.5}, stop=("a",), top_k=2**31
    )
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(params), type=SamplingParams) == params


@pytest.mark.parametrize("top_k", [2**63, 2**64, 10**30])
def test_a_huge_top_k_is_refused_or_can_cross_to_the_engine_process(top_k):
    try:
        params = SamplingParams(top_k=top_k)
    except InvalidRequest as error:
        assert error.param == "top_k"
    else:
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(params), type=SamplingParams) == params


def test_they_are_validated_again_on_arrival():
    with pytest.raises((InvalidRequest, msgspec.ValidationError)):
        msgspec.msgpack.decode(msgspec.msgpack.encode({"top_p": 7.0}), type=SamplingParams)


@pytest.mark.parametrize("settings", [{"repetition_penalty": 1.1}, {"presence_penalty": 0.1}])
def test_penalties_are_noticed(settings):
    assert SamplingParams(**settings).has_penalties
