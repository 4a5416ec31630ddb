"""What the functions expect of their surroundings, taken from their own modules: names, layout.

    schema.py, seen.py   --> layout of the tables  --> data/  --> the template, the stand-ins
    texts.py             --> prefix of objects     --> data/, policies
    settings records     --> what may be in `environment.py`, checked by a test

Plain data, no CDK: every construct that names something takes the name from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from infrastructure.errors import SettingsError
from orchestrator_lambda.history import schema
from orchestrator_lambda.telemetry import seen

if TYPE_CHECKING:
    from infrastructure.settings import Stage

ORCHESTRATOR_HANDLER = "orchestrator_lambda.handler.handler"
CONSUMER_HANDLER = "orchestrator_lambda.telemetry.consumer.handler"
BOOTSTRAP = "/var/task/orchestrator_lambda/bootstrap"

OBJECTS = "messages/"
"""All objects of conversations lie below it (`history.texts.object_prefix`)."""

NEW_MESSAGE = schema.message_key(0)[:2]
"""How the sort key of every message begins, and of nothing else."""

METRICS_NAMESPACE = "Keepwarm"
LONGEST_BUCKET, LONGEST_CACHE = 63, 40  # characters of a name


@dataclass(frozen=True, kw_only=True)
class ResourceNames:
    """Names that the functions are told, and that must therefore be known beforehand.

    Attributes:
        table: conversations.
        marks: events that were counted already.
        texts: bucket of very long messages.
        stream: telemetry.
        cache: replication group or serverless cache of the sessions.
        cache_user: who signs in there; the id is the name, as IAM asks for.
    """

    table: str
    marks: str
    texts: str
    stream: str
    cache: str
    cache_user: str


@dataclass(frozen=True, kw_only=True)
class TableLayout:
    """A DynamoDB table as its user defines it.

    Attributes:
        definition: arguments of CreateTable.
        time_to_live: TimeToLiveSpecification.
    """

    definition: Mapping[str, Any]
    time_to_live: Mapping[str, Any]


def resource_names(stage: Stage) -> ResourceNames:
    """The names of a stage's resources; unique in the world where AWS wants that.

    Raises:
        SettingsError: prefix and stage make a name too long for AWS.
    """
    own = f"{stage.prefix}-{stage.name}"
    names = ResourceNames(
        table=own,
        marks=f"{own}-marks",
        texts=f"{own}-texts-{stage.account}-{stage.region}",
        stream=f"{own}-events",
        cache=own,
        cache_user=f"{own}-chat",
    )
    for name, most in ((names.texts, LONGEST_BUCKET), (names.cache_user, LONGEST_CACHE)):
        if len(name) > most:
            raise SettingsError(
                f"stage {stage.name!r}: prefix = {stage.prefix!r} makes the name {name!r}, which "
                f"may have {most} characters; shorten it by {len(name) - most}"
            )
    return names


def history_table(names: ResourceNames) -> TableLayout:
    """Conversations and messages."""
    return TableLayout(
        definition=schema.table_definition(names.table), time_to_live=schema.time_to_live()
    )


def marks_table(names: ResourceNames) -> TableLayout:
    """Which events the consumer has counted."""
    return TableLayout(
        definition=seen.table_definition(names.marks), time_to_live=seen.time_to_live()
    )
