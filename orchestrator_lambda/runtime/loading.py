"""Finding the handler that `_HANDLER` names."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

from orchestrator_lambda.errors import ConfigError
from orchestrator_lambda.observability.failures import error_type


class InitError(Exception):
    """The environment cannot be used.

    Attributes:
        error_type: Lambda's name of what went wrong.
        message: a sentence without anything from inside the function.
    """

    def __init__(self, error_type: str, message: str) -> None:
        super().__init__(message)
        self.error_type = error_type
        self.message = message


def load_handler(env: Mapping[str, str]) -> Callable[..., Any]:
    """The object named by `_HANDLER`, as `package.module.name` or `package/module.name`.

    Raises:
        InitError: there is none, or its module cannot be imported.
    """
    name = env.get("_HANDLER", "")
    module, dot, attribute = name.replace("/", ".").rpartition(".")
    if not dot or not module or not attribute:
        raise InitError(
            "Runtime.MalformedHandlerName", f"_HANDLER={name!r} must be module.function"
        )
    handler = getattr(_imported(module), attribute, None)
    if not callable(handler):
        raise InitError(
            "Runtime.HandlerNotFound", f"module {module!r} has no function {attribute!r}"
        )
    found: Callable[..., Any] = handler
    return found


def _imported(module: str) -> object:
    """The module. Only our own settings' complaints go outside: they name a variable, no secret."""
    try:
        return importlib.import_module(module)
    except ConfigError as error:
        raise InitError("Runtime.ConfigError", error.message) from error
    except ImportError as error:
        missing = error.name or module
        raise InitError(
            "Runtime.ImportModuleError", f"module {module!r} needs {missing!r}, which is not there"
        ) from error
    except SyntaxError as error:
        raise InitError("Runtime.UserCodeSyntaxError", f"module {module!r} is no Python") from error
    except Exception as error:
        kind = error_type(error)
        raise InitError("Runtime.InitError", f"module {module!r} raised {kind}") from error
