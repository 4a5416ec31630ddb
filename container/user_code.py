"""The model's own functions: found, loaded and named, or the start fails saying what is missing.

<code folder>/inference.py      SAGEMAKER_PROGRAM names another file
    model_fn  input_fn  predict_fn  output_fn     any subset
    transform_fn                                  instead of the last three
    pre_model_fn  model_warmup_fn                 before and after model_fn
"""

from __future__ import annotations

import importlib.util
import inspect
import logging
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from container.context import RequestContext
from container.settings import ContainerSettings
from serving.errors import ConfigError

log = logging.getLogger("keepwarm.handler")

DEFAULT_PROGRAM = "inference.py"
MODULE_NAME = "_keepwarm_model_code"
ARGUMENTS = {
    "model_fn": ("model_dir",),
    "input_fn": ("body", "content_type"),
    "predict_fn": ("data", "model"),
    "output_fn": ("prediction", "accept"),
    "transform_fn": ("model", "body", "content_type", "accept"),
    "pre_model_fn": ("model_dir",),
    "model_warmup_fn": ("model_dir", "model"),
}


@dataclass(frozen=True)
class HandlerFunction:
    """A function of the contract, and where it comes from.

    Calling it passes the context too, if it has a positional parameter more than the contract's
    arguments, or one by the keyword `context`.
    """

    name: str
    function: Callable[..., Any]
    origin: str
    is_users: bool
    takes_context: bool
    by_keyword: bool = False

    def __call__(self, *arguments: Any, context: RequestContext | None = None) -> Any:
        """The function's result."""
        if self.by_keyword:
            return self.function(*arguments, context=context)
        if self.takes_context:
            return self.function(*arguments, context)
        return self.function(*arguments)


def handler_function(
    name: str, function: Callable[..., Any], origin: str, *, is_users: bool
) -> HandlerFunction:
    """The function, checked.

    Raises:
        ConfigError: it takes a number of arguments that is neither the contract's nor one more.
    """
    arguments = ARGUMENTS[name]
    signature = inspect.signature(function)
    by_keyword = _has_keyword(signature, "context")
    takes_context = by_keyword or len(_positional(signature)) > len(arguments)
    passed = (*arguments, "context") if takes_context and not by_keyword else arguments
    try:
        signature.bind(*passed, **({"context": None} if by_keyword else {}))
    except TypeError as error:
        raise ConfigError(
            f"{name} in {origin} is defined with {signature}; it must take "
            f"({', '.join(arguments)}) and may take a context after them"
        ) from error
    return HandlerFunction(name, function, origin, is_users, takes_context, by_keyword)


def _positional(signature: inspect.Signature) -> list[inspect.Parameter]:
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [item for item in signature.parameters.values() if item.kind in kinds]


def _has_keyword(signature: inspect.Signature, name: str) -> bool:
    item = signature.parameters.get(name)
    return item is not None and item.kind is inspect.Parameter.KEYWORD_ONLY


def load_user_functions(settings: ContainerSettings) -> dict[str, HandlerFunction]:
    """The functions that the model brings; none if it has no code folder.

    Raises:
        ConfigError: there is a code folder, and nothing in it can be used.
    """
    folder = settings.code_path
    if not folder.is_dir():
        if settings.program or settings.submit_directory:
            raise ConfigError(
                f"SAGEMAKER_PROGRAM={settings.program!r} or SAGEMAKER_SUBMIT_DIRECTORY="
                f"{settings.submit_directory!r} is set, but there is no folder {folder}"
            )
        return {}
    path = _program_path(folder, settings.program or DEFAULT_PROGRAM)
    _install_requirements(folder, settings.install_requirements)
    module = _load_by_location(path, folder)
    functions = {
        name: handler_function(name, getattr(module, name), str(path), is_users=True)
        for name in ARGUMENTS
        if callable(getattr(module, name, None))
    }
    _check_functions(functions, path)
    return functions


def _program_path(folder: Path, program: str) -> Path:
    path = folder / (program if program.endswith(".py") else f"{program}.py")
    if path.is_file() and path.resolve().is_relative_to(folder.resolve()):
        return path
    found = ", ".join(sorted(item.name for item in folder.iterdir())) or "nothing"
    raise ConfigError(
        f"{folder} has no {path.name}, so its code would be ignored: it holds {found}. Name the "
        f"file {DEFAULT_PROGRAM}, or set SAGEMAKER_PROGRAM, or remove the folder"
    )


def _load_by_location(path: Path, folder: Path) -> ModuleType:
    """The module under a private name: a file called like a package shadows nothing."""
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
    spec = importlib.util.spec_from_file_location(MODULE_NAME, path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{path} cannot be loaded as a Python module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[MODULE_NAME] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[MODULE_NAME]
        raise ConfigError(f"{path} failed to load: {type(error).__name__}: {error}") from error
    return module


def _check_functions(functions: dict[str, HandlerFunction], path: Path) -> None:
    if not functions:
        raise ConfigError(
            f"{path} defines none of {', '.join(ARGUMENTS)}: nothing in it would be used"
        )
    trio = [name for name in ("input_fn", "predict_fn", "output_fn") if name in functions]
    if "transform_fn" in functions and trio:
        raise ConfigError(
            f"{path} defines transform_fn beside {', '.join(trio)}: transform_fn takes the place "
            "of all three, so remove one or the other"
        )


def _install_requirements(folder: Path, wanted: bool) -> None:
    requirements = folder / "requirements.txt"
    if not requirements.is_file():
        return
    if not wanted:
        log.info("%s is not installed; KEEPWARM_INSTALL_REQUIREMENTS=true does it", requirements)
        return
    log.info("installing %s", requirements)
    command = [sys.executable, "-m", "pip", "install", "--no-input", "-r", str(requirements)]
    if subprocess.run(command, check=False).returncode != 0:
        raise ConfigError(f"installing {requirements} failed; pip's output above says why")
    importlib.invalidate_caches()
