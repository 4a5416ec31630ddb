"""The error tree: each error's status and code, and its way across the process boundary."""

import pytest

from serving import errors
from serving.errors import KeepwarmError, error_from_code

TABLE = {
    "KeepwarmError": (500, "internal_error"),
    "InvalidRequest": (400, "invalid_request"),
    "ContextLengthExceeded": (400, "context_length_exceeded"),
    "Overloaded": (429, "overloaded"),
    "EngineUnavailable": (503, "engine_unavailable"),
    "EngineDead": (503, "engine_dead"),
    "EngineDraining": (503, "draining"),
    "GenerationFailed": (500, "generation_failed"),
    "ConfigError": (500, "config_error"),
    "UnsupportedModel": (500, "unsupported_model"),
}


def classes():
    """Every error of the module."""
    found = [item for item in vars(errors).values() if isinstance(item, type)]
    return [item for item in found if issubclass(item, KeepwarmError)]


def test_every_error_has_the_status_and_code_that_clients_rely_on():
    assert {cls.__name__: (cls.status, cls.code) for cls in classes()} == TABLE


@pytest.mark.parametrize("cls", classes(), ids=lambda cls: cls.__name__)
def test_the_drawing_in_the_docstring_is_true(cls):
    drawn = [line for line in errors.__doc__.splitlines() if f"{cls.__name__} " in line]
    assert len(drawn) == 1
    assert f" {cls.status} {cls.code}" in drawn[0]


@pytest.mark.parametrize("cls", classes(), ids=lambda cls: cls.__name__)
def test_code_and_message_are_enough_to_rebuild_it(cls):
    rebuilt = error_from_code(cls.code, "what was wrong")
    assert type(rebuilt) is cls
    assert rebuilt.message == str(rebuilt) == "what was wrong"


def test_an_unknown_code_is_an_internal_error():
    assert type(error_from_code("of a later version", "text")) is KeepwarmError


def test_an_error_carries_the_field_at_fault_and_the_time_to_come_back():
    error = errors.Overloaded("full", retry_after_ms=250)
    assert (error.retry_after_ms, error.param) == (250, None)
    assert errors.InvalidRequest("bad", param="top_p").param == "top_p"
