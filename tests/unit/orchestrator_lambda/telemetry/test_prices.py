from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator_lambda.errors import ConfigError
from orchestrator_lambda.telemetry.prices import parse_prices
from orchestrator_lambda.telemetry.settings import TelemetrySettings

MODEL = {"input": 1.0, "cached_input": 0.1, "output": 2.0}
TABLE = {
    "currency": "EUR",
    "date": "2026-11-01",
    "source": "price list",
    "models": {"keepwarm": MODEL},
}


def cost(table: dict[str, Any], model: str = "keepwarm", **tokens: int) -> Any:
    prices = parse_prices(json.dumps(table))
    assert prices is not None
    defaults = {"input_tokens": 1_000_000, "cached_tokens": 0, "output_tokens": 0}
    return prices.cost(model, **{**defaults, **tokens})


def test_a_million_tokens_cost_the_price():
    assert cost(TABLE).total == pytest.approx(1.0)
    assert cost(TABLE, input_tokens=0, output_tokens=1_000_000).total == pytest.approx(2.0)


def test_cached_tokens_have_their_own_price():
    found = cost(TABLE, cached_tokens=400_000, output_tokens=500_000)
    assert found.fresh_input == pytest.approx(0.6)
    assert found.cached_input == pytest.approx(0.04)
    assert found.output == pytest.approx(1.0)
    assert found.total == pytest.approx(1.64)


def test_no_more_is_cached_than_was_read():
    found = cost(TABLE, input_tokens=100, cached_tokens=5_000)
    assert found.fresh_input == 0
    assert found.cached_input == pytest.approx(100 * 0.1 / 1e6)


def test_a_model_without_price_costs_nothing_that_is_known():
    assert cost(TABLE, "another") is None


def test_a_star_stands_for_all_other_models():
    table = TABLE | {"models": {"*": MODEL | {"input": 9.0}, "keepwarm": MODEL}}
    assert cost(table, "another").total == pytest.approx(9.0)
    assert cost(table).total == pytest.approx(1.0)


def test_no_table_is_no_table():
    assert parse_prices("{}") is None
    assert TelemetrySettings.from_env({}).price_table is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("nonsense", "not JSON"),
        ("[]", "JSON object"),
        ('{"models": {}}', "at least one model"),
        ('{"models": []}', "at least one model"),
        ('{"price": 1}', "unknown field 'price'"),
        ('{"models": {"m": 5}}', "exactly input, cached_input, output"),
        ('{"models": {"m": {"input": 1}}}', "exactly input, cached_input, output"),
        (json.dumps({"models": {"m": MODEL | {"output": -1}}}), "output of model 'm'"),
        (json.dumps({"models": {"m": MODEL | {"output": "1"}}}), "output of model 'm'"),
        (json.dumps({"models": {"m": MODEL | {"output": True}}}), "output of model 'm'"),
        (json.dumps({"models": {"m": MODEL | {"output": float("nan")}}}), "output of model 'm'"),
        (json.dumps({"models": {"m": MODEL | {"output": 10**400}}}), "output of model 'm'"),
        (json.dumps(TABLE | {"currency": 5}), "currency must be a text"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_a_wrong_table_is_told_by_the_variables_name(text: str, why: str):
    with pytest.raises(ConfigError, match="KEEPWARM_PRICES: ") as refused:
        TelemetrySettings.from_env({"KEEPWARM_PRICES": text})
    assert why in refused.value.message
