"""What is wrong with a setting is logged: so no complaint may quote a secret."""

from __future__ import annotations

import dataclasses

import pytest

from orchestrator_lambda.backends.config import build_router
from orchestrator_lambda.errors import ConfigError
from orchestrator_lambda.identity.settings import IdentitySettings
from orchestrator_lambda.sessions.settings import SessionSettings
from orchestrator_lambda.settings import Settings
from orchestrator_lambda.telemetry.settings import ConsumerSettings, TelemetrySettings
from orchestrator_lambda.turns.settings import TurnSettings

RECORDS = (
    Settings,
    IdentitySettings,
    SessionSettings,
    TelemetrySettings,
    ConsumerSettings,
    TurnSettings,
)
GOOD = {
    "KEEPWARM_JWT_ISSUER": "https://issuer.example.com",
    "KEEPWARM_JWT_AUDIENCES": "client",
    "KEEPWARM_BACKENDS": '[{"kind": "fleet", "url": "http://127.0.0.1:1"}]',
    "AWS_REGION": "us-east-1",
}


def start(env: dict[str, str]) -> None:
    """What checks settings when an environment starts."""
    for record in RECORDS:
        record.from_env(env)
    build_router(Settings.from_env(env).backend_entries())


def complaint(**wrong: str) -> str:
    with pytest.raises(ConfigError) as caught:
        start({**GOOD, **wrong})
    return caught.value.message


def test_nothing_is_wrong_with_the_rest() -> None:
    start(GOOD)


def test_salt_and_redis_url_are_secret_and_nothing_else() -> None:
    secret = {
        spec.metadata["variable"]
        for record in RECORDS
        for spec in dataclasses.fields(record)
        if spec.metadata.get("secret")
    }
    assert secret == {"KEEPWARM_TELEMETRY_SALT", "KEEPWARM_REDIS_URL"}


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("KEEPWARM_TELEMETRY_SALT", "hunter2"),
        ("KEEPWARM_REDIS_URL", "http://user:hunter2@host"),
        ("KEEPWARM_REDIS_URL", "rediss://user:hunter2 @host"),
        ("KEEPWARM_JWT_JWKS_URL", "http://user:hunter2@issuer.example.com/keys"),
        ("KEEPWARM_BACKENDS", '[{"kind": "fleet", "url": "http://user:hunter2@host"}]'),
        ("KEEPWARM_BACKENDS", '[{"kind": "fleet", "url": "ftp://hunter2"}]'),
        ("KEEPWARM_BACKENDS", "hunter2"),
        ("KEEPWARM_PRICES", "hunter2"),
    ],
)
def test_a_complaint_names_the_variable_and_not_the_secret(variable: str, value: str) -> None:
    said = complaint(**{variable: value})
    assert variable in said
    assert "hunter2" not in said
