"""A gateway for each test, in this process, before a function that is made up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from local.gateway.server import Gateway
from local.gateway.settings import GatewaySettings
from tests.support.fake_function import FakeFunction

Open = Callable[..., Gateway]


@pytest.fixture
def function() -> FakeFunction:
    return FakeFunction()


@pytest.fixture
def open_gateway(function: FakeFunction) -> Iterator[Open]:
    with ExitStack() as opened:

        def open_one(**settings: Any) -> Gateway:
            return opened.enter_context(Gateway(GatewaySettings(**settings), function))

        yield open_one


@pytest.fixture
def gateway(open_gateway: Open) -> Gateway:
    return open_gateway()
