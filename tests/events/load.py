"""Real-shaped payloads of every front door, as fresh objects that a test may change."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


def load_event(name: str, **changes: Any) -> dict[str, Any]:
    """The event in `name`.json, with its top-level fields changed."""
    event: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    event.update(changes)
    return event
