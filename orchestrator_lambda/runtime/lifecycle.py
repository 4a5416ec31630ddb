"""What happens to an execution environment around its invocations.

init -- before_checkpoint -- [snapshot] -- after_restore -- invocations ... -- at_end
        '------- only with SnapStart ------------------'
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable

from orchestrator_lambda.observability.failures import log_failure

Hook = Callable[[], object]  # what it returns is not looked at

log = logging.getLogger(__name__)


class Lifecycle:
    """Hooks of the parts that hold connections, randomness or unsent records."""

    def __init__(self) -> None:
        self._before_checkpoint: list[Hook] = []
        self._after_restore: list[Hook] = []
        self._at_end: list[Hook] = []

    def before_checkpoint(self, hook: Hook) -> None:
        """Close what must not lie in a snapshot; last registered, first called."""
        self._before_checkpoint.insert(0, hook)

    def after_restore(self, hook: Hook) -> None:
        """Open it again: many environments go on from one snapshot."""
        self._after_restore.append(hook)

    def at_end(self, hook: Hook) -> None:
        """Flush, in a few hundred milliseconds for all hooks; last registered, first called."""
        self._at_end.insert(0, hook)

    def checkpoint(self) -> None:
        """Before the snapshot. What a hook raises ends the initialisation."""
        for hook in self._before_checkpoint:
            hook()

    def restore(self) -> None:
        """After it, with new randomness. What a hook raises ends the environment."""
        random.seed()
        for hook in self._after_restore:
            hook()

    def end(self) -> None:
        """The environment goes; every hook gets its turn."""
        for hook in self._at_end:
            try:
                hook()
            except Exception as error:
                log_failure(log, "work at the end failed", error)
