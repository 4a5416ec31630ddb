from __future__ import annotations

import pytest

from orchestrator_lambda.errors import ConfigError
from orchestrator_lambda.settings import markdown_table
from orchestrator_lambda.telemetry.kinesis import KinesisTelemetry, NoTelemetry, make_telemetry
from orchestrator_lambda.telemetry.settings import ConsumerSettings, TelemetrySettings


def test_without_a_stream_nothing_is_sent():
    assert isinstance(make_telemetry(TelemetrySettings.from_env({})), NoTelemetry)


def test_a_stream_is_not_spoken_to_before_there_is_something_to_say():
    settings = TelemetrySettings.from_env({"KEEPWARM_STREAM": "events"})
    assert isinstance(make_telemetry(settings), KinesisTelemetry)


def test_a_salt_that_can_be_guessed_is_refused_and_not_shown():
    with pytest.raises(ConfigError, match="at least 16 characters") as refused:
        TelemetrySettings.from_env({"KEEPWARM_TELEMETRY_SALT": "pepper"})
    assert "pepper" not in refused.value.message
    assert "0123456789abcdef" not in repr(
        TelemetrySettings.from_env({"KEEPWARM_TELEMETRY_SALT": "0123456789abcdef"})
    )


def test_a_namespace_of_aws_is_refused():
    with pytest.raises(ConfigError, match="KEEPWARM_METRICS_NAMESPACE"):
        ConsumerSettings.from_env({"KEEPWARM_METRICS_NAMESPACE": "AWS/Lambda"})


def test_the_settings_make_a_table():
    table = markdown_table(TelemetrySettings, ConsumerSettings)
    for name in ("KEEPWARM_STREAM", "KEEPWARM_PRICES", "KEEPWARM_DEDUPE_TABLE"):
        assert f"| `{name}` |" in table
