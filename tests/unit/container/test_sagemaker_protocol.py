"""The `inputs` format of the Hugging Face containers."""

from __future__ import annotations

from typing import Any

import pytest

from container.protocols.sagemaker import DEFAULT_NEW_TOKENS, parse_inputs
from serving.errors import InvalidRequest


def with_parameters(**parameters: Any) -> dict[str, Any]:
    return {"inputs": "hi", "parameters": parameters}


def test_greedy_unless_sampling_is_asked_for() -> None:
    assert parse_inputs({"inputs": "hi"}).sampling.temperature == 0.0
    assert parse_inputs(with_parameters(do_sample=True)).sampling.temperature == 1.0
    assert parse_inputs(with_parameters(temperature=0.7)).sampling.temperature == 0.7
    assert parse_inputs(with_parameters(top_k=5)).sampling.temperature == 1.0
    assert parse_inputs(with_parameters(do_sample=False, top_k=5)).sampling.temperature == 0.0


def test_parameters_arrive() -> None:
    request = parse_inputs(
        with_parameters(
            max_new_tokens=5, stop=["a"], stop_sequences=["b"], details=True, top_n_tokens=3, seed=1
        )
    )
    assert request.sampling.max_tokens == 5
    assert request.sampling.stop == ("a", "b")
    assert request.sampling.logprobs == 3
    assert request.details


def test_a_number_of_new_tokens_is_set_when_none_is_given() -> None:
    assert parse_inputs({"inputs": "hi"}).sampling.max_tokens == DEFAULT_NEW_TOKENS


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"inputs": 3}, "inputs"),
        ({"inputs": []}, "inputs"),
        ({"inputs": [1]}, "inputs"),
        ({"inputs": ["a", "b"], "stream": True}, "inputs"),
        ({"inputs": "a", "stream": 1}, "stream"),
        ({"inputs": "a", "parameters": []}, "parameters"),
        (with_parameters(max_new_tokens=-1), "parameters.max_new_tokens"),
        (with_parameters(temperature=-1), "parameters.temperature"),
        (with_parameters(top_n_tokens=2), "parameters.top_n_tokens"),
        (with_parameters(best_of=2), "parameters.best_of"),
        (with_parameters(watermark=True), "parameters.watermark"),
        (with_parameters(truncate=10), "parameters.truncate"),
        (with_parameters(grammar={"type": "json"}), "parameters.grammar"),
    ],
)
def test_a_wrong_field_is_named(body: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_inputs(body)
    assert caught.value.param == param


def test_defaults_of_unsupported_parameters_pass() -> None:
    assert parse_inputs(with_parameters(best_of=1, watermark=False, typical_p=1.0))
