"""Settings: read from the environment, refused with a sentence that names the variable."""

from __future__ import annotations

from pathlib import Path

import pytest

from container.settings import ContainerSettings, markdown_table
from serving.errors import ConfigError


def test_defaults_bind_the_loopback_address_alone() -> None:
    settings = ContainerSettings.from_env({})
    assert (settings.host, settings.port) == ("127.0.0.1", 8080)


def test_the_platforms_port_wins_over_ours() -> None:
    env = {"SAGEMAKER_BIND_TO_PORT": "9001", "KEEPWARM_PORT": "9002"}
    assert ContainerSettings.from_env(env).port == 9001


def test_an_override_wins_over_the_environment_and_none_does_not() -> None:
    env = {"KEEPWARM_PORT": "9002"}
    assert ContainerSettings.from_env(env, port=9003).port == 9003
    assert ContainerSettings.from_env(env, port=None).port == 9002


def test_an_empty_variable_counts_as_absent() -> None:
    assert ContainerSettings.from_env({"KEEPWARM_PORT": ""}).port == 8080


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"KEEPWARM_PORT": "http"}, ["KEEPWARM_PORT", "http", "whole number"]),
        ({"KEEPWARM_PORT": "70000"}, ["70000", "65535"]),
        ({"KEEPWARM_DRAIN_SECONDS": "-1"}, ["KEEPWARM_DRAIN_SECONDS", "-1"]),
        ({"KEEPWARM_DEADLINE_SECONDS": "nan"}, ["KEEPWARM_DEADLINE_SECONDS"]),
        ({"SAGEMAKER_ENABLE_STATEFUL_SESSIONS": "maybe"}, ["maybe", "true or false"]),
        ({"KEEPWARM_LOG_LEVEL": "loud"}, ["loud", "debug"]),
        ({"SAGEMAKER_SAFE_PORT_RANGE": "9-1"}, ["SAGEMAKER_SAFE_PORT_RANGE", "LOW-HIGH"]),
    ],
)
def test_a_wrong_value_is_named(env: dict[str, str], words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        ContainerSettings.from_env(env)
    assert all(word in caught.value.message for word in words)


def test_the_model_folder_follows_the_platforms_folder() -> None:
    assert ContainerSettings.from_env({}).model_path == Path("/opt/ml/model")
    settings = ContainerSettings.from_env({"SAGEMAKER_BASE_DIR": "/tmp/ml"})
    assert settings.model_path == Path("/tmp/ml/model")
    assert settings.code_path == Path("/tmp/ml/model/code")
    assert settings.model_name == "model"


def test_the_code_folder_can_be_named() -> None:
    settings = ContainerSettings.from_env({"SAGEMAKER_SUBMIT_DIRECTORY": "file:///opt/code"})
    assert settings.code_path == Path("/opt/code")


def test_the_table_describes_every_variable() -> None:
    table = markdown_table()
    assert "| `KEEPWARM_MAX_CONCURRENT` | `256` |" in table
    assert "`SAGEMAKER_BIND_TO_PORT`, `KEEPWARM_PORT`" in table
