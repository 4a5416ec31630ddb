from __future__ import annotations

from typing import Any

import pytest

from tests.unit.orchestrator_lambda.identity.issuer import Issuer, make_keys


@pytest.fixture(scope="session")
def shared_keys() -> dict[str, Any]:
    return make_keys()


@pytest.fixture
def issuer(shared_keys: dict[str, Any]) -> Issuer:
    return Issuer(shared_keys)
