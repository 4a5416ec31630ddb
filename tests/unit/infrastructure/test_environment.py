"""A stage whose functions would not start cannot be synthesised unnoticed."""

from __future__ import annotations

import dataclasses
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import orchestrator_lambda
from infrastructure.environment import Surroundings, orchestrator_environment
from orchestrator_lambda.backends.config import build_router
from orchestrator_lambda.composition import make_handler
from orchestrator_lambda.identity.settings import IdentitySettings
from orchestrator_lambda.sessions.settings import SessionSettings
from orchestrator_lambda.settings import Settings
from orchestrator_lambda.telemetry.settings import ConsumerSettings, TelemetrySettings
from orchestrator_lambda.turns.settings import TurnSettings
from tests.support.chat_boxes import VARIANTS, chat_templates
from tests.support.infrastructure import a_stage

RECORDS = (Settings, IdentitySettings, SessionSettings, TelemetrySettings, TurnSettings)
PACKAGE = Path(orchestrator_lambda.__file__).parent
OF_AWS = {"AWS_LAMBDA_EXEC_WRAPPER", "POWERTOOLS_TRACE_DISABLED"}
LAMBDAS_OWN = {"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"}


def variables(*records: type) -> set[str]:
    return {spec.metadata["variable"] for one in records for spec in dataclasses.fields(one)}


@pytest.fixture
def in_lambda(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What Lambda sets by itself; and the log is put back, which a function takes for itself."""
    for name, value in LAMBDAS_OWN.items():
        monkeypatch.setenv(name, value)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.usefixtures("in_lambda")
def test_the_orchestrator_starts_with_what_the_template_gives_it(variant):
    environment = chat_templates(variant).environment("Orchestrator")
    assert make_handler({**environment, **LAMBDAS_OWN})


@pytest.mark.parametrize("variant", ["dev", "prod"])
def test_the_sweeper_has_the_orchestrators_variables_but_for_its_runtime(variant):
    templates = chat_templates(variant)
    orchestrator, sweeper = (templates.environment(box) for box in ("Orchestrator", "Sweeper"))
    assert orchestrator.pop("AWS_LAMBDA_EXEC_WRAPPER").endswith("/orchestrator_lambda/bootstrap")
    assert sweeper == orchestrator


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variable_is_one_that_somebody_reads(variant):
    templates = chat_templates(variant)
    for box in ("Orchestrator", "Sweeper"):
        assert set(templates.environment(box)) <= variables(*RECORDS) | OF_AWS
    assert set(templates.environment("Consumer")) <= variables(ConsumerSettings) | OF_AWS


def test_the_code_reads_no_variable_that_its_records_do_not_know():
    sources = "".join(path.read_text() for path in PACKAGE.rglob("*.py"))
    named = set(re.findall(r'"(KEEPWARM_[A-Z_]+)"', sources))
    assert named == variables(*RECORDS, ConsumerSettings) - {"AWS_REGION"}


def test_the_consumer_reads_what_the_template_gives_it():
    templates = chat_templates()
    settings = ConsumerSettings.from_env(templates.environment("Consumer"))
    assert settings.dedupe_table == "keepwarm-dev-marks"
    assert settings.dedupe_hours > templates.stage.events.retention_hours


def test_the_functions_know_the_resources_by_their_names_in_the_template():
    templates = chat_templates()
    settings = Settings.from_env(templates.environment("Orchestrator"))
    tables = {one["TableName"] for one in templates.data.of_type("AWS::DynamoDB::Table")}
    buckets = templates.data.of_type("AWS::S3::Bucket")
    assert settings.table in tables
    assert settings.bucket in {one.get("BucketName") for one in buckets}
    stream = TelemetrySettings.from_env(templates.environment("Orchestrator")).stream
    assert stream == templates.data.only("AWS::Kinesis::Stream")["Name"]


def test_the_way_to_redis_follows_from_its_kind():
    nodes = SessionSettings.from_env(
        {**chat_templates().environment("Orchestrator"), **LAMBDAS_OWN}
    )
    assert (nodes.iam_user, nodes.iam_cache) == ("keepwarm-dev-chat", "keepwarm-dev")
    assert (nodes.cluster, nodes.iam_serverless) == (False, False)
    serverless = chat_templates("serverless").environment("Orchestrator")
    cache = SessionSettings.from_env({**serverless, **LAMBDAS_OWN})
    assert (cache.cluster, cache.iam_serverless) == (True, True)
    assert serverless["KEEPWARM_REDIS_URL"].startswith("rediss://")


def test_the_fleet_comes_after_the_endpoint_and_only_where_there_is_one():
    dev = json.loads(chat_templates().environment("Orchestrator")["KEEPWARM_BACKENDS"])
    prod = json.loads(chat_templates("prod").environment("Orchestrator")["KEEPWARM_BACKENDS"])
    assert [one["kind"] for one in dev] == ["sagemaker"]
    assert [one["kind"] for one in prod] == ["sagemaker", "fleet"]
    assert dev[0]["inference_component"] == "chat"
    assert "inference_component" not in prod[0]
    assert all(build_router(entries) for entries in (dev, prod))


def test_api_gateway_checks_cognitos_tokens_and_the_function_those_of_an_issuer_of_ones_own():
    cognito = IdentitySettings.from_env(chat_templates().environment("Orchestrator"))
    own = IdentitySettings.from_env(chat_templates("own_issuer").environment("Orchestrator"))
    assert cognito.ways == ("authorizer",)
    assert (own.ways, own.issuer) == (("jwt",), "https://id.example.org/realm")
    assert own.audiences == ("page",)


@pytest.mark.parametrize("context", [16, 100, 4096, 8192, 131_072])
def test_a_prompt_and_the_usual_answer_fit_into_any_context(context):
    stage = a_stage("dev", model={"context_tokens": context})
    around = Surroundings(redis_url="rediss://r:6379", endpoint="chat", salt="s" * 48)
    turns = TurnSettings.from_env(orchestrator_environment(stage, around))
    if context >= 4096:
        assert turns.prompt_high + turns.default_tokens <= context
    assert turns.prompt_low < turns.prompt_high


def test_nothing_secret_is_written_into_the_template():
    function = chat_templates().only("chat", "AWS::Lambda::Function", "Orchestrator")
    salt = function["Environment"]["Variables"]["KEEPWARM_TELEMETRY_SALT"]
    assert salt["Fn::Join"][1][0] == "{{resolve:secretsmanager:"
