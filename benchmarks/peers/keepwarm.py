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

_MODULE = "container.server"


class KeepwarmPeer(ServerPeer):
    """Keepwarm with the settings of the environment (KEEPWARM_...), defaults otherwise."""

    name = "keepwarm"
    title = "Keepwarm"
    ready_path = "/ping"

    def __init__(self, model: Path) -> None:
        super().__init__()
        self._model = model

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
        return {name: value for name, value in os.environ.items() if name.startswith("KEEPWARM_")}

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
