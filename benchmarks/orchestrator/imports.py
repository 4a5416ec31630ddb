"""How long the handler's import takes beside boto3's own."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Mapping

from benchmarks.machine import REPOSITORY

_CODE = """
import json, time
began = time.perf_counter()
import boto3, botocore.config, botocore.session
after_boto3 = time.perf_counter()
import orchestrator_lambda.handler
after_handler = time.perf_counter()
print(json.dumps([after_boto3 - began, after_handler - after_boto3]))
"""


def measure_imports(environment: Mapping[str, str], repeats: int) -> dict[str, float]:
    """Medians in milliseconds, each import in a fresh process: boto3's, and the handler's after it.

    The handler's time holds all of its clients, made and not yet connected.
    """
    pairs = [_once(environment) for _ in range(repeats)]
    return {
        "boto3_ms": 1000 * statistics.median(pair[0] for pair in pairs),
        "handler_ms": 1000 * statistics.median(pair[1] for pair in pairs),
    }


def _once(environment: Mapping[str, str]) -> tuple[float, float]:
    printed = subprocess.check_output(
        [sys.executable, "-c", _CODE], cwd=REPOSITORY, env=dict(environment), text=True
    )
    boto3_s, handler_s = json.loads(printed.splitlines()[-1])
    return boto3_s, handler_s
