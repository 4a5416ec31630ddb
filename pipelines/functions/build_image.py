"""Answers the pipeline's requests for images, which come through a queue.

A message that AWS let down comes again by itself; at its last chance the step is told, so that no
pipeline waits for days. What has no token goes to the queue of dead letters.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from pipelines.aws import Clients
from pipelines.errors import PipelineError
from pipelines.functions.runtime import Event, Result, log, on_lambda
from pipelines.image.builder import Builder, Clock
from pipelines.image.request import ImageRequest
from pipelines.settings import DeploymentSettings

RECEIVES = 6
"""How often the queue hands out a message before it is a dead letter."""


def handle(
    event: Event, clients: Clients, settings: DeploymentSettings, clock: Clock = time.time
) -> Result:
    """Go on with each message; those to be handed out again are named in the answer."""
    builder = Builder(clients, settings.names, clock)
    failed = [
        {"itemIdentifier": record["messageId"]}
        for record in event["Records"]
        if not _take(builder, record)
    ]
    return {"batchItemFailures": failed}


def _take(builder: Builder, record: Mapping[str, Any]) -> bool:
    """Whether a message is dealt with."""
    request = None
    try:
        request = ImageRequest.parse(record["body"])
        log("image request", token=request.token, done=builder.advance(request))
    except (PipelineError, ClientError, BotoCoreError) as error:
        log("image request failed", message_id=record["messageId"], error=str(error))
        return request is not None and _give_up(builder, request, record, error)
    return True


def _give_up(
    builder: Builder, request: ImageRequest, record: Mapping[str, Any], error: Exception
) -> bool:
    """Tell the step, where the message would not come again."""
    if int(record.get("attributes", {}).get("ApproximateReceiveCount", 1)) < RECEIVES:
        return False
    try:
        builder.refuse(request, f"the image cannot be had: {error}")
    except (ClientError, BotoCoreError) as unanswered:
        log("image request unanswered", token=request.token, error=str(unanswered))
        return False
    return True


handler = on_lambda(handle)
