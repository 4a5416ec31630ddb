"""Faults made on purpose: each kind over the wire, and how they are written."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Callable

import pytest

from local.gateway.faults import CutOff, Fault, Faults, faulty, paced, parse_faults
from local.gateway.server import Gateway
from tests.support.fake_function import Answered, FakeFunction, call

Open = Callable[..., Gateway]


def test_a_text_names_faults() -> None:
    first, second = parse_faults("cut:after=2000, times=1; slow:rate=500,path=/v1/x*,chance=0.5")
    assert first == Fault(kind="cut", after=2000, times=1)
    assert second == Fault(kind="slow", rate=500.0, path="/v1/x*", chance=0.5)
    assert parse_faults("  ") == []


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("explode", "a fault is one of cut, reset"),
        ("cut:after", "is not name=value"),
        ("cut:kind=end", "is not name=value"),
        ("cut:after=soon", "after='soon' in a fault must be a number"),
        ("cut:after=-1", "0 or more"),
        ("slow:rate=0", "rate is above 0"),
        ("slow:rate=inf", "must be finite"),
        ("stall:seconds=nan", "must be finite"),
        ("cut:chance=2", "chance must be in"),
        ("status:status=404", "status must be 500, 502, 503 or 504"),
        ("drop", "drop needs headers="),
    ],
)
def test_a_text_that_makes_no_sense_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        parse_faults(text)


@pytest.mark.parametrize(
    "wrong", [{"headers": 5}, {"path": None}, {"method": 1}, {"times": "x"}, {"after": 1.5}]
)
def test_a_value_of_another_type_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="cannot be"):
        Fault(kind="cut", **wrong)  # type: ignore[arg-type]


def happening(faults: Faults, number: int) -> list[bool]:
    return [bool(faults.happening("GET", "/v1/x")) for _ in range(number)]


def test_it_happens_so_often_after_so_many_requests() -> None:
    faults = Faults(parse_faults("cut:skip=1,times=2"))
    assert happening(faults, 5) == [False, True, True, False, False]
    assert faults.active() == []
    assert faults.happened == {"cut": 2}


def test_it_concerns_a_path_and_a_method() -> None:
    fault = Fault(kind="cut", path="/v1/a*", method="post")
    assert fault.concerns("POST", "/v1/ab")
    assert not fault.concerns("GET", "/v1/ab")
    assert not fault.concerns("POST", "/v1/b")


def test_chance_is_the_same_for_the_same_seed() -> None:
    chosen = [happening(Faults(parse_faults("cut:chance=0.5"), seed=3), 50) for _ in range(2)]
    assert chosen[0] == chosen[1]
    assert 0 < sum(chosen[0]) < 50


def asked(open_gateway: Open, faults: str) -> Answered:
    return call(open_gateway(faults=faults), "POST", "/v1/x", b"{}", {"X-Mine": "1"})


@pytest.mark.parametrize("after", [0, 5])
def test_cut_closes_the_connection_at_that_byte(open_gateway: Open, after: int) -> None:
    with pytest.raises(http.client.IncompleteRead) as caught:
        asked(open_gateway, f"cut:after={after}")
    assert caught.value.partial == b"one two"[:after]


def test_reset_is_a_reset(open_gateway: Open) -> None:
    gateway = open_gateway(faults="reset:after=0")
    with socket.create_connection(gateway.server_address[:2], 10) as client:
        client.sendall(b"GET /v1/x HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            while client.recv(4096):
                pass


def test_end_looks_like_a_whole_answer(open_gateway: Open) -> None:
    assert asked(open_gateway, "end:after=3").body == b"one"


def test_stall_and_slow_only_take_longer(open_gateway: Open) -> None:
    answer = asked(open_gateway, "stall:after=2,seconds=0.01;slow:rate=10000")
    assert answer.body == b"one two"


def test_a_stall_longer_than_the_idle_limit_ends_the_stream() -> None:
    slept: list[float] = []
    fault = Fault(kind="stall", seconds=100.0, after=1)
    with pytest.raises(CutOff):
        list(faulty(iter([b"ab"]), [fault], idle_s=60.0, sleep=slept.append))
    assert slept == [60.0]


def test_slow_sends_small_pieces_at_the_rate() -> None:
    slept: list[float] = []
    fault = Fault(kind="slow", rate=20.0)
    sent = list(faulty(iter([b"abcde"]), [fault], idle_s=60.0, sleep=slept.append))
    assert sent == [b"ab", b"cd", b"e"]
    assert sum(slept) == pytest.approx(5 / 20)


def test_drop_loses_a_request_header(open_gateway: Open, function: FakeFunction) -> None:
    asked(open_gateway, "drop:headers=x-mine+x-other")
    assert "x-mine" not in {name.lower() for name in function.events[0]["headers"]}


def test_strip_loses_an_answer_header(open_gateway: Open) -> None:
    assert "content-type" not in asked(open_gateway, "strip:headers=Content-Type").headers


def test_duplicate_asks_the_function_twice(open_gateway: Open, function: FakeFunction) -> None:
    assert asked(open_gateway, "duplicate").body == b"one two"
    assert len(function.events) == 2


def test_status_never_asks_the_function(open_gateway: Open, function: FakeFunction) -> None:
    assert asked(open_gateway, "status:status=503").status == 503
    assert function.events == []


def test_lose_asks_the_function_and_loses_the_answer(
    open_gateway: Open, function: FakeFunction
) -> None:
    assert asked(open_gateway, "lose:status=504").status == 504
    assert len(function.events) == 1


def test_what_is_not_below_the_path_is_spared(open_gateway: Open) -> None:
    assert call(open_gateway(faults="status"), "GET", "/config.json").status == 200


def test_the_rate_of_the_api_counts_from_its_limit_on() -> None:
    slept: list[float] = []
    pieces = iter([b"x" * 8, b"x" * 8])
    list(paced(pieces, full_speed_bytes=10, rate=2.0, sleep=slept.append))
    assert slept == [3.0]
