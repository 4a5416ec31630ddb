"""What a stage's stacks are called; plain data, known without the CDK."""

from __future__ import annotations

from infrastructure.settings import Stage


def stack_name(stage: Stage, part: str) -> str:
    """What the stack of a part is called."""
    return f"{stage.prefix}-{stage.name}-{part}"
