"""How the consumer reads the stream."""

from __future__ import annotations

from typing import Any

from tests.support.chat_boxes import chat_templates


def mapping(variant: str = "dev") -> dict[str, Any]:
    return chat_templates(variant).only(
        "chat", "AWS::Lambda::EventSourceMapping", "ConsumerTelemetry"
    )


def test_poison_is_searched_for_by_halves_and_named_one_by_one():
    assert mapping()["BisectBatchOnFunctionError"] is True
    assert mapping()["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_batches_tries_and_parallel_readers_are_as_set():
    events = chat_templates().stage.events
    assert mapping()["BatchSize"] == events.batch_size
    assert mapping()["MaximumRetryAttempts"] == events.max_retries
    assert mapping()["ParallelizationFactor"] == events.parallel


def test_a_record_is_tried_for_as_long_as_the_stream_has_it_and_none_is_skipped_at_the_start():
    stream = chat_templates().data.only("AWS::Kinesis::Stream")
    assert mapping()["MaximumRecordAgeInSeconds"] == stream["RetentionPeriodHours"] * 3600
    assert mapping()["StartingPosition"] == "TRIM_HORIZON"


def test_what_is_given_up_is_in_the_dead_letters():
    assert "DeadLettersEvents" in str(mapping()["DestinationConfig"]["OnFailure"]["Destination"])


def test_it_is_the_second_handler_of_the_same_zip():
    functions = chat_templates().chat.of_type("AWS::Lambda::Function")
    assert len({one["Code"]["S3Key"] for one in functions}) == 1
    consumer = chat_templates().only("chat", "AWS::Lambda::Function", "Consumer")
    assert consumer["Handler"] == "orchestrator_lambda.telemetry.consumer.handler"


def test_the_age_of_a_record_is_never_above_what_lambda_takes():
    assert mapping("long_kept")["MaximumRecordAgeInSeconds"] == 7 * 24 * 3600
