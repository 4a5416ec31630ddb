from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from benchmarks import chat
from benchmarks.records import PeerFailure
from tests.unit.benchmarks.records_for_tests import run, turn
from tests.unit.benchmarks.scripted_server import Pause, Reply, answer, delta, serving


def run_chat(tmp_path: Path, *arguments: str) -> int:
    return chat.main(["--output", str(tmp_path), *arguments])


def results_in(folder: Path) -> dict[str, Any]:
    (path,) = folder.glob("*.json")
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def test_a_url_is_measured_and_everything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(lambda body: Reply(answer("a", "b", cached=50))) as server:
        status = run_chat(tmp_path, "--url", server.url, "--model", "m", "--quick")
    assert status == 0
    assert len(server.requests) == 2 * 2 + 2  # the workload and the warm-up
    shown = capsys.readouterr().out
    assert "output tokens/s" in shown
    assert "answers were shorter than asked for" in shown  # 2 tokens instead of 8
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".md", ".png", ".svg"}
    assert len(results_in(tmp_path)["runs"][0]["turns"]) == 4


def test_a_server_that_fails_gives_status_1(tmp_path: Path) -> None:
    with serving(lambda body: Reply([b"{}"], status=503)) as server:
        status = run_chat(tmp_path, "--url", server.url, "--model", "m", "--quick")
    assert status == 1
    assert "HTTP 503" in results_in(tmp_path)["failures"][0]["reason"]


def test_a_run_that_is_too_slow_is_cut_and_shown_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def script(body: dict[str, Any]) -> Reply:
        is_warm_up = body["messages"][0]["content"] == "Reply briefly."
        return Reply(answer("a") if is_warm_up else [delta("a"), Pause(2.0), *answer("b")])

    with serving(script) as server:
        arguments = ["--url", server.url, "--model", "m", "--quick", "--time-limit", "0.5"]
        assert run_chat(tmp_path, *arguments) == 0
    assert "cut by its time limit with 0 of 4 turns" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--sessions", "0"], "sessions must be at least 1"),
        (["--peers", "nobody"], "--peers takes"),
        (["--repeat", "0"], "--repeat must be more than 0"),
        (["--time-limit", "-1"], "--time-limit must be more than 0"),
        (["--think", "-1"], "think_seconds must be 0 or more"),
    ],
)
def test_wrong_arguments_are_named(
    arguments: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as leaving:
        run_chat(tmp_path, *arguments)
    assert leaving.value.code == 2
    assert sentence in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_benchmark_ends_quickly_and_says_nothing_of_a_traceback(
    number: signal.Signals, status: int, tmp_path: Path
) -> None:
    with serving(lambda body: Reply([delta("a"), Pause(5.0), *answer("b")])) as server:
        arguments = ["--url", server.url, "--model", "m", "--quick", "--output", str(tmp_path)]
        benchmark = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.chat", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=dict(os.environ),
        )
        try:
            _wait_for(lambda: server.requests)
            benchmark.send_signal(number)
            shown, _ = benchmark.communicate(timeout=20.0)
        finally:
            benchmark.kill()
            benchmark.wait()
    assert benchmark.returncode == status
    assert "Traceback" not in shown


def _wait_for(condition: Any) -> None:
    deadline = time.monotonic() + 20.0
    while not condition():
        assert time.monotonic() < deadline, "the benchmark sent no request"
        time.sleep(0.02)


def test_a_rival_that_is_not_installed_fails_nobody_who_measured_others() -> None:
    missing = PeerFailure(peer="vllm", title="vLLM", reason="not here", skipped=True)
    broken = PeerFailure(peer="vllm", title="vLLM", reason="crashed")
    measured = run(turn(times=(1.0, 2.0)), wall=2.0)
    assert not chat._is_bad(missing)
    assert chat._is_bad(broken)
    assert not chat._is_bad(measured)
