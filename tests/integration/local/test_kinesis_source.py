from __future__ import annotations

import base64
import threading
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from local.kinesis_checkpoints import Checkpoints, FailureFile
from local.kinesis_delivery import DeliverySettings
from local.kinesis_shard import SourceSettings
from local.kinesis_source import KinesisSource
from tests.support.aws_local import AwsLocal
from tests.support.waiting import wait_until

QUICK = DeliverySettings(retry_wait_s=0.01, max_retries=2)


class Function:
    """Remembers what it got, by shard; names records that begin with `poison`."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.by_shard: dict[str, list[str]] = defaultdict(list)
        self.lock = threading.Lock()

    def __call__(self, event: dict[str, Any], context: Any) -> dict[str, Any]:
        failures = []
        with self.lock:
            self.batches.append([])
            for record in event["Records"]:
                text = base64.b64decode(record["kinesis"]["data"]).decode()
                self.batches[-1].append(text)
                if text.startswith("poison"):
                    failures.append({"itemIdentifier": record["kinesis"]["sequenceNumber"]})
                else:
                    self.by_shard[record["eventID"].split(":")[0]].append(text)
        return {"batchItemFailures": failures}

    def good(self) -> list[str]:
        with self.lock:
            return [text for shard in self.by_shard.values() for text in shard]


def put(aws: AwsLocal, stream: str, *texts: str) -> None:
    for start in range(0, len(texts), 500):
        aws.client("kinesis").put_records(
            StreamName=stream,
            Records=[
                {"Data": text.encode(), "PartitionKey": text} for text in texts[start : start + 500]
            ],
        )


def source(aws: AwsLocal, function: Any, stream: str, **options: Any) -> KinesisSource:
    beside = {name: options.pop(name) for name in ("on_failure", "checkpoints") if name in options}
    settings = SourceSettings(
        **{"stream": stream, "poll_s": 0.05, "discover_s": 0.1, "delivery": QUICK, **options}
    )
    return KinesisSource(aws.client("kinesis"), function, settings, **beside)


def test_every_record_of_every_shard_arrives_in_order(aws: AwsLocal):
    stream, function = aws.stream(shards=3), Function()
    texts = [f"{number:04d}" for number in range(700)]
    put(aws, stream, *texts[:300])
    with source(aws, function, stream):
        put(aws, stream, *texts[300:])
        wait_until(lambda: len(function.good()) >= 700)
    assert sorted(function.good()) == texts
    assert len(function.by_shard) == 3
    for shard in function.by_shard.values():
        assert shard == sorted(shard)
    assert max(len(batch) for batch in function.batches) <= 100


def test_poison_records_end_at_the_destination_and_all_others_arrive(aws: AwsLocal, tmp_path: Path):
    stream, function = aws.stream(), Function()
    failures = FailureFile(tmp_path / "failures")
    texts = [f"poison {n}" if n in (0, 13, 14, 29) else f"{n:04d}" for n in range(30)]
    put(aws, stream, *texts)
    with source(aws, function, stream, on_failure=failures):
        wait_until(lambda: len(failures.read()) >= 4)
        wait_until(lambda: len(set(function.good())) >= 26)
    assert [failure["KinesisBatchInfo"]["batchSize"] for failure in failures.read()] == [1] * 4
    assert set(function.good()) == {text for text in texts if not text.startswith("poison")}


def test_what_a_failure_record_names_is_found_in_the_stream(aws: AwsLocal):
    stream, failures = aws.stream(), []
    put(aws, stream, "a", "poison")
    with source(aws, Function(), stream, on_failure=failures.append):
        wait_until(lambda: failures)
    info = failures[0]["KinesisBatchInfo"]
    kinesis = aws.client("kinesis")
    iterator = kinesis.get_shard_iterator(
        StreamName=stream,
        ShardId=info["shardId"],
        ShardIteratorType="AT_SEQUENCE_NUMBER",
        StartingSequenceNumber=info["startSequenceNumber"],
    )["ShardIterator"]
    assert kinesis.get_records(ShardIterator=iterator, Limit=1)["Records"][0]["Data"] == b"poison"


def test_a_function_that_raises_blocks_its_shard_until_it_recovers(aws: AwsLocal):
    stream, good = aws.stream(), Function()
    down = threading.Event()
    down.set()
    tried = threading.Event()

    def function(event: dict[str, Any], context: Any) -> Any:
        if down.is_set():
            tried.set()
            raise ConnectionError("down")
        return good(event, context)

    endless = DeliverySettings(retry_wait_s=0.01, longest_wait_s=0.05)
    put(aws, stream, "1", "2", "3")
    with source(aws, function, stream, delivery=endless):
        assert tried.wait(30)
        down.clear()
        wait_until(lambda: len(good.good()) >= 3)
    assert good.good() == ["1", "2", "3"]


def test_a_run_goes_on_where_the_last_one_stopped(aws: AwsLocal, tmp_path: Path):
    stream, path = aws.stream(shards=2), tmp_path / "checkpoints"
    first, second = Function(), Function()
    put(aws, stream, "1", "2", "3", "4")
    with source(aws, first, stream, checkpoints=Checkpoints(path)):
        wait_until(lambda: len(first.good()) >= 4)
    put(aws, stream, "5", "6")
    with source(aws, second, stream, checkpoints=Checkpoints(path)):
        wait_until(lambda: len(second.good()) >= 2)
    assert sorted(second.good()) == ["5", "6"]


def test_what_a_stop_interrupts_comes_again(aws: AwsLocal):
    stream, checkpoints = aws.stream(), Checkpoints()
    called = threading.Event()

    def failing(event: dict[str, Any], context: Any) -> Any:
        called.set()
        raise RuntimeError("not now")

    endless = DeliverySettings(retry_wait_s=5.0, bisect=False)
    put(aws, stream, "1", "2")
    with source(aws, failing, stream, delivery=endless, checkpoints=checkpoints):
        assert called.wait(30)
    function = Function()
    with source(aws, function, stream, checkpoints=checkpoints):
        wait_until(lambda: len(function.good()) >= 2)
    assert function.good() == ["1", "2"]


def test_batches_are_no_larger_than_asked_for_and_wait_to_fill(aws: AwsLocal):
    stream, function = aws.stream(), Function()
    put(aws, stream, *(str(number) for number in range(7)))
    with source(aws, function, stream, batch_size=3):
        wait_until(lambda: len(function.good()) >= 7)
    assert [len(batch) for batch in function.batches] == [3, 3, 1]

    stream, function = aws.stream(), Function()
    with source(aws, function, stream, window_s=20, batch_size=4):
        for number in range(4):
            put(aws, stream, str(number))
        wait_until(lambda: len(function.good()) >= 4)
    assert function.batches == [["0", "1", "2", "3"]]


def test_from_now_on_means_without_what_was_there(aws: AwsLocal):
    stream, function = aws.stream(), Function()
    put(aws, stream, "before")
    wait_until(lambda: aws.records(stream))
    threading.Event().wait(0.01)  # times in Kinesis are in milliseconds
    with source(aws, function, stream, latest=True):
        put(aws, stream, "after")
        wait_until(function.good)
    assert function.good() == ["after"]


def test_a_stream_that_appears_later_is_read_then(aws: AwsLocal):
    stream, function = aws.unique("later"), Function()
    with source(aws, function, stream):
        aws.client("kinesis").create_stream(StreamName=stream, ShardCount=1)
        put(aws, stream, "1")
        wait_until(function.good)
    assert function.good() == ["1"]


def test_shards_born_of_a_split_are_read_from_their_beginning(aws: AwsLocal):
    stream, function = aws.stream(), Function()
    kinesis = aws.client("kinesis")
    with source(aws, function, stream, latest=True):
        put(aws, stream, "1")
        wait_until(function.good)
        kinesis.split_shard(
            StreamName=stream,
            ShardToSplit="shardId-000000000000",
            NewStartingHashKey=str(2**127),
        )
        put(aws, stream, *(str(number) for number in range(2, 20)))
        wait_until(lambda: len(function.good()) >= 19)
    assert sorted(map(int, function.good())) == list(range(1, 20))


def test_after_a_stop_nothing_is_called_any_more(aws: AwsLocal):
    stream, function = aws.stream(), Function()
    running = source(aws, function, stream).start()
    put(aws, stream, "1")
    wait_until(function.good)
    running.stop()
    running.stop()
    put(aws, stream, "2")
    threading.Event().wait(0.2)
    assert function.good() == ["1"]
    assert not any(thread.name.startswith("shard") for thread in threading.enumerate())


def test_a_destination_that_fails_gives_nothing_up(aws: AwsLocal):
    stream, function = aws.stream(), Function()
    failures: list[dict[str, Any]] = []

    def destination(failure: dict[str, Any]) -> None:
        failures.append(failure)
        if len(failures) < 3:
            raise OSError("disk full")

    put(aws, stream, "poison", "1")
    with source(aws, function, stream, on_failure=destination):
        wait_until(lambda: len(failures) >= 3 and function.good())
    assert set(function.good()) == {"1"}


def test_a_file_that_holds_no_checkpoints_is_refused(tmp_path: Path):
    for content in ("nonsense", "[]", '{"shard": 5}'):
        path = tmp_path / "checkpoints"
        path.write_text(content)
        with pytest.raises(ValueError, match="does not hold checkpoints"):
            Checkpoints(path)


@pytest.mark.parametrize("wrong", [{"batch_size": 0}, {"batch_size": 10_001}, {"window_s": 301}])
def test_settings_that_lambda_refuses_are_refused(wrong: dict[str, Any]):
    with pytest.raises(ValueError, match="must be in"):
        SourceSettings(stream="events", **wrong)
