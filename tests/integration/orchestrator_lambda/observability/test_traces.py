"""Spans of a turn, as the X-Ray daemon gets them from the real handler in a Lambda environment."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from orchestrator_lambda.history import schema
from tests.soak.container import FaultyContainer, answer_to
from tests.soak.house import function_environment
from tests.support.aws_local import AwsLocal
from tests.support.redis_server import redis_server
from tests.support.talking_function import Caller, Shown, events, talking_function
from tests.support.xray_daemon import XRayDaemon

QUESTION = "Where did Rosalind hide the zugzwang manuscript?"
ANSWER = answer_to(QUESTION)


@dataclass
class House:
    caller: Caller
    daemon: XRayDaemon
    log: Path

    def lines(self) -> list[dict[str, Any]]:
        """What the function has logged."""
        return [json.loads(line) for line in self.log.read_text().splitlines() if line[:1] == "{"]


@contextmanager
def house(
    aws: AwsLocal, folder: Path, *, traced: bool = True, chance: float = 0.0, **env: str
) -> Iterator[House]:
    with (
        XRayDaemon() as daemon,
        redis_server(folder) as redis,
        FaultyContainer(1, chance, pace_s=0.01) as container,
    ):
        names = {
            "KEEPWARM_TABLE": aws.table(schema.table_definition("keepwarm")),
            "KEEPWARM_BUCKET": aws.bucket(),
            "KEEPWARM_STREAM": aws.stream(),
            "KEEPWARM_CHECKPOINT_SECONDS": "0.1",
            "KEEPWARM_RATE_BURST": "100",
            "AWS_XRAY_DAEMON_ADDRESS": daemon.address,
            "TMPDIR": str(folder),
        }
        env = {**function_environment(aws.endpoint_url, redis.url, [container.url]), **names, **env}
        with talking_function(env, folder / "lambda.log", traced=traced) as function:
            yield House(Caller(function), daemon, folder / "lambda.log")


def talk(caller: Caller) -> Shown:
    """A conversation of one turn, read to its end."""
    conversation = caller.json("POST", "/v1/conversations", {})["id"]
    path, shown = f"/v1/conversations/{conversation}/messages", Shown()
    for event in events(caller.call("POST", path, {"content": QUESTION})):
        shown.take(event)
    return shown


def named(daemon: XRayDaemon, name: str) -> dict[str, Any]:
    return next(document for document in daemon.documents() if document["name"] == name)


def test_a_turn_leaves_its_spans_and_not_a_word_of_it(aws: AwsLocal, tmp_path: Path) -> None:
    with house(aws, tmp_path) as at:
        shown = talk(at.caller)
        at.daemon.await_names(
            "begin turn", "begin transaction", "backend", "checkpoint", "commit", "redis"
        )

    assert shown.text == ANSWER
    assert named(at.daemon, "commit")["annotations"] == {"outcome": "complete", "takeovers": 0}
    backend = named(at.daemon, "backend")["annotations"]
    assert {**backend, "cached_share": 0} == {
        "backend": "fleet-0",
        "attempt": 1,
        "outcome": "stop",
        "cached_share": 0,
    }
    everything = b"".join(at.daemon.datagrams).decode()
    words = [word for word in f"{QUESTION} {ANSWER}".split() if len(word) > 3]
    assert not [word for word in words if word in everything]
    assert not any("metadata" in document for document in at.daemon.documents())


def test_spans_of_all_threads_hang_below_the_invocation(aws: AwsLocal, tmp_path: Path) -> None:
    """The producer's and the backend's threads have no context of their own in X-Ray's SDK."""
    with house(aws, tmp_path) as at:
        talk(at.caller)
        at.daemon.await_names("begin turn", "begin transaction", "backend", "commit")

    spans = {document["name"]: document for document in at.daemon.documents()}
    begin, transaction = spans["begin turn"], spans["begin transaction"]
    assert begin["trace_id"] == spans["backend"]["trace_id"] == spans["commit"]["trace_id"]
    assert begin["parent_id"] == spans["backend"]["parent_id"] == spans["commit"]["parent_id"]
    assert transaction["parent_id"] == begin["id"]


def test_a_failure_is_recorded_by_its_type_alone(aws: AwsLocal, tmp_path: Path) -> None:
    with house(aws, tmp_path, chance=1.0) as at:
        shown = talk(at.caller)
        at.daemon.await_names("backend")

    failed = named(at.daemon, "backend")
    assert shown.end is not None and shown.end.kind == "error"
    assert failed["fault"] is True
    assert failed["annotations"]["error_type"].startswith("orchestrator_lambda.")
    assert "cause" not in failed
    said = [line for line in at.lines() if line.get("message") == "a try failed"]
    assert {line["xray_trace_id"] for line in said} == {failed["trace_id"]}
    assert {line["function_name"] for line in said} == {"keepwarm-orchestrator"}
    assert "Rosalind" not in at.log.read_text()


@pytest.mark.parametrize(
    ("traced", "env"),
    [
        (False, {}),
        (True, {"AWS_XRAY_DAEMON_ADDRESS": ""}),
        (True, {"POWERTOOLS_TRACE_DISABLED": "true"}),
        (True, {"AWS_XRAY_DAEMON_ADDRESS": "no address"}),
    ],
)
def test_where_nobody_traces_a_turn_is_the_same_without(
    aws: AwsLocal, tmp_path: Path, traced: bool, env: dict[str, str]
) -> None:
    with house(aws, tmp_path, traced=traced, **env) as at:
        assert talk(at.caller).text == ANSWER

    assert at.daemon.datagrams == []
