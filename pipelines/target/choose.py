"""An endpoint as a step is told of it: a URL is a server of our own, a name SageMaker's."""

from __future__ import annotations

import re

from pipelines.errors import SettingsError
from pipelines.target.http import HttpTarget
from pipelines.target.interface import Target

_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")


def is_url(endpoint: str) -> bool:
    """Whether it is a server of our own."""
    return "://" in endpoint


def target_of(endpoint: str, *, attempts: int) -> Target:
    """The target; `attempts` of one call at SageMaker, retried by boto3.

    Raises:
        SettingsError: it is neither a URL nor a name that an endpoint can have.
    """
    if is_url(endpoint):
        return HttpTarget(endpoint)
    if not _NAME.fullmatch(endpoint):
        raise SettingsError(
            f"the endpoint must be http://host:port or the name of a SageMaker endpoint, "
            f"got {endpoint!r}"
        )
    from pipelines.target.sagemaker import SageMakerTarget, runtime_client

    return SageMakerTarget(endpoint, runtime_client(attempts))
