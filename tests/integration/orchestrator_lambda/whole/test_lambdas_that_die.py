"""Lambda environments, Redis and Kinesis end in the middle of answers: nothing is lost by it."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local.lambda_function import LambdaFunction
from orchestrator_lambda.history import schema
from tests.soak.container import FaultyContainer, answer_to
from tests.soak.house import function_environment
from tests.support.aws_local import AwsLocal
from tests.support.redis_server import RedisServer, redis_server
from tests.support.talking_function import Caller, Event, Shown, events, talking_function

QUESTION = "Which way to the river?"
ANSWER = answer_to(QUESTION)


@dataclass
class House:
    function: LambdaFunction
    redis: RedisServer
    container: FaultyContainer
    aws: AwsLocal
    stream: str
    log: Path

    def caller(self, user: str = "ann") -> Caller:
        return Caller(self.function, user)

    def event_ids(self) -> list[str]:
        """Of everything in Kinesis."""
        return [json.loads(data)["event_id"] for data in self.aws.records(self.stream)]


@pytest.fixture
def house(aws: AwsLocal, tmp_path: Path) -> Iterator[House]:
    stream = aws.stream()
    with redis_server(tmp_path) as redis, FaultyContainer(1, 0.0, pace_s=0.05) as container:
        names = {
            "KEEPWARM_TABLE": aws.table(schema.table_definition("keepwarm")),
            "KEEPWARM_BUCKET": aws.bucket(),
            "KEEPWARM_STREAM": stream,
        }
        env = {**function_environment(aws.endpoint_url, redis.url, [container.url]), **names}
        log = tmp_path / "lambda.log"
        with talking_function(env, log) as function:
            yield House(function, redis, container, aws, stream, log)


def until(condition: Callable[[], bool], within_s: float = 20.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)


def begun(ann: Caller, talk: str, words: int = 3, **body: Any) -> tuple[Any, Shown, int]:
    """A turn under way, of which so many events have come: its answer, what is shown, its seq."""
    path = f"/v1/conversations/{talk}/messages"
    answer = ann.call("POST", path, {"content": QUESTION, **body}, Idempotency_Key="k-1")
    shown, seq = Shown(), 0
    for event in events(answer):
        shown.take(event)
        if event.kind == "turn":
            seq = event.data["answer"]["seq"]
        if len(shown.ids) == words:
            return answer, shown, seq
    raise AssertionError("the answer ended too soon")


def new_talk(ann: Caller) -> str:
    return str(ann.json("POST", "/v1/conversations", {})["id"])


def test_a_killed_producer_is_gone_on_for_by_another_lambda(house: House) -> None:
    """kill -9; the reader comes back with Last-Event-ID and reads one answer, under rising ids."""
    ann = house.caller()
    talk = new_talk(ann)
    answer, shown, seq = begun(ann, talk)

    answer.environment.kill()
    ann.follow(talk, seq, shown)

    assert shown.text == ANSWER
    assert shown.ids == list(range(1, len(shown.ids) + 1))
    assert shown.end is not None and shown.end.kind == "done"
    stored = ann.json("GET", f"/v1/conversations/{talk}")["messages"]
    assert [message["content"] for message in stored] == [QUESTION, ANSWER]
    assert stored[1]["receipt"]["takeovers"] == 1


def test_a_killed_producers_request_that_comes_again_is_the_same_turn(house: House) -> None:
    ann = house.caller()
    talk = new_talk(ann)
    answer, _, seq = begun(ann, talk)
    answer.environment.kill()

    path = f"/v1/conversations/{talk}/messages"
    again, shown = ann.call("POST", path, {"content": QUESTION}, Idempotency_Key="k-1"), Shown()
    told = list(events(again))
    for event in told:
        shown.take(event)

    assert told[0].data["duplicate"] is True
    assert told[0].data["answer"]["seq"] == seq
    assert (shown.text, shown.end.kind if shown.end else None) == (ANSWER, "done")
    assert len(ann.json("GET", f"/v1/conversations/{talk}")["messages"]) == 2


def test_stop_works_from_another_lambda(house: House) -> None:
    ann = house.caller()
    talk = new_talk(ann)
    answer, shown, seq = begun(ann, talk)

    asked = ann.json("POST", f"/v1/conversations/{talk}/messages/{seq}/stop")
    for event in events(answer):
        shown.take(event)

    assert asked == {"stopping": True}
    assert shown.end is not None and shown.end.kind == "stopped"
    assert ANSWER.startswith(shown.text) and shown.text != ANSWER
    assert shown.end.data["answer"]["content"] == shown.text


def test_redis_killed_in_mid_turn_loses_no_character(house: House) -> None:
    ann = house.caller()
    talk = new_talk(ann)
    answer, shown, seq = begun(ann, talk)
    elsewhere = Shown()

    house.redis.kill()
    ann.follow(talk, seq, elsewhere)  # another Lambda, which has the history alone
    for event in events(answer):
        shown.take(event)

    assert shown.text == elsewhere.text == ANSWER
    assert shown.end is not None and shown.end.kind == "done"


def test_redis_killed_while_idle_degrades_the_next_turn_and_no_more(house: House) -> None:
    ann = house.caller()
    talk = new_talk(ann)
    begin, shown, seq = begun(ann, talk)
    ann.follow(talk, seq, shown)
    del begin
    house.redis.kill()

    told = list(events(ann.call("POST", f"/v1/conversations/{talk}/messages", {"content": "Why?"})))

    assert told[0].kind == "turn"
    assert told[-1].kind == "done"
    assert told[-1].data["answer"]["content"] == answer_to("Why?")
    assert ann.json("GET", "/v1/health")["status"] in ("ok", "degraded")
    assert len(ann.json("GET", f"/v1/conversations/{talk}")["messages"]) == 4


def test_deleting_in_mid_answer_leaves_no_key_in_redis_and_tells_kinesis(house: House) -> None:
    ann = house.caller()
    talk = new_talk(ann)
    answer, _, seq = begun(ann, talk)

    assert ann.call("DELETE", f"/v1/conversations/{talk}").status == 204
    for _ in events(answer):
        pass

    until(lambda: not house.redis.client().keys(f"*{talk}*"))
    until(lambda: f"{talk}:0:deleted" in house.event_ids())
    assert ann.call("GET", f"/v1/conversations/{talk}/messages/{seq}/stream").status == 404


def test_events_of_a_turn_are_in_kinesis_once_its_lambda_asks_for_more(house: House) -> None:
    ann = house.caller()
    talk = new_talk(ann)
    _, shown, seq = begun(ann, talk)
    ann.follow(talk, seq, shown)

    wanted = {f"{talk}:{seq}:started", f"{talk}:{seq}:ended"}
    until(lambda: wanted <= set(house.event_ids()))


def test_no_word_of_the_talk_is_in_any_log_whatever_goes_wrong(house: House) -> None:
    ann = house.caller()
    talk = new_talk(ann)
    answer, shown, seq = begun(ann, talk)
    answer.environment.kill()
    house.redis.kill()
    ann.follow(talk, seq, shown)

    text = house.log.read_text()
    assert "redis failed" in text
    assert "river" not in text
    assert not any(word in text for word in ANSWER.split() if len(word) > 4)


def test_an_answer_longer_than_a_lambda_lives_is_handed_on(aws: AwsLocal, tmp_path: Path) -> None:
    stream = aws.stream()
    with redis_server(tmp_path) as redis, FaultyContainer(1, 0.0, pace_s=0.15) as container:
        env = {
            **function_environment(aws.endpoint_url, redis.url, [container.url]),
            "KEEPWARM_TABLE": aws.table(schema.table_definition("keepwarm")),
            "KEEPWARM_STREAM": stream,
            "KEEPWARM_BUCKET": "",
            "KEEPWARM_MARGIN_SECONDS": "1",
        }
        with talking_function(env, tmp_path / "log", timeout_s=3.0) as function:
            ann = Caller(function)
            talk = new_talk(ann)
            path = f"/v1/conversations/{talk}/messages"
            told = list(events(ann.call("POST", path, {"content": QUESTION})))
            shown = Shown()
            for event in told:
                shown.take(event)
            assert shown.end is None

            ann.follow(talk, told[0].data["answer"]["seq"], shown, patience_s=60)

    assert shown.text == ANSWER
    assert isinstance(shown.end, Event) and shown.end.kind == "done"
    assert shown.ids == sorted(set(shown.ids))
