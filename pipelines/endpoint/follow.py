"""From a command to its end: one step after another, and what is told on the way."""

from __future__ import annotations

from collections.abc import Callable

from pipelines.endpoint import switch
from pipelines.endpoint.converge import Outcome, converge, newest_approved
from pipelines.endpoint.deployment import Deployment
from pipelines.errors import DeployError

POLL_S = 15.0
Step = Callable[[], Outcome]
Say = Callable[[Outcome], None]
Sleep = Callable[[float], None]


def follow(step: Step, say: Say, sleep: Sleep) -> Outcome:
    """Take one step after another until nothing more happens by itself.

    Args:
        step: goes one step and says what it came to, such as `converge`.
        say: hears of every outcome.
        sleep: waits between two steps.

    Raises:
        DeployError: whatever a step raises.
    """
    while True:
        outcome = step()
        say(outcome)
        if outcome.ended:
            return outcome
        sleep(POLL_S)


def begin(deployment: Deployment) -> Outcome:
    """The first step of a deployment that somebody asked for.

    Raises:
        DeployError: no version is approved, or AWS refused.
    """
    if newest_approved(deployment) is None:
        raise DeployError(
            "no version is approved: approve one in the registry, or give --version and --approve"
        )
    switch.turn_on(deployment)
    return converge(deployment, exact=True)


def deploy(deployment: Deployment, say: Say, sleep: Sleep) -> Outcome:
    """Deploy the newest approved version and stay until it serves.

    Raises:
        DeployError: it was taken back, or AWS refused.
    """
    wanted = newest_approved(deployment)
    begun = False

    def step() -> Outcome:
        # Settings are applied once: what was taken back is not tried again.
        nonlocal begun
        outcome = converge(deployment) if begun else begin(deployment)
        begun = begun or outcome.begun
        return outcome

    outcome = follow(step, say, sleep)
    if outcome.version != wanted:
        raise DeployError(
            f"version {wanted} was taken back and is rejected now; {outcome.note}: "
            "`keepwarm status` shows why"
        )
    return outcome
