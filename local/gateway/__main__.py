"""`python -m local.gateway --settings FILE`: gateway and function, as a process of the stack.

The file holds `{"gateway": {...}, "function": {...}}`: fields of GatewaySettings, and handler,
root, env, log and more of FunctionSettings.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from local.gateway.server import Gateway
from local.gateway.settings import GatewaySettings, read_json, settings_from_json
from local.lambda_environment import FunctionSettings
from local.lambda_function import LambdaFunction, Throttled
from local.lambda_invocation import FunctionError

SWEEP_EVENT = {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}
SWEEP_S = 60.0

log = logging.getLogger("local.gateway")


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; 1 when it cannot start."""
    parser = argparse.ArgumentParser(prog="python -m local.gateway", description=__doc__)
    parser.add_argument("--settings", required=True, type=Path, help="JSON file")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    try:
        content = read_json(options.settings)
        gateway = settings_from_json(content["gateway"])
        function = function_settings(content["function"])
        _serve(gateway, function, stopping)
    except (OSError, OverflowError, ValueError, KeyError, TypeError) as error:
        print(f"gateway: cannot start: {error}", file=sys.stderr)
        return 1
    return 0


def function_settings(content: dict[str, Any]) -> FunctionSettings:
    """The function that a settings file describes.

    Raises:
        TypeError: a field is missing or unknown.
    """
    log_file = content.get("log")
    paths = {"root": Path(content["root"]), "log": Path(log_file) if log_file else None}
    return FunctionSettings(**{**content, **paths})


def _serve(
    settings: GatewaySettings, function: FunctionSettings, stopping: threading.Event
) -> None:
    with LambdaFunction(function) as running, Gateway(settings, running) as gateway:
        print(f"gateway: {gateway.url}", flush=True)
        threading.Thread(target=_sweep, args=(running, stopping), daemon=True).start()
        stopping.wait()


def _sweep(function: LambdaFunction, stopping: threading.Event) -> None:
    """What a schedule does in the cloud, once a minute: end dead turns, send what lies about."""
    while not stopping.wait(SWEEP_S):
        try:
            function.invoke(SWEEP_EVENT)
        except (Throttled, FunctionError, ValueError, OSError) as error:
            log.warning("the sweeper could not run: %s", type(error).__name__)


if __name__ == "__main__":
    sys.exit(main())
