"""An endpoint's whole life, with a failure at each of its calls in turn."""

from __future__ import annotations

import pytest

from pipelines.testing.control_plane import LOST
from tests.integration.pipelines.production_life import ProductionLife

PERIOD = 29
"""More calls than one run of a function makes: what failed is begun again before the next one."""


def left_behind(life: ProductionLife) -> set[str]:
    """What still exists but the versions themselves."""
    return {one for one in life.account.pieces if one != "pipeline/keepwarm"}


def test_it_begins_and_ends_with_nothing() -> None:
    life = ProductionLife()
    life.run()
    assert left_behind(life) == set()
    assert life.failures == 0
    assert life.account.plane.delivery.dead_letters == []


@pytest.mark.parametrize("first", range(PERIOD))
@pytest.mark.parametrize(
    ("code", "after"),
    [("ThrottlingException", False), (LOST, True)],
    ids=["throttled", "answer-lost"],
)
def test_every_call_may_fail_and_be_made_again(first: int, code: str, after: bool) -> None:
    """Between them, these lives fail at every call; a second run succeeds each time."""
    life = ProductionLife()
    life.account.plane.fail_every(PERIOD, first, code, after=after)
    life.run()
    assert left_behind(life) == set()
    assert len(life.account.plane.struck) >= 8
