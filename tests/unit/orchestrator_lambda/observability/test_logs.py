from __future__ import annotations

import ast
import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

import orchestrator_lambda
from orchestrator_lambda.errors import ConfigError
from orchestrator_lambda.observability import context
from orchestrator_lambda.observability.failures import log_failure
from orchestrator_lambda.observability.formatter import RedactingFormatter
from orchestrator_lambda.observability.plain import PlainFormatter
from orchestrator_lambda.observability.redaction import REDACTED, safe_fields

WORDS = "my secret words"
with_powertools = pytest.mark.parametrize("log", [RedactingFormatter], indirect=True)
LOG_CALLS = {"debug", "info", "warning", "error", "critical", "exception", "log", "log_failure"}


@pytest.fixture(params=[RedactingFormatter, PlainFormatter])
def log(request):
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(request.param("test"))
    logger = logging.Logger("orchestrator_lambda.test", logging.DEBUG)
    logger.addHandler(handler)
    logger.text = stream.getvalue
    logger.line = lambda: json.loads(stream.getvalue().splitlines()[-1])
    context.clear()
    yield logger
    context.clear()


def test_a_line_is_one_json_object_with_its_place(log):
    log.info("turn ended after %d tokens", 17, extra={"backend": "sagemaker", "attempts": 2})
    line = log.line()
    assert line["message"] == "turn ended after 17 tokens"
    assert (line["backend"], line["attempts"], line["level"]) == ("sagemaker", 2, "INFO")
    assert line["location"].startswith("test_a_line_is_one_json_object_with_its_place:")
    assert (line["name"], line["service"]) == ("orchestrator_lambda.test", "test")
    assert line["timestamp"].endswith("Z")


@with_powertools
def test_the_keys_are_those_of_powertools(log, monkeypatch):
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-67891233-abcdef012345678912345678;Sampled=1")
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "chat")
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1024")
    context.begin_invocation("r-1", {"requestContext": {"requestId": "g-1"}})
    log.info("x")
    line = log.line()
    assert {"level", "location", "message", "timestamp", "service", "cold_start"} <= set(line)
    assert (line["function_name"], line["function_memory_size"]) == ("chat", 1024)
    assert (line["function_request_id"], line["correlation_id"]) == ("r-1", "g-1")
    assert line["xray_trace_id"] == "1-67891233-abcdef012345678912345678"


@pytest.mark.parametrize("name", ["service", "location", "message_", "exception", "stack_trace"])
def test_no_field_takes_the_place_of_a_key_with_words(log, name):
    log.info("x", extra={name: WORDS})
    assert "secret" not in log.text()
    assert log.line()["service"] == "test"


@with_powertools
def test_what_is_handed_to_powertools_itself_is_redacted_too(log):
    log.handlers[0].formatter.append_keys(note=WORDS, **{WORDS: 1})
    log.info("x")
    assert "secret" not in log.text()


def test_a_message_that_looks_like_json_stays_a_message(log):
    log.info('{"a": 1}')
    assert log.line()["message"] == '{"a": 1}'


def test_bound_ids_are_on_every_line_until_the_invocation_is_over(log):
    context.bind(request_id="r-1")
    context.bind(conversation_id="c-1")
    log.info("x")
    assert (log.line()["request_id"], log.line()["conversation_id"]) == ("r-1", "c-1")
    context.clear()
    log.info("x")
    assert "request_id" not in log.line()


