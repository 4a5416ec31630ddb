"""The key: first to come and last to go, since nothing that is kept can be read without it."""

from __future__ import annotations

from constructs import Construct

from infrastructure.data.keys import Keys
from infrastructure.settings import Stage
from infrastructure.stacks.base import StageStack


class KeysStack(StageStack):
    """Before all others in the stage's region.

    Attributes:
        data: what all that is kept is encrypted with.
    """

    def __init__(self, scope: Construct, *, stage: Stage) -> None:
        super().__init__(scope, "keys", stage=stage, about="the key of all that is kept")
        self.data = Keys(self, "Keys", stage=stage).data
