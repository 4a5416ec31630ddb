"""Stages for tests of the edge: the shipped ones, with changes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from infrastructure import settings
from infrastructure.settings import Stage


def a_stage(name: str = "dev", /, **changes: Any) -> Stage:
    """A shipped stage with changes; a part's are given as a dict: `network={"zones": 3}`.

    Raises:
        SettingsError: the changes make no stage.
    """
    stage = settings.load(name)
    made = {
        key: dataclasses.replace(getattr(stage, key), **value)
        if isinstance(value, Mapping) and key != "tags"
        else value
        for key, value in changes.items()
    }
    return dataclasses.replace(stage, **made)
