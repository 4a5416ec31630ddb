"""How redis-server is started on one machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from infrastructure.definitions import definitions
from local.stack.redis_command import redis_arguments


def after(arguments: tuple[str, ...], word: str) -> str:
    return arguments[arguments.index(word) + 1]


def test_it_has_every_parameter_of_the_clouds():
    arguments = redis_arguments(6400, Path("/data"), keep=False)
    for name, value in definitions().redis.items():
        assert after(arguments, f"--{name}") == value


def test_it_listens_on_loopback_alone():
    assert after(redis_arguments(6400, Path("/data"), keep=False), "--bind") == "127.0.0.1"


@pytest.mark.parametrize(("keep", "word"), [(True, "yes"), (False, "no")])
def test_it_writes_to_disk_only_where_data_shall_outlive_it(keep, word):
    assert after(redis_arguments(6400, Path("/data"), keep=keep), "--appendonly") == word
