"""The scripts as they are called, against a server whose answers are scripted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.documents import write_document
from pipelines.steps import benchmark, evaluate, judge
from tests.support.run_documents import run_documents
from tests.support.scripted_server import Answer, ScriptedServer, Seen
from tests.support.scripted_target import chat_answer, stream_of


def answer(seen: Seen) -> Answer:
    """An endpoint that reads, chats and streams."""
    body = json.loads(seen.body)
    if "prompt" in body:
        tokens = body["prompt"].split(" ")
        tokens = [tokens[0], *(f" {token}" for token in tokens[1:])]
        logprobs = {"tokens": tokens, "token_logprobs": [None, *[-1.0] * (len(tokens) - 1)]}
        return Answer(body=json.dumps({"choices": [{"logprobs": logprobs}]}).encode())
    if body.get("stream"):
        return Answer(chunks=stream_of(*["x"] * body["max_tokens"], cached=60))
    return Answer(body=json.dumps(chat_answer("Paris")).encode())


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer(answer) as made:
        yield made


def read(folder: Path, name: str) -> dict[str, object]:
    content: dict[str, object] = json.loads((folder / name).read_text())
    return content


def test_evaluate(
    server: ScriptedServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    suite = tmp_path / "mine.json"
    prompt = {"name": "a", "ask": "Where?", "contains": "paris"}
    suite.write_text(json.dumps({"name": "mine", "prompt": [prompt]}))
    arguments = ["--endpoint", server.url, "--output", str(tmp_path), "--suite", str(suite)]
    assert evaluate.main(arguments) == 0
    found = read(tmp_path, "evaluation.json")
    metrics = found["metrics"]
    assert isinstance(metrics, dict)
    assert metrics.keys() == {"perplexity", "bits_per_byte", "suite_basics", "suite_mine"}
    assert metrics["suite_mine"] == 1.0
    assert 0 < metrics["suite_basics"] < 0.5
    assert metrics["perplexity"] == pytest.approx(2.71828, abs=1e-3)
    assert "@stage 1.00" in capsys.readouterr().out


def test_a_step_can_be_run_again_over_its_own_output(
    server: ScriptedServer, tmp_path: Path
) -> None:
    arguments = ["--endpoint", server.url, "--output", str(tmp_path), "--quick"]
    assert evaluate.main(arguments) == 0
    first = read(tmp_path, "evaluation.json")
    assert evaluate.main(arguments) == 0
    assert read(tmp_path, "evaluation.json") == first


def test_benchmark(server: ScriptedServer, tmp_path: Path) -> None:
    arguments = ["--endpoint", server.url, "--output", str(tmp_path), "--quick", "--levels", "1,2"]
    assert benchmark.main(arguments) == 0
    found = read(tmp_path, "benchmark.json")
    metrics, levels = found["metrics"], found["levels"]
    assert isinstance(metrics, dict)
    assert isinstance(levels, list)
    assert [level["concurrency"] for level in levels] == [1, 2]
    assert (metrics["truncated_share"], metrics["failed_share"]) == (0.0, 0.0)


def test_an_endpoint_that_is_not_there_is_no_refusal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("pipelines.evaluation.asking.PAUSES_S", (0.0,))
    arguments = ["--endpoint", "http://127.0.0.1:9", "--output", str(tmp_path)]
    assert evaluate.main(arguments) == 2
    assert benchmark.main(arguments) == 2
    assert "does not answer" in capsys.readouterr().err
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(
    ("more", "sentence"),
    [(["--levels", "1,x"], "levels must be numbers"), (["--levels", "4,1"], "must ascend")],
)
def test_levels_that_cannot_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], sentence: str
) -> None:
    assert benchmark.main(["--endpoint", "http://x:1", "--output", str(tmp_path), *more]) == 2
    assert sentence in capsys.readouterr().err


def test_speed_of_a_sagemaker_endpoint_needs_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert benchmark.main(["--endpoint", "chat", "--output", str(tmp_path)]) == 2
    assert "--place must name the endpoint's instance type" in capsys.readouterr().err


@pytest.mark.parametrize(("bits", "code"), [(0.9, 0), (5.0, 1)])
def test_judge_answers_by_its_exit_code_and_always_reports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bits: float, code: int
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, content in run_documents(evaluation={"bits_per_byte": bits}).items():
        write_document(tmp_path / name, content)
    arguments = ["--input", ".", "--output", "out", "--registry", "registry"]
    assert judge.main(arguments) == code
    assert read(tmp_path / "out", "gates.json")["passed"] is (code == 0)
    assert (tmp_path / "out" / "report.html").is_file()
    assert not (tmp_path / "registry").exists()


def test_judge_without_a_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert judge.main(["--input", ".", "--output", ".", "--registry", "."]) == 2
    assert "check.json cannot be read" in capsys.readouterr().err
