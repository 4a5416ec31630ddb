"""The server process: gunicorn with one worker, since that worker owns the engine.

`python -m container.server --model PATH --port N` runs it in the foreground.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from types import FrameType
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication

from container.app import create_app
from container.logs import configure_logging
from container.runtime import Runtime
from container.settings import ContainerSettings
from serving.errors import ConfigError

END_MARGIN_S = 3
KEEPALIVE_S = 75
BACKLOG = 2048
IGNORED_SIGNALS = ("SIGTTIN", "SIGTTOU", "SIGUSR2", "SIGWINCH")


class KeepwarmServer(BaseApplication):  # type: ignore[misc]
    """Gunicorn, configured by our settings alone: no file, variable or argument of its own."""

    def __init__(self, settings: ContainerSettings) -> None:
        self.settings = settings
        super().__init__(prog="keepwarm")

    def load_config(self) -> None:
        """Hand our settings to gunicorn."""
        for name, value in gunicorn_options(self.settings).items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """The application; called in the worker, so that the engine is the worker's child."""
        configure_logging(self.settings.log_level)
        runtime = Runtime(self.settings)
        app = create_app(runtime)
        app.extensions["keepwarm"] = runtime
        return app


def gunicorn_options(settings: ContainerSettings) -> dict[str, Any]:
    """Gunicorn's options. The graceful timeout leaves room for the typed ends after the drain."""
    return {
        "bind": f"{settings.host}:{settings.port}",
        "workers": 1,
        "worker_class": "container.worker.DrainingWorker",
        "threads": settings.threads,
        "worker_connections": settings.threads * 4,
        "backlog": BACKLOG,
        "keepalive": KEEPALIVE_S,
        "timeout": 0,
        "graceful_timeout": int(settings.drain_seconds) + END_MARGIN_S,
        "accesslog": None,
        "errorlog": "-",
        "loglevel": "warning",
        "control_socket_disable": True,
        "forwarded_allow_ips": "",
        "proxy_allow_ips": "",
        "when_ready": _settle_signals,
        "proc_name": "keepwarm",
    }


def _settle_signals(arbiter: Any) -> None:
    """One worker, always: ignore the signals that would make a second one, and end on a hang-up."""
    for name in IGNORED_SIGNALS:
        signal.signal(getattr(signal, name), signal.SIG_IGN)

    def end(number: int, frame: FrameType | None) -> None:
        arbiter.SIG_QUEUE.put_nowait(signal.SIGTERM)

    signal.signal(signal.SIGHUP, end)


def main(arguments: list[str] | None = None) -> None:
    """Run the server until it is told to stop. Exits with 2 for a wrong setting."""
    parser = argparse.ArgumentParser(prog="python -m container.server", description=__doc__)
    parser.add_argument("--model", help="model folder")
    parser.add_argument("--host", help="address to bind")
    parser.add_argument("--port", type=int, help="port to bind")
    options = parser.parse_args(arguments)
    try:
        settings = ContainerSettings.from_env(
            os.environ, model_dir=options.model, host=options.host, port=options.port
        )
    except ConfigError as error:
        sys.exit(_complain(error))
    KeepwarmServer(settings).run()


def _complain(error: ConfigError) -> int:
    sys.stderr.write(f"keepwarm: {error.message}\n")
    return 2


if __name__ == "__main__":
    main()
