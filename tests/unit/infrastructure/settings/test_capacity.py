from __future__ import annotations

import pytest

from infrastructure.errors import SettingsError
from infrastructure.settings import capacity
from serving import memory_plan
from tests.support.infrastructure import a_stage


def test_the_most_sessions_of_a_copy_are_the_engine_s() -> None:
    assert memory_plan.MOST_RUNNING == capacity.MOST_RUNNING


def test_more_than_that_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"model\.concurrency = 1025 must be from 0 to 1 024"):
        a_stage("dev", model={"concurrency": 1025})
