"""How the pipeline side reaches AWS: clients by service, and failures as one sentence.

Code asks for `Clients` and gets boto3's, or those of the fake in `pipelines.testing`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from pipelines.errors import PipelineError, SettingsError

Call = Callable[..., Any]
ATTEMPTS = 8
"""Of a call that is throttled or finds AWS out of order; boto3 waits longer each time."""


class Clients(Protocol):
    """Where clients come from."""

    def client(self, service: str) -> Any:
        """The boto3 client of a service, the same one each time."""


class BotoClients:
    """Real ones, with the credentials of the environment.

    Args:
        region: AWS region.
    """

    def __init__(self, region: str) -> None:
        self._region = region
        self._made: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        """A client, made at its first use.

        Raises:
            SettingsError: boto3 is not installed.
        """
        if service not in self._made:
            self._made[service] = self._make(service)
        return self._made[service]

    def _make(self, service: str) -> Any:
        try:
            import boto3
            from botocore.config import Config
        except ImportError as error:
            raise SettingsError("this needs boto3: pip install 'keepwarm[pipelines]'") from error
        config = Config(retries={"mode": "standard", "total_max_attempts": ATTEMPTS})
        return boto3.client(service, region_name=self._region, config=config)


@contextmanager
def told(what: str, kind: type[PipelineError]) -> Iterator[None]:
    """Failures of AWS in the block as one sentence, without the request and without credentials.

    Args:
        what: what was tried, such as `endpoint keepwarm`.
        kind: what is raised.

    Raises:
        PipelineError: of that kind; AWS refused, or cannot be reached.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        found = error.response.get("Error", {})
        code, message = found.get("Code", "unknown"), found.get("Message", "")
        raise kind(f"{what}: AWS answers {code}: {message}") from error
    except BotoCoreError as error:
        raise kind(f"{what}: AWS cannot be reached: {type(error).__name__}: {error}") from error


def find(what: str, kind: type[PipelineError], call: Call, **parameters: Any) -> Any:
    """What a describing call answers; None where there is no such thing.

    Raises:
        PipelineError: of `kind`; AWS refused, or cannot be reached.
    """
    from botocore.exceptions import ClientError

    with told(what, kind):
        try:
            return call(**parameters)
        except ClientError as error:
            if is_missing(error):
                return None
            raise


def make(what: str, kind: type[PipelineError], call: Call, **parameters: Any) -> bool:
    """Create something; False where it is there already, made by somebody at the same time.

    Raises:
        PipelineError: of `kind`; AWS refused, or cannot be reached.
    """
    from botocore.exceptions import ClientError

    with told(what, kind):
        try:
            call(**parameters)
        except ClientError as error:
            if is_taken(error):
                return False
            raise
    return True


def drop(what: str, kind: type[PipelineError], call: Call, **parameters: Any) -> bool:
    """Delete something; False where it is gone already.

    Raises:
        PipelineError: of `kind`; AWS refused, or cannot be reached.
    """
    return find(what, kind, call, **parameters) is not None


def is_missing(error: Exception) -> bool:
    """Whether AWS says that there is no such thing; SageMaker says it by a ValidationException."""
    found = getattr(error, "response", {}).get("Error", {})
    code, message = found.get("Code", ""), found.get("Message", "").lower()
    if code in ("ResourceNotFound", "ResourceNotFoundException", "ObjectNotFoundException"):
        return True
    said = ("could not find", "does not exist", "not found")
    return code == "ValidationException" and any(text in message for text in said)


def is_taken(error: Exception) -> bool:
    """Whether AWS says that there is one of this name already."""
    found = getattr(error, "response", {}).get("Error", {})
    message = found.get("Message", "").lower()
    return found.get("Code", "") == "ResourceAlreadyExists" or "already exist" in message


def account_of(clients: Clients) -> str:
    """The account number of the credentials in use."""
    return str(clients.client("sts").get_caller_identity()["Account"])
