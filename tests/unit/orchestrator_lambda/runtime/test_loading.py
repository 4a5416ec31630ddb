from __future__ import annotations

import sys

import pytest

from orchestrator_lambda.runtime.loading import InitError, load_handler


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Writes a module of the name it returns, importable for this test alone."""
    monkeypatch.syspath_prepend(tmp_path)
    name = f"handler_of_{tmp_path.name}".replace("-", "_")

    def write(source):
        (tmp_path / f"{name}.py").write_text(source)
        monkeypatch.delitem(sys.modules, name, raising=False)
        return name

    return write


def failure(handler):
    with pytest.raises(InitError) as caught:
        load_handler({"_HANDLER": handler})
    return caught.value


def test_by_module_and_name(module):
    name = module("def handler(event, context): return 5")
    assert load_handler({"_HANDLER": f"{name}.handler"})({}, None) == 5


def test_a_slash_is_as_good_as_a_dot():
    assert load_handler({"_HANDLER": "orchestrator_lambda/runtime/loading.load_handler"})


@pytest.mark.parametrize("name", ["", "handler", ".handler", "module."])
def test_a_name_that_is_none(name):
    assert failure(name).error_type == "Runtime.MalformedHandlerName"


def test_no_handler_named():
    with pytest.raises(InitError):
        load_handler({})


@pytest.mark.parametrize(
    ("source", "error_type", "says"),
    [
        ("handler = 5", "Runtime.HandlerNotFound", "'handler'"),
        ("", "Runtime.HandlerNotFound", "'handler'"),
        ("import no_such_thing", "Runtime.ImportModuleError", "'no_such_thing'"),
        ("def", "Runtime.UserCodeSyntaxError", "no Python"),
        ("raise ValueError('my secret words')", "Runtime.InitError", "ValueError"),
        (
            "from orchestrator_lambda.errors import ConfigError\n"
            "raise ConfigError('KEEPWARM_X must be set')",
            "Runtime.ConfigError",
            "KEEPWARM_X must be set",
        ),
    ],
)
def test_a_module_that_cannot_be_used(module, source, error_type, says):
    error = failure(f"{module(source)}.handler")
    assert error.error_type == error_type
    assert says in error.message
    assert "secret" not in error.message


def test_a_module_that_is_not_there():
    assert failure("no_such_module_at_all.handler").error_type == "Runtime.ImportModuleError"
