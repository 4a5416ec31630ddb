"""DynamoDB units of each turn as one conversation grows, and what telemetry has lost of it."""

from __future__ import annotations

import json
from typing import Any

from benchmarks.orchestrator.parts import STREAM, TABLE, Parts
from local.ministack import client
from orchestrator_lambda.backends.config import build_router
from orchestrator_lambda.conversation.ids import new_conversation_id
from orchestrator_lambda.conversation.model import Conversation
from orchestrator_lambda.history.dynamodb import DynamoHistory
from orchestrator_lambda.history.table import Table
from orchestrator_lambda.identity.record import Identity
from orchestrator_lambda.sessions.factory import make_sessions
from orchestrator_lambda.sessions.settings import SessionSettings
from orchestrator_lambda.telemetry.kinesis import KinesisTelemetry
from orchestrator_lambda.turns.asked import Asked
from orchestrator_lambda.turns.run import run_turn
from orchestrator_lambda.turns.services import Services, now_ms
from orchestrator_lambda.turns.settings import TurnSettings

_WRITES = ("PutItem", "UpdateItem", "TransactWriteItems", "BatchWriteItem", "DeleteItem")
_READS = ("GetItem", "Query")
LIFETIME_MS = 60_000


class UnitCounter:
    """Adds up the capacity that the store says it has used, its indexes' among it."""

    def __init__(self, dynamodb: Any) -> None:
        self.write = self.read = 0.0
        events = dynamodb.meta.events
        events.register("before-parameter-build.dynamodb.*", self._ask)
        events.register("after-call.dynamodb.*", self._add)

    def _ask(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        if "ReturnConsumedCapacity" in model.input_shape.members:
            params["ReturnConsumedCapacity"] = "TOTAL"

    def _add(self, parsed: dict[str, Any], model: Any, **_: Any) -> None:
        used = parsed.get("ConsumedCapacity") or []
        units = sum(one["CapacityUnits"] for one in (used if isinstance(used, list) else [used]))
        if model.name in _WRITES:
            self.write += units
        if model.name in _READS:
            self.read += units


def measure_units(parts: Parts, turns: int) -> dict[str, Any]:
    """Write and read units of every turn, and how many of its events are missing in Kinesis."""
    dynamodb = client("dynamodb", parts.stores)
    counter = UnitCounter(dynamodb)
    services = _services(parts, dynamodb)
    now = now_ms()
    talk = Conversation(
        id=new_conversation_id(), owner="bench", title="bench", created_ms=now, updated_ms=now
    )
    services.history.create(talk)
    writes, reads = [], []
    for number in range(turns):
        counter.write = counter.read = 0.0
        _turn(services, talk.id, number)
        writes.append(counter.write)
        reads.append(counter.read)
    return {"writes": writes, "reads": reads, "events_lost": 2 * turns - _arrived(parts, talk.id)}


def _services(parts: Parts, dynamodb: Any) -> Services:
    entries = json.loads(parts.environment["KEEPWARM_BACKENDS"])
    kinesis = client("kinesis", parts.stores)
    return Services(
        history=DynamoHistory(Table(dynamodb, TABLE), None),
        sessions=make_sessions(parts.redis, SessionSettings(rate_requests=0)),
        backend=build_router(entries),
        telemetry=KinesisTelemetry(STREAM, client=kinesis),
        settings=TurnSettings(titles=False),
    )


def _turn(services: Services, talk: str, number: int) -> None:
    asked = Asked(
        identity=Identity(user="bench"),
        conversation_id=talk,
        content=f"Question number {number}, of about sixty characters and no more.",
        sampling={"max_tokens": 16},
    )
    hooks: list[Any] = []
    running = run_turn(services, asked, remaining_ms=lambda: LIFETIME_MS, after=hooks.append)
    for _ in running.events:
        pass
    for hook in hooks:
        hook()


def _arrived(parts: Parts, talk: str) -> int:
    kinesis = client("kinesis", parts.stores)
    seen = set()
    for shard in kinesis.list_shards(StreamName=STREAM)["Shards"]:
        iterator = kinesis.get_shard_iterator(
            StreamName=STREAM, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while records := (answer := kinesis.get_records(ShardIterator=iterator))["Records"]:
            seen |= {json.loads(record["Data"])["event_id"] for record in records}
            iterator = answer["NextShardIterator"]
    return sum(1 for event_id in seen if event_id.startswith(f"{talk}:"))
