from __future__ import annotations

import pytest

from orchestrator_lambda.http.multimap import Headers, Query


def test_header_names_know_no_case():
    headers = Headers({"Content-Type": "text/plain"})
    assert headers["content-type"] == headers["CONTENT-TYPE"] == "text/plain"
    assert "Content-type" in headers
    assert 5 not in headers


def test_several_lines_of_a_header_read_as_one():
    headers = Headers([("X-Many", "one"), ("x-many", "two")])
    assert headers["x-many"] == "one, two"
    assert headers.get_list("X-MANY") == ["one", "two"]
    assert headers.pairs() == [("x-many", "one"), ("x-many", "two")]


def test_the_last_of_several_parameters_wins_and_case_counts():
    query = Query([("a", "1"), ("a", "2"), ("A", "3")])
    assert (query["a"], query["A"], query.get("b")) == ("2", "3", None)
    assert query.get_list("b") == []


def test_absent_names_raise_key_error():
    with pytest.raises(KeyError):
        Headers()["x"]


def test_the_repr_has_no_values():
    assert "secret" not in repr(Headers({"Authorization": "secret"}))
