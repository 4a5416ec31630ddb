from __future__ import annotations

import pytest

from orchestrator_lambda.errors import ConfigError
from orchestrator_lambda.events.invocation import EventSettings
from orchestrator_lambda.identity.settings import IdentitySettings
from orchestrator_lambda.settings import Settings, markdown_table

TOKENS = {
    "KEEPWARM_JWT_ISSUER": "https://issuer.example.com",
    "KEEPWARM_JWT_AUDIENCES": "client-1",
}


def test_defaults_hold():
    settings = Settings.from_env({})
    assert settings.env == "production"
    assert settings.streaming_events == ("rest", "url")
    assert settings.backend_entries() == []
    assert not settings.cors.origins
    assert settings.events == EventSettings()


def test_all_kinds_of_values_are_read():
    settings = Settings.from_env(
        {
            "KEEPWARM_MAX_BODY_BYTES": "2048",
            "KEEPWARM_CORS_ORIGINS": " https://a.example.com , https://b.example.com,",
            "KEEPWARM_CORS_CREDENTIALS": "Yes",
            "KEEPWARM_BACKENDS": '[{"kind": "sagemaker"}]',
            "KEEPWARM_TABLE": "",
        }
    )
    assert settings.max_body_bytes == 2048
    assert settings.cors.origins == {"https://a.example.com", "https://b.example.com"}
    assert settings.cors.credentials
    assert settings.backend_entries() == [{"kind": "sagemaker"}]
    assert settings.table == "keepwarm"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("KEEPWARM_ENV", "prod"),
        ("KEEPWARM_MAX_BODY_BYTES", "many"),
        ("KEEPWARM_MAX_BODY_BYTES", "1"),
        ("KEEPWARM_MAX_BODY_BYTES", "10000000"),
        ("KEEPWARM_CORS_CREDENTIALS", "maybe"),
        ("KEEPWARM_CORS_ORIGINS", "example.com"),
        ("KEEPWARM_BACKENDS", "{"),
        ("KEEPWARM_BACKENDS", '{"a": 1}'),
        ("KEEPWARM_BACKENDS", "[1]"),
        ("KEEPWARM_BUCKET", "Not_A_Bucket"),
        ("KEEPWARM_REDIS_URL", "localhost:6379"),
        ("KEEPWARM_BASE_PATH", "chat/"),
        ("KEEPWARM_STREAMING_EVENTS", "rest,alb"),
        ("KEEPWARM_LOG_LEVEL", "loud"),
    ],
)
def test_a_wrong_value_is_named(variable, value):
    with pytest.raises(ConfigError, match=variable):
        Settings.from_env({variable: value})


def test_a_secret_is_in_no_message_and_no_repr():
    url = "rediss://user:hunter2@cache:6379"
    assert "hunter2" not in repr(Settings.from_env({"KEEPWARM_REDIS_URL": url}))
    with pytest.raises(ConfigError) as caught:
        Settings.from_env({"KEEPWARM_REDIS_URL": "http://user:hunter2@cache"})
    assert "hunter2" not in str(caught.value)


def test_identity_needs_issuer_and_audience():
    for missing in TOKENS:
        with pytest.raises(ConfigError, match=missing):
            IdentitySettings.from_env({**TOKENS, missing: ""})
    settings = IdentitySettings.from_env(TOKENS)
    assert settings.keys_url == "https://issuer.example.com/.well-known/jwks.json"


def test_the_local_identity_is_refused_outside_development():
    with pytest.raises(ConfigError, match="KEEPWARM_ENV=local"):
        IdentitySettings.from_env({"KEEPWARM_IDENTITY": "local"})
    with pytest.raises(ConfigError, match="KEEPWARM_ENV=local"):
        IdentitySettings.from_env({"KEEPWARM_IDENTITY": "iam,local", "KEEPWARM_ENV": "staging"})
    IdentitySettings.from_env({"KEEPWARM_IDENTITY": "local", "KEEPWARM_ENV": "local"})


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("KEEPWARM_JWT_ALGORITHMS", "HS256"),
        ("KEEPWARM_JWT_ALGORITHMS", "RS256,none"),
        ("KEEPWARM_JWT_ALGORITHMS", ","),
        ("KEEPWARM_IDENTITY", ","),
        ("KEEPWARM_IDENTITY", "everybody"),
        ("KEEPWARM_JWT_JWKS_URL", "http://issuer.example.com/keys"),
        ("KEEPWARM_JWT_JWKS_URL", "file:///etc/passwd"),
    ],
)
def test_unsafe_identity_settings_are_refused(variable, value):
    with pytest.raises(ConfigError):
        IdentitySettings.from_env({**TOKENS, variable: value})


def test_the_table_lists_every_variable_once():
    table = markdown_table(Settings, IdentitySettings)
    for variable in ("KEEPWARM_ENV", "KEEPWARM_TABLE", "KEEPWARM_IDENTITY", "KEEPWARM_JWT_ISSUER"):
        assert table.count(f"| `{variable}` |") == 1
    assert "| `KEEPWARM_STREAMING_EVENTS` | `rest,url` |" in table
