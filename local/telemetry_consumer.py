"""`python -m local.telemetry_consumer`: the consumer of the stream, as Lambda would run it.

    Kinesis --batches--> the consumer's own handler --EMF--> standard output, the file
                    `--> the file: the events as they passed

What CloudWatch would make of the lines has no stand-in: the page under the hood reads the file.
"""

from __future__ import annotations

import argparse
import base64
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from infrastructure.definitions import definitions
from local.kinesis_checkpoints import Checkpoints
from local.kinesis_shard import SourceSettings
from local.kinesis_source import KinesisSource
from local.ministack import client
from local.stack.function import consumer_environment
from local.telemetry_file import EMF, TELEMETRY, TelemetryWriter

log = logging.getLogger("local.telemetry_consumer")


def main(arguments: Sequence[str] | None = None) -> int:
    """Read until SIGTERM or SIGINT; 1 when the checkpoints cannot be used."""
    parser = argparse.ArgumentParser(
        prog="python -m local.telemetry_consumer", description="Counts what passes the stream."
    )
    parser.add_argument("--stores", required=True, help="address of Kinesis and DynamoDB")
    parser.add_argument("--stream", default=definitions().stream.name)
    parser.add_argument("--file", required=True, type=Path, help="what the page reads")
    parser.add_argument("--checkpoints", type=Path, help="file that outlives the process")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    try:
        checkpoints = Checkpoints(options.checkpoints)
    except ValueError as error:
        print(f"telemetry_consumer: {error}", file=sys.stderr)
        return 1
    os.environ |= consumer_environment(options.stores)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    handler = Recorded(TelemetryWriter(options.file))
    settings = SourceSettings(stream=options.stream)
    kinesis = client("kinesis", options.stores)
    with KinesisSource(kinesis, handler, settings, checkpoints=checkpoints):
        options.file.touch()
        print(f"consumer: reading {options.stream}", flush=True)
        stopping.wait()
    return 0


class Recorded:
    """The consumer's handler, with a copy of what goes in and what comes out in a file."""

    def __init__(self, file: TelemetryWriter) -> None:
        from orchestrator_lambda.telemetry.consumer import Consumer, write_lines
        from orchestrator_lambda.telemetry.seen import dynamo_seen
        from orchestrator_lambda.telemetry.settings import ConsumerSettings

        settings = ConsumerSettings.from_env()
        self._file = file
        self._write_lines = write_lines
        self._consumer = Consumer(
            namespace=settings.namespace,
            seen=dynamo_seen(settings.dedupe_table, settings.dedupe_hours),
            write=self._write,
        )

    def __call__(self, event: Mapping[str, Any], context: Any) -> dict[str, Any]:
        """Count a batch."""
        answer = self._consumer.consume(event, context)
        self._keep(TELEMETRY, _documents(event, answer))
        return answer

    def _write(self, lines: Sequence[str]) -> None:
        self._write_lines(lines)
        self._keep(EMF, (json.loads(line) for line in lines))

    def _keep(self, kind: str, documents: Iterable[Any]) -> None:
        """The file is for people to look at: a disk that is full does not stop the counting."""
        try:
            self._file.write(kind, documents)
        except OSError as error:
            log.warning("the telemetry file cannot be written: %s", error.strerror or error)


def _documents(event: Mapping[str, Any], answer: Mapping[str, Any]) -> Iterator[Any]:
    """What the records hold; from the first failed one on they come again with the next batch."""
    failed = {one["itemIdentifier"] for one in answer.get("batchItemFailures", ())}
    for record in event["Records"]:
        if record["kinesis"]["sequenceNumber"] in failed:
            return
        try:
            yield json.loads(base64.b64decode(record["kinesis"]["data"]))
        except (ValueError, KeyError, TypeError):
            continue


if __name__ == "__main__":
    sys.exit(main())
