"""What all step scripts have in common: how far they are, how they end, where they say why.

@stage 0.40 reading passage 3 of 8        progress, on standard output
0 done, 1 refused, 2 could not run        the exit code
/opt/ml/output/message                    why, where a processing job looks for it
"""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path

from pipelines.errors import PipelineError

DONE, REFUSED, CANNOT_RUN = 0, 1, 2
STAGE = "@stage "
DEFAULT_OUTPUT = Path("/opt/ml/processing/output")
MESSAGE_FOLDER = Path("/opt/ml/output")
SHOWN_SHARE = 0.01
LONGEST_MESSAGE = 1000  # of a processing job's ExitMessage


class Refused(PipelineError):
    """The step ran, and its answer is no."""


def run_step(step: Callable[[], None], messages: Path = MESSAGE_FOLDER) -> int:
    """Run a step to its exit code; what it raises on purpose becomes one sentence."""
    try:
        step()
    except Refused as error:
        return _say(str(error), REFUSED, messages)
    except PipelineError as error:
        return _say(str(error), CANNOT_RUN, messages)
    except Exception as error:
        traceback.print_exc()
        return _say(f"internal error: {type(error).__name__}: {error}", CANNOT_RUN, messages)
    return DONE


class Stages:
    """Tells how much of a step is done; may be used by many threads.

    Args:
        total: parts of equal weight.
    """

    def __init__(self, total: int) -> None:
        self._total = max(1, total)
        self._done = 0
        self._lock = threading.Lock()

    def advance(self, text: str) -> None:
        """One more part is done; `text` says what the step is at."""
        with self._lock:
            self._done = min(self._done + 1, self._total)
            stage(self._done / self._total, text)


class Progress:
    """Progress that is told more often than anybody wants to read: a line for each hundredth."""

    def __init__(self) -> None:
        self._shown = -1.0

    def tell(self, share: float, text: str) -> None:
        """Say it if it is new."""
        if share - self._shown >= SHOWN_SHARE:
            self._shown = share
            stage(share, text)


def stage(share: float, text: str) -> None:
    """One line of progress."""
    print(f"{STAGE}{share:.2f} {' '.join(text.split())}", flush=True)


def _say(sentence: str, code: int, messages: Path) -> int:
    print(sentence, file=sys.stderr, flush=True)
    if messages.is_dir():
        (messages / "message").write_text(sentence[:LONGEST_MESSAGE], encoding="utf-8")
    return code
