"""What is asked of a stack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from local.errors import StackError

CONTAINER, FLEET, SAGEMAKER = "container", "fleet", "sagemaker"
REDIS, STORES, CONSUMER, GATEWAY = "redis", "stores", "consumer", "gateway"
NAMES = (REDIS, STORES, CONTAINER, FLEET, SAGEMAKER, CONSUMER, GATEWAY)


@dataclass(frozen=True, kw_only=True)
class StackSettings:
    """One stack.

    Attributes:
        folder: where logs, state and, with `keep`, data are.
        model: folder of the weights.
        only: names of the parts wanted; empty: all of them. What they need comes along.
        fleet: a second container too, as the EC2 fleet; it takes as much memory as the first.
        keep: data outlive the stack: conversations, events, sessions.
        ports: by name of the part; all others are chosen free.
        web: folder of the built page; None: the API alone.
        faults: what goes wrong on the way to the function (local.gateway.faults).
        env: variables for the containers, such as KEEPWARM_NUM_THREADS.

    Raises:
        StackError: a part is unknown.
    """

    folder: Path
    model: Path
    only: tuple[str, ...] = ()
    fleet: bool = False
    keep: bool = False
    ports: Mapping[str, int] = field(default_factory=dict)
    web: Path | None = None
    faults: str = ""
    env: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in (*self.only, *self.ports):
            if name not in NAMES:
                raise StackError(f"there is no part {name!r}; the parts are {', '.join(NAMES)}")

    @property
    def with_fleet(self) -> bool:
        """Whether the second container is wanted."""
        return self.fleet or FLEET in self.only

    @property
    def logs(self) -> Path:
        """A file a part."""
        return self.folder / "logs"

    @property
    def data(self) -> Path:
        """What the stores keep."""
        return self.folder / "data"
