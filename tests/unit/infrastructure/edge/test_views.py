"""The function at CloudFront's edge, run by Node: which paths are views of the page."""

from __future__ import annotations

import json
import os
import subprocess
from functools import cache
from pathlib import Path

import pytest

from infrastructure.edge.distribution import VIEWS
from infrastructure.node import node
from local.gateway.static_files import StaticFiles

INDEX = b"<!doctype html><title>the page</title>"
PATHS = (
    "/",
    "/c/0198-abc",
    "/c/",
    "/hood",
    "/signed-in",
    "/index.html",
    "/config.json",
    "/theme.js",
    "/assets/index-Zz0UFpyz.js",
    "/assets/none",
)


@pytest.mark.parametrize("path", PATHS)
def test_the_edge_and_the_local_gateway_agree_on_what_is_a_view(path: str, tmp_path: Path):
    (tmp_path / "index.html").write_bytes(INDEX)
    is_view = StaticFiles(tmp_path).answer(path, {}).body == INDEX
    assert _rewritten()[path] == ("/index.html" if is_view else path)


def test_the_function_keeps_to_what_cloudfront_lets_one_have():
    """10 KB of code at most."""
    assert len(VIEWS.read_bytes()) < 10 * 1024


@cache
def _rewritten() -> dict[str, str]:
    """What the function makes of each path."""
    program = (
        f"{VIEWS.read_text()}\n"
        f"const paths = {json.dumps(PATHS)};\n"
        "const of = (uri) => handler({ request: { uri } }).uri;\n"
        "console.log(JSON.stringify(Object.fromEntries(paths.map((path) => [path, of(path)]))));\n"
    )
    run = subprocess.run(
        [node(os.environ), "-e", program], capture_output=True, text=True, check=True
    )
    answer: dict[str, str] = json.loads(run.stdout)
    return answer
