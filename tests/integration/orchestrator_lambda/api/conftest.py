from dataclasses import dataclass, replace

import pytest

from orchestrator_lambda.api.application import make_application
from orchestrator_lambda.history import schema
from orchestrator_lambda.history.dynamodb import DynamoHistory
from orchestrator_lambda.history.table import Table
from orchestrator_lambda.history.texts import S3Objects
from orchestrator_lambda.turns.services import Services
from orchestrator_lambda.turns.settings import TurnSettings
from tests.support.aws_local import AwsLocal
from tests.support.memory_sessions import MemorySessions
from tests.support.orchestrator_api import AnyUser, Client
from tests.support.recorded_telemetry import RecordedTelemetry
from tests.support.scripted_generation import ScriptedBackend

QUICK = TurnSettings(
    ping_seconds=0.05,
    coalesce_ms=0.0,
    checkpoint_seconds=0.1,
    lock_seconds=1.0,
    grace_seconds=0.3,
    degraded_grace_seconds=0.6,
    margin_seconds=0.5,
    titles=False,
)


@dataclass
class House:
    """The application over real stores, a scripted backend, and sessions that can be put out."""

    services: Services
    sessions: MemorySessions
    backend: ScriptedBackend
    telemetry: RecordedTelemetry
    history: DynamoHistory

    def client(self, user: str = "ann", **changes: object) -> Client:
        """A reader; `changes` are other habits of the turns."""
        services = self.services
        if changes:
            settings = replace(services.settings, **changes)  # type: ignore[arg-type]
            services = replace(services, settings=settings)
        return Client(make_application(services, AnyUser(), [self.backend]), user=user)


@pytest.fixture(scope="session")
def stores(aws: AwsLocal) -> tuple[Table, S3Objects]:
    table = aws.table(schema.table_definition("keepwarm"))
    return Table(aws.client("dynamodb"), table), S3Objects(aws.client("s3"), aws.bucket())


@pytest.fixture
def house(stores: tuple[Table, S3Objects]) -> House:
    history = DynamoHistory(*stores)
    sessions, backend, telemetry = MemorySessions(), ScriptedBackend(), RecordedTelemetry()
    services = Services(
        history=history, sessions=sessions, backend=backend, telemetry=telemetry, settings=QUICK
    )
    return House(services, sessions, backend, telemetry, history)
