from __future__ import annotations

import json

from orchestrator_lambda.observability.metrics import RequestMetrics


def test_one_line_of_the_embedded_metric_format(capsys):
    metrics = {"source": "rest", "status": 200, "duration_ms": 12.5, "first_byte_ms": 3.0}
    RequestMetrics(**metrics).emit()
    (line,) = capsys.readouterr().out.splitlines()
    content = json.loads(line)
    (described,) = content["_aws"]["CloudWatchMetrics"]
    assert described["Namespace"] == "Keepwarm"
    assert set(described["Dimensions"][0]) == {"source", "status_class", "service"}
    assert content["status_class"] == "2xx"
    assert content["first_byte"] == [3.0]
    assert content["broken_streams"] == [0.0]


def test_an_answer_that_went_as_a_whole_has_no_first_byte(capsys):
    RequestMetrics(source="alb", status=503, duration_ms=1.0).emit()
    assert "first_byte" not in capsys.readouterr().out
