"""Settings to the running whole: clients, services, application, handler; made once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

from orchestrator_lambda.api.application import make_application
from orchestrator_lambda.backends.config import build_router
from orchestrator_lambda.backends.router import Router
from orchestrator_lambda.clients import aws_client
from orchestrator_lambda.events.invocation import Invocation
from orchestrator_lambda.history.dynamodb import DynamoHistory
from orchestrator_lambda.history.table import Table
from orchestrator_lambda.history.texts import S3Objects
from orchestrator_lambda.identity.authenticator import Authenticator
from orchestrator_lambda.identity.settings import IdentitySettings
from orchestrator_lambda.observability.logs import configure_logging
from orchestrator_lambda.runtime.handler import LambdaHandler
from orchestrator_lambda.runtime.lifecycle import Lifecycle
from orchestrator_lambda.sessions.factory import make_sessions
from orchestrator_lambda.sessions.no_sessions import NoSessions
from orchestrator_lambda.sessions.redis_sessions import RedisSessions
from orchestrator_lambda.sessions.settings import SessionSettings
from orchestrator_lambda.settings import Settings
from orchestrator_lambda.telemetry.kinesis import KinesisTelemetry, NoTelemetry, make_telemetry
from orchestrator_lambda.telemetry.settings import TelemetrySettings
from orchestrator_lambda.telemetry.sweeper import finish_deletions, finish_turns, sweep
from orchestrator_lambda.turns.moderation import load_moderator
from orchestrator_lambda.turns.reports import Reporter
from orchestrator_lambda.turns.services import Services
from orchestrator_lambda.turns.settings import TurnSettings
from orchestrator_lambda.turns.sweep import finish_turn

DYNAMODB_READ_S = 2.0
S3_READ_S = 10.0
S3_ATTEMPTS = 3
END_MS = 300


def make_handler(env: Mapping[str, str] | None = None) -> LambdaHandler:
    """The function, as the environment describes it; nothing is called yet.

    Raises:
        ConfigError: a variable is wrong; the message names it.
    """
    settings = Settings.from_env(env)
    configure_logging(settings.log_level)
    telemetry_settings = TelemetrySettings.from_env(env)
    sessions = make_sessions(settings.redis_url, SessionSettings.from_env(env))
    telemetry = make_telemetry(telemetry_settings)
    turns = TurnSettings.from_env(env)
    router = build_router(settings.backend_entries(), sessions=_book(sessions))
    services = Services(
        history=make_history(settings),
        sessions=sessions,
        backend=router,
        telemetry=telemetry,
        model=settings.model,
        settings=turns,
        reporter=Reporter(
            user_salt=telemetry_settings.user_salt, prices=telemetry_settings.price_table
        ),
        moderator=load_moderator(turns.moderation),
    )
    return LambdaHandler(
        _application(services, router, env),
        settings=settings.events,
        cors=settings.cors,
        scheduled=partial(_sweep, services, telemetry),
        lifecycle=_lifecycle(sessions, telemetry),
    )


def make_history(settings: Settings) -> DynamoHistory:
    """The history over boto3's clients."""
    table = Table(aws_client("dynamodb", read_s=DYNAMODB_READ_S), settings.table)
    if not settings.bucket:
        return DynamoHistory(table, None)
    s3 = aws_client("s3", read_s=S3_READ_S, attempts=S3_ATTEMPTS)
    return DynamoHistory(table, S3Objects(s3, settings.bucket))


def _application(services: Services, router: Router, env: Mapping[str, str] | None) -> Any:
    authenticator = Authenticator(IdentitySettings.from_env(env))
    return make_application(services, authenticator, [member.backend for member in router.members])


def _book(sessions: RedisSessions | NoSessions) -> RedisSessions | None:
    """Where session ids and homes are kept; in the process where there is no Redis."""
    return sessions if isinstance(sessions, RedisSessions) else None


def _lifecycle(
    sessions: RedisSessions | NoSessions, telemetry: KinesisTelemetry | NoTelemetry
) -> Lifecycle:
    lifecycle = Lifecycle()
    lifecycle.before_checkpoint(sessions.reset)
    lifecycle.after_restore(sessions.reset)
    lifecycle.at_end(lambda: telemetry.flush(deadline_ms=END_MS))
    return lifecycle


def _sweep(
    services: Services,
    telemetry: KinesisTelemetry | NoTelemetry,
    event: Mapping[str, Any],
    invocation: Invocation,
) -> Mapping[str, Any]:
    """What the schedule asks for: finish deletions, end dead turns, send what is in outboxes."""
    remaining, now = invocation.remaining_ms, services.clock()
    purged = finish_deletions(services.history, now_ms=now, remaining_ms=remaining)
    finished = finish_turns(
        services.history, partial(finish_turn, services), now_ms=now, remaining_ms=remaining
    )
    swept = sweep(services.history, telemetry, now_ms=now, remaining_ms=remaining)
    return {"deletions": purged, "turns": asdict(finished), "outbox": asdict(swept)}
