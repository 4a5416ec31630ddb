"""`python -m orchestrator_lambda.runtime`: an execution environment from its start to its end."""

from __future__ import annotations

import io
import logging
import os
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from orchestrator_lambda.observability.failures import error_type, log_failure
from orchestrator_lambda.observability.logs import configure_logging
from orchestrator_lambda.runtime.api_client import RuntimeApiError, RuntimeClient
from orchestrator_lambda.runtime.lifecycle import Lifecycle
from orchestrator_lambda.runtime.loading import InitError, load_handler
from orchestrator_lambda.runtime.loop import RuntimeLoop
from orchestrator_lambda.runtime.stopping import StopSignal
from orchestrator_lambda.settings import LOG_LEVELS

INIT_FAILED = 1
NO_NEXT = 2
CHECKPOINT_FAILED = 64  # the exit codes of AWS's own runtimes
RESTORE_FAILED = 65

log = logging.getLogger("orchestrator_lambda.runtime")


def main(env: Mapping[str, str] = os.environ) -> int:
    """Run; the exit code: 0 after SIGTERM."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # a frozen environment flushes nothing
    level = env.get("KEEPWARM_LOG_LEVEL", "info")
    configure_logging(level if level in LOG_LEVELS else "info")
    address = env.get("AWS_LAMBDA_RUNTIME_API", "")
    if not address:
        sys.stderr.write("AWS_LAMBDA_RUNTIME_API is not set: this runs inside a Lambda\n")
        return INIT_FAILED
    client = RuntimeClient(address)
    try:
        handler = load_handler(env)
    except InitError as error:
        log_failure(log, "the handler cannot be loaded", error.__cause__ or error)
        _say(partial(client.post_init_error, error.error_type, error.message))
        return INIT_FAILED
    lifecycle = getattr(handler, "lifecycle", None) or Lifecycle()
    if env.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start":
        failed = through_snapshot(client, lifecycle)
        if failed:
            return failed
    return _serve(client, handler, lifecycle)


def through_snapshot(client: RuntimeClient, lifecycle: Lifecycle) -> int:
    """Close what is open, wait for the restore, open it again; 0, or the exit code of a failure."""
    try:
        lifecycle.checkpoint()
        client.close()
        client.restore_next()
        client.close()  # it was open in the snapshot
    except Exception as error:
        log_failure(log, "the environment cannot be kept", error)
        message = f"a hook before the snapshot raised {error_type(error)}"
        _say(partial(client.post_init_error, "Runtime.BeforeSnapshotError", message))
        return CHECKPOINT_FAILED
    try:
        lifecycle.restore()
    except Exception as error:
        log_failure(log, "the environment cannot be restored", error)
        message = f"a hook after the restore raised {error_type(error)}"
        _say(partial(client.post_restore_error, "Runtime.AfterRestoreError", message))
        return RESTORE_FAILED
    return 0


def _serve(client: RuntimeClient, handler: Callable[..., Any], lifecycle: Lifecycle) -> int:
    stop = StopSignal()
    stop.install()
    try:
        RuntimeLoop(client, handler, stop).run()
    except RuntimeApiError as error:
        log_failure(log, "no next invocation can be had", error)
        return NO_NEXT
    finally:
        lifecycle.end()
        client.close()
    return 0


def _say(call: Callable[[], None]) -> None:
    """Report a failure that ends the environment anyway."""
    try:
        call()
    except RuntimeApiError as error:
        log_failure(log, "the failure was not taken", error)


if __name__ == "__main__":
    sys.exit(main())
