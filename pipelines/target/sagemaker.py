"""A SageMaker endpoint by its name, through boto3's sagemaker-runtime."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, EventStreamError
from urllib3.exceptions import HTTPError

from pipelines.target.errors import Interrupted, Refused, Unreachable, sentence_of
from pipelines.target.http import json_object
from pipelines.target.interface import Body, Pieces

JSON = "application/json"
MOST_CONNECTIONS = 256
# What the platform says for itself, in the status that the container would have used.
BUSY = {"ThrottlingException": 429, "ServiceUnavailable": 503, "ModelNotReadyException": 503}


def runtime_client(attempts: int, *, region: str | None = None) -> Any:
    """A client whose connections do not wait for one another.

    Args:
        attempts: of one call, in all; 1 where a retry would be measured as a slow answer.
        region: None: as boto3 finds it.
    """
    import boto3

    config = Config(
        max_pool_connections=MOST_CONNECTIONS,
        read_timeout=120,
        retries={"mode": "standard", "total_max_attempts": attempts},
    )
    return boto3.client("sagemaker-runtime", region_name=region, config=config)


class SageMakerTarget:
    """InvokeEndpoint and InvokeEndpointWithResponseStream of one endpoint."""

    def __init__(self, endpoint: str, client: Any) -> None:
        self._endpoint = endpoint
        self._client = client

    @property
    def name(self) -> str:
        """The endpoint's name."""
        return self._endpoint

    def invoke(self, body: Body) -> dict[str, Any]:
        """The whole answer; see `Target`."""
        with _translated(self._endpoint):
            answer = self._client.invoke_endpoint(**self._call(body))
            content = answer["Body"].read()
        return json_object(content)

    def stream(self, body: Body) -> Pieces:
        """Bytes as they arrive; see `Target`."""
        with _translated(self._endpoint):
            answer = self._client.invoke_endpoint_with_response_stream(**self._call(body))
            try:
                for event in answer["Body"]:
                    yield event["PayloadPart"]["Bytes"]
            finally:
                answer["Body"].close()

    def _call(self, body: Body) -> dict[str, Any]:
        content = json.dumps(body).encode()
        return {"EndpointName": self._endpoint, "ContentType": JSON, "Body": content}


@contextmanager
def _translated(endpoint: str) -> Iterator[None]:
    """What boto3 raises, as a target's errors."""
    try:
        yield
    except EventStreamError as error:
        message = error.response.get("Error", {}).get("Message", str(error))
        raise Interrupted(f"endpoint {endpoint} broke the answer off: {message}") from error
    except ClientError as error:
        raise _refused(error) from error
    except (BotoCoreError, HTTPError, OSError) as error:
        raise Unreachable(f"endpoint {endpoint} does not answer: {error}") from error


def _refused(error: ClientError) -> Refused:
    """The container's own status and words where it said something, else the platform's."""
    response = error.response
    code = response.get("Error", {}).get("Code", "")
    said = response.get("OriginalMessage")
    if status := response.get("OriginalStatusCode"):
        return Refused(int(status), sentence_of(said or ""))
    status = BUSY.get(code) or response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
    return Refused(int(status), f"{code}: {response.get('Error', {}).get('Message', '')}")
