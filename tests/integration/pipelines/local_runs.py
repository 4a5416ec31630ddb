"""Local runs as a test makes them: the command's own parts, and its outcome as data."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cli import pipeline_run
from cli.progress import Reporter
from cli.server_process import ServerProcess
from pipelines.local_run.run import Staging
from tests.support.delaying_proxy import DelayingProxy

# A model of some thousand numbers answers no question; what counts is whether it became worse.
GATES = """
[deployment]
instance = "ml.c7i.xlarge"

[gates]
max_bits_per_byte = 5.0
min_suite_share = 0.0
max_ttft_p95_s = 2.5
max_itl_p99_s = 60.0
min_tokens_per_s = 0.1
ttft_slack_s = 60.0
itl_slack_s = 60.0
tokens_per_s_drop = 1.0
"""


def run_command(*arguments: object) -> tuple[int, dict[str, Any]]:
    """`keepwarm pipeline run --local --json`: its exit code and what it printed."""
    parser = argparse.ArgumentParser()
    pipeline_run.add_arguments(parser)
    args = parser.parse_args(["--local", "--quick", "--json", *map(str, arguments)])
    with contextlib.redirect_stdout(io.StringIO()) as out:
        code = pipeline_run.pipeline_run(args)
    outcome: dict[str, Any] = json.loads(out.getvalue())
    return code, outcome


def delayed(model: Path, delay_s: float) -> Staging:
    """A server of our own behind something slow."""

    @contextmanager
    def staging() -> Iterator[str]:
        with ServerProcess(model, Reporter()) as server:
            server.wait_ready()
            with DelayingProxy(server.url, delay_s) as proxy:
                yield proxy.url

    return staging


def refusals(outcome: dict[str, Any]) -> set[str]:
    """Metrics that refused."""
    return {one["metric"] for one in outcome["verdicts"] if not one["passed"]}
