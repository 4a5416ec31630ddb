"""Our own server, as `python -m container.server` starts it."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from benchmarks.client import ServerTarget
from benchmarks.machine import package_version
from benchmarks.peers.server import ServerPeer
from benchmarks.peers.url import served_model
from benchmarks.precisions import variables

_MODULE = "container.server"
_MODES: Mapping[str, Mapping[str, str]] = {
    "": {},
    "bf16": variables("bfloat16"),
    "int8": variables("int8"),
    "plain": {"KEEPWARM_SPECULATION": "off"},
}
_TITLES = {
    "": "Keepwarm, fp32",
    "bf16": "Keepwarm, bf16",
    "int8": "Keepwarm, int8",
    "plain": "Keepwarm, fp32, no speculation",
}


class KeepwarmPeer(ServerPeer):
    """Keepwarm with the settings of the environment (KEEPWARM_...), defaults otherwise.

    Args:
        mode: what is set beside them: `bf16` or `int8` weights, `plain` without speculation.
    """

    name = "keepwarm"
    ready_path = "/ping"

    def __init__(self, model: Path, mode: str = "") -> None:
        super().__init__()
        self._model = model
        self._variables = _MODES[mode]
        self.name = f"keepwarm-{mode}" if mode else "keepwarm"
        self.title = _TITLES[mode]

    def unavailable_reason(self) -> str | None:
        """The server's module and the model must be there."""
        if not _module_exists(_MODULE):
            return f"no module {_MODULE}; run from the repository, or install keepwarm"
        return None if self._model.is_dir() else f"no model folder {self._model}"

    def version(self) -> str:
        """Of keepwarm and of the libraries under it."""
        libraries = (f"{name} {package_version(name)}" for name in ("torch", "transformers"))
        return f"{package_version('keepwarm')} ({', '.join(libraries)})"

    def settings(self) -> Mapping[str, str]:
        """The KEEPWARM_ variables that are set."""
        found = {name: value for name, value in os.environ.items() if name.startswith("KEEPWARM_")}
        return {**found, **self._variables}

    def environment(self) -> Mapping[str, str]:
        """What its mode sets."""
        return self._variables

    def command(self, port: int) -> list[str]:
        """The server in the foreground, by this interpreter."""
        return [sys.executable, "-m", _MODULE, "--model", str(self._model), "--port", str(port)]

    def target(self, url: str) -> ServerTarget:
        """It knows `ignore_eos` and says what it serves."""
        return ServerTarget(url=url, model=served_model(url), ignore_eos=True)


def _module_exists(name: str) -> bool:
    """Whether `name` could be imported; its parent is imported, itself not."""
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False