@pytest.mark.parametrize(
    "say",
    [
        lambda log: log.info("got %s", WORDS),
        lambda log: log.info("got %s", "secret"),
        lambda log: log.info("got %r and %s", WORDS, [WORDS]),
        lambda log: log.info("got %(a)s", {"a": WORDS}),
        lambda log: log.info("broken %d", WORDS),
        lambda log: log.info(Exception(WORDS)),
        lambda log: log.info("x", extra={"text": WORDS}),
        lambda log: log.info("x", extra={"text": "secret"}),
        lambda log: log.info("x", extra={"reason": WORDS}),
        lambda log: log.info("x", extra={"what": {"deep": [{"text": WORDS}]}}),
        lambda log: log.info("x", extra={WORDS: 1}),
        lambda log: log.info("x", extra={"anything": object()}),
    ],
)
def test_no_word_of_a_message_gets_through(log, say):
    say(log)
    assert "secret" not in log.text()
    assert log.line()["timestamp"]


@pytest.mark.parametrize("how", ["exception", "exc_info", "log_failure"])
def test_of_an_exception_there_are_type_and_place_alone(log, how):
    try:
        raise ValueError(WORDS) from KeyError(WORDS)
    except ValueError as error:
        if how == "exception":
            log.exception("failed")
        elif how == "exc_info":
            log.warning("failed", exc_info=error)
        else:
            log_failure(log, "failed", error)
    assert "secret" not in log.text()
    assert log.line()["error_type"] == "ValueError"
    assert any("test_of_an_exception" in place for place in log.line()["error_place"])


def test_a_wrong_setting_is_told_of(log):
    log_failure(log, "failed", ConfigError("KEEPWARM_TABLE='my table' is no name of a table"))
    assert log.line()["complaint"] == "KEEPWARM_TABLE='my table' is no name of a table"


@pytest.mark.parametrize(
    "sentence",
    [
        "X='redis://user:hunter2@host' is wrong",
        "X='https://hunter2@host/eyJhbGciOiJSUzI1NiJ9.hunter2' is wrong",
    ],
)
def test_credentials_in_the_wrong_variable_are_not_told(log, sentence):
    log_failure(log, "failed", ConfigError(sentence))
    assert "hunter2@" not in log.text()
    assert "eyJhb" not in log.text()
    assert log.line()["complaint"].startswith("X=")


def test_settings_errors_alone_are_sentences_that_may_be_logged():
    made = [path.name for path in _sources() if "Complaint(" in path.read_text()]
    assert made == ["failures.py", "redaction.py"]


def test_tokens_and_keys_do_not_pass_as_ids():
    fields = {"user_id": "eyJhbGciOiJSUzI1NiJ9", "key_name": "AKIAABCDEFGHIJKLMNOP", "id": "c-1"}
    assert safe_fields(fields) == {"user_id": REDACTED, "key_name": REDACTED, "id": "c-1"}


def test_a_line_stays_a_line(log):
    log.info("x" * 5000, extra={"id": "a\nb", "ids": list(range(5000))})
    assert len(log.text().splitlines()) == 1
    assert len(log.text()) < 1000


def test_every_log_call_in_the_package_has_a_constant_message():
    calls = [call for path in _sources() for call in _log_calls(path)]
    assert len(calls) > 10
    assert [place for place, constant in calls if not constant] == []


def _sources() -> list[Path]:
    return sorted(Path(orchestrator_lambda.__file__).parent.rglob("*.py"))


def _log_calls(path: Path) -> Iterator[tuple[str, bool]]:
    """Each call of a logger, or of log_failure, and whether its message is a constant."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call):
            continue
        function = node.func
        if isinstance(function, ast.Attribute) and function.attr in LOG_CALLS:
            owner = function.value
            if isinstance(owner, ast.Name) and owner.id in ("log", "logger", "_log", "_logger"):
                if path.name == "failures.py":
                    continue  # hands on what log_failure got, which is looked at below
                yield f"{path.name}:{node.lineno}", _is_constant(node.args[0])
        if isinstance(function, ast.Name) and function.id == "log_failure":
            yield f"{path.name}:{node.lineno}", _is_constant(node.args[1])


def _is_constant(node: ast.expr) -> bool:
    if isinstance(node, ast.Name):
        return node.id.isupper()
    return isinstance(node, ast.Constant) and isinstance(node.value, str)
