from __future__ import annotations

import random
import threading

import pytest

from local.lambda_runtime_api import RuntimeApi
from orchestrator_lambda.runtime.__main__ import (
    CHECKPOINT_FAILED,
    RESTORE_FAILED,
    through_snapshot,
)
from orchestrator_lambda.runtime.api_client import RuntimeClient
from orchestrator_lambda.runtime.lifecycle import Lifecycle


@pytest.fixture
def api():
    with RuntimeApi("test") as api:
        yield api


def raising():
    raise RuntimeError("my secret words")


def test_hooks_run_around_the_snapshot_which_waits_for_its_restore(api):
    lifecycle, done = Lifecycle(), []
    closed = threading.Event()
    lifecycle.before_checkpoint(lambda: (done.append("close first"), closed.set()))
    lifecycle.before_checkpoint(lambda: done.append("close second, before it"))
    lifecycle.after_restore(lambda: done.append("open"))
    results = []
    thread = threading.Thread(
        target=lambda: results.append(through_snapshot(RuntimeClient(api.address), lifecycle))
    )
    thread.start()
    assert closed.wait(10)
    assert done == ["close second, before it", "close first"]
    api.restored.set()
    thread.join(10)
    assert results == [0]
    assert done[-1] == "open"


def test_environments_of_one_snapshot_draw_different_numbers():
    random.seed(1)
    Lifecycle().restore()
    first = random.random()
    random.seed(1)
    Lifecycle().restore()
    assert random.random() != first


def test_a_hook_before_the_snapshot_that_fails_ends_the_initialisation(api):
    lifecycle = Lifecycle()
    lifecycle.before_checkpoint(raising)
    assert through_snapshot(RuntimeClient(api.address), lifecycle) == CHECKPOINT_FAILED
    assert api.init_error.error_type == "Runtime.BeforeSnapshotError"
    assert "secret" not in api.init_error.message


def test_a_hook_after_the_restore_that_fails_ends_the_environment(api):
    lifecycle = Lifecycle()
    lifecycle.after_restore(raising)
    api.restored.set()
    assert through_snapshot(RuntimeClient(api.address), lifecycle) == RESTORE_FAILED
    assert api.init_error.error_type == "Runtime.AfterRestoreError"


def test_at_the_end_every_hook_gets_its_turn():
    lifecycle, done = Lifecycle(), []
    lifecycle.at_end(lambda: done.append(1))
    lifecycle.at_end(raising)
    lifecycle.end()
    assert done == [1]
