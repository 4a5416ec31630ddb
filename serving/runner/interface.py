"""What the engine asks of a model runner: the seam where tests put a fake."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from serving.request import Likeliest
from serving.scheduler.output import RunnerOutput, ScheduledChunk, SchedulerOutput


class DeviceLost(Exception):
    """The device is in a state that only a new process mends (a CUDA fault, say)."""


class Runner(Protocol):
    """Computes one step."""

    def execute(self, work: SchedulerOutput) -> RunnerOutput:
        """Write the keys and values of every chunk; sample where a chunk asks for it.

        Raises:
            DeviceLost: later steps would fail too; any other error concerns this step alone.
        """


class StepModel(Protocol):
    """A model bound to its cache: what the model runner drives."""

    device: torch.device

    @property
    def likeliest(self) -> Likeliest | None:
        """The likeliest token of each row of the last call; None where it did not look for it."""

    def forward(self, chunks: list[ScheduledChunk], rows: list[int]) -> Tensor:
        """Compute all chunks; logits [len(rows), vocabulary] at the packed `rows`, perhaps none.

        They are valid until the next call.
        """
