"""The models of the parity tests."""

from __future__ import annotations

import pytest

from tests.parity.zoo import Zoo


@pytest.fixture(scope="session")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    """All tiny models, by name."""
    return Zoo(tmp_path_factory.mktemp("zoo"))
