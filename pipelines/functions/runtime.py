"""From Lambda's (event, context) to a function's `handle(event, clients, settings)`.

The zip holds `pipelines/` alone; boto3 is the runtime's. Settings come from the function's
environment.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

from pipelines.aws import BotoClients, Clients
from pipelines.settings import DeploymentSettings

Event = Mapping[str, Any]
Result = dict[str, Any]
Handle = Callable[[Event, Clients, DeploymentSettings], Result]


def on_lambda(handle: Handle) -> Callable[[Event, object], Result]:
    """What the function's configuration names as its handler."""

    def handler(event: Event, context: object) -> Result:
        settings = DeploymentSettings.load(None, os.environ)
        result = handle(event, BotoClients(settings.region), settings)
        log(handle.__module__, **result)
        return result

    return handler


def log(what: str, **fields: object) -> None:
    """One line of JSON in the function's log."""
    print(json.dumps({"message": what, **fields}, default=str), file=sys.stdout, flush=True)
