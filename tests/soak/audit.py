"""Reads everything back, when the faults are over, and holds it against what was acknowledged."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestrator_lambda.conversation.model import Message, Role
from orchestrator_lambda.history.interface import History
from tests.soak.container import answer_to
from tests.soak.reader import Reader


@dataclass
class Report:
    """What the audit found.

    Attributes:
        faults: one line for each thing that must not be.
    """

    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


def audit(
    history: History, readers: Iterable[Reader], events: Sequence[Mapping[str, Any]], locks: int
) -> Report:
    """Every acknowledged message once and in order, every turn ended once, every event, no lock."""
    report = Report()
    seen = Counter(str(event["event_id"]) for event in events)
    for reader in readers:
        messages = history.messages(reader.conversation)
        _audit_questions(reader, messages, report)
        _audit_answers(reader, messages, report)
        _audit_events(reader.conversation, messages, seen, report)
        if history.get(reader.conversation).answering is not None:
            report.faults.append(f"{reader.conversation}: still being answered")
        report.counts["conversations"] += 1
    report.counts["events in Kinesis"] = sum(seen.values())
    report.counts["events that came twice or more"] = sum(1 for n in seen.values() if n > 1)
    if locks:
        report.faults.append(f"{locks} locks are left")
    return report


def _audit_questions(reader: Reader, messages: Sequence[Message], report: Report) -> None:
    stored = [message.text for message in messages if message.role is Role.USER]
    acknowledged = [told.question for told in reader.told if told.answer_seq is not None]
    report.counts["questions acknowledged"] += len(acknowledged)
    report.counts["questions stored"] += len(stored)
    for question, times in Counter(stored).items():
        if times > 1:
            report.faults.append(f"{reader.conversation}: {times} times {question!r}")
    if [question for question in stored if question in set(acknowledged)] != acknowledged:
        report.faults.append(f"{reader.conversation}: questions are lost or out of order")


def _audit_answers(reader: Reader, messages: Sequence[Message], report: Report) -> None:
    by_seq = {message.seq: message for message in messages}
    questions = {message.seq: message.text for message in messages}
    for message in messages:
        if message.role is Role.ASSISTANT:
            report.counts[f"answers {message.status.value}"] += 1
            if not message.status.terminal:
                report.faults.append(f"{reader.conversation}:{message.seq} never ended")
            expected = answer_to(questions[message.parent])
            if message.status.value == "complete" and message.text != expected:
                report.faults.append(f"{reader.conversation}:{message.seq} says something else")
    for told in reader.told:
        answer = by_seq.get(told.answer_seq or 0)
        if told.answer is None:
            continue
        report.counts["answers acknowledged"] += 1
        if answer is None or answer.text != told.answer:
            report.faults.append(f"{reader.conversation}:{told.answer_seq} is not what was told")


def _audit_events(
    conversation: str, messages: Sequence[Message], seen: Counter[str], report: Report
) -> None:
    for message in messages:
        if message.role is Role.ASSISTANT:
            for kind in ("started", "ended"):
                if not seen[f"{conversation}:{message.seq}:{kind}"]:
                    report.faults.append(f"no event {conversation}:{message.seq}:{kind}")


def read_stream(kinesis: Any, name: str) -> list[dict[str, Any]]:
    """All records of a stream."""
    found = []
    for shard in kinesis.list_shards(StreamName=name)["Shards"]:
        iterator = kinesis.get_shard_iterator(
            StreamName=name, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while iterator:
            answer = kinesis.get_records(ShardIterator=iterator, Limit=1000)
            found += [json.loads(record["Data"]) for record in answer["Records"]]
            if not answer["Records"]:
                break
            iterator = answer.get("NextShardIterator")
    return found
