"""Whether to wait a moment for the next turn of a conversation whose answer has just ended.

    at once      | an answer ends | step of the others   | prompt of the next turn |
                                     ^ the next turn, just too late
    after a wait | an answer ends |   | prompt of the next turn | step of the others   |

A client that answers at once, as agents and load generators do, misses the next step by the few
milliseconds that its answer takes. Disk schedulers call it deceptive idleness and do the same
about it: wait for a part of what there is to gain, as long as it is mostly not in vain (Iyer and
Druschel, "Anticipatory scheduling", SOSP 2001). People think for seconds: after a few waits in
vain there are none but a rare one, which finds out whether that has changed.
"""

from __future__ import annotations

LONGEST_S, SHORTEST_S = 0.010, 0.002
SHARE = 0.4
"""Of the step that ended an answer: the next one takes as long, and all of it may be gained."""

WORTH = 0.3
"""Share of waits that must not be in vain."""

MEMORY = 0.8
"""What the latest wait leaves of the share of those before it."""

RARELY = 16
"""Answers that end between two waits where it is not worth it."""


class Anticipation:
    """Says how long to wait behind a step, and learns from what came of it."""

    def __init__(self) -> None:
        self._share = 1.0
        self._passed = 0

    def wait_s(self, step_s: float, *, ended: bool) -> float:
        """Seconds to wait for a request behind a step of `step_s`; `ended`: an answer did in it."""
        wait = min(LONGEST_S, SHARE * step_s)
        if not ended or wait < SHORTEST_S:
            return 0.0
        if self._share < WORTH:
            self._passed = (self._passed + 1) % RARELY
            return 0.0 if self._passed else wait
        return wait

    def learn(self, *, came: bool) -> None:
        """A wait is over; whether a request came."""
        self._share = MEMORY * self._share + (1 - MEMORY) * came
