"""Asking an endpoint that may be busy: a quality that depends on the load would be none."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from pipelines.target.errors import Refused, Unreachable
from pipelines.target.interface import Body, Target

BUSY = (429, 503)
PAUSES_S = (0.5, 1.0, 2.0, 4.0, 8.0)


def invoke_patiently(
    target: Target, body: Body, sleep: Callable[[float], None] = time.sleep
) -> dict[str, Any]:
    """The answer, asked for again while the endpoint is busy or away, for about 15 seconds.

    Raises:
        TargetError: it refuses for another reason, or stays busy.
    """
    for pause in PAUSES_S:
        try:
            return target.invoke(body)
        except (Refused, Unreachable) as error:
            if isinstance(error, Refused) and error.status not in BUSY:
                raise
        sleep(pause)
    return target.invoke(body)
