"""What the orchestrator's benchmark says of its numbers."""

import pytest

from benchmarks.orchestrator.report import Row, added, rows

FOUND = {
    "imports": {"boto3_ms": 200.4, "handler_ms": 150.6},
    "ttft_s": {"container": [0.001, 0.002, 0.003], "orchestrator": [0.021, 0.052, 0.043]},
    "units": {"writes": [9.0] * 60 + [21.0] * 50, "reads": [4.0] * 110, "events_lost": 0},
}


def test_each_number_has_its_row() -> None:
    found = {row.what: row for row in rows(FOUND)}

    assert found["import of the handler beside it"].median == "151 ms"
    assert found["first text, container alone"].median == "2.0 ms"
    assert found["first text, added"].median == "40.0 ms"
    assert found["telemetry events lost"] == Row("telemetry events lost", "0")


def test_units_that_grow_with_the_conversation_show() -> None:
    found = {row.what: row.median for row in rows(FOUND)}

    assert found["DynamoDB write units a turn, turns 11 to 60"] == "9"
    assert found["DynamoDB write units a turn, the last 50 turns"] == "21"
    assert found["DynamoDB read units a turn, the last 50 turns"] == "4"


def test_what_is_added_is_by_pairs() -> None:
    assert added([1.0, 5.0], [2.0, 7.0]) == [1.0, 2.0]
    with pytest.raises(ValueError, match="argument 2"):
        added([1.0, 5.0], [2.0])
