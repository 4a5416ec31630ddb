"""The queue through which the pipeline asks for an image, and where lost messages end up."""

from __future__ import annotations

from typing import Any

from pipelines.names import Names
from pipelines.template.cloudformation import (
    Resource,
    Resources,
    attribute,
    document,
    ref,
    resource,
    statement,
)

FUNCTION_S = 60
VISIBLE_AGAIN_S = 6 * FUNCTION_S
"""SQS asks for six times what the function may take."""

TRIES = 6
TWO_WEEKS_S = 14 * 24 * 3600
EVENTS = "events.amazonaws.com"


def queues(names: Names) -> Resources:
    """The build queue, its dead letters, and the events that no function took."""
    redrive = {"deadLetterTargetArn": attribute("BuildDeadLetters"), "maxReceiveCount": TRIES}
    main = _queue(names.build_queue, VisibilityTimeout=VISIBLE_AGAIN_S, RedrivePolicy=redrive)
    return {
        "BuildQueue": main,
        "BuildDeadLetters": _queue(
            f"{names.build_queue}-failed", MessageRetentionPeriod=TWO_WEEKS_S
        ),
        "EventDeadLetters": _queue(
            f"{names.prefix}-events-failed", MessageRetentionPeriod=TWO_WEEKS_S
        ),
        "QueuePolicy": resource(
            "AWS::SQS::QueuePolicy",
            Queues=[ref("BuildQueue"), ref("BuildDeadLetters")],
            PolicyDocument=document(_tls_alone("BuildQueue"), _tls_alone("BuildDeadLetters")),
        ),
        "EventDeadLettersPolicy": resource(
            "AWS::SQS::QueuePolicy",
            Queues=[ref("EventDeadLetters")],
            PolicyDocument=document(_tls_alone("EventDeadLetters"), _from_rules()),
        ),
    }


def _queue(name: str, **more: Any) -> Resource:
    return resource("AWS::SQS::Queue", QueueName=name, SqsManagedSseEnabled=True, **more)


def _tls_alone(queue: str) -> dict[str, Any]:
    return statement(
        "Deny",
        "sqs:*",
        attribute(queue),
        Principal="*",
        Condition={"Bool": {"aws:SecureTransport": "false"}},
    )


def _from_rules() -> dict[str, Any]:
    """EventBridge puts there what it could not deliver; of this account's rules alone."""
    return statement(
        "Allow",
        "sqs:SendMessage",
        attribute("EventDeadLetters"),
        Principal={"Service": EVENTS},
        Condition={"StringEquals": {"aws:SourceAccount": ref("AWS::AccountId")}},
    )
