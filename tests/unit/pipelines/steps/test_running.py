from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.errors import StagingError
from pipelines.steps.running import Progress, Refused, Stages, run_step, stage


def raising(error: Exception) -> None:
    raise error


def test_a_step_that_ends_well_says_nothing(tmp_path: Path) -> None:
    assert run_step(lambda: None, tmp_path) == 0
    assert not (tmp_path / "message").exists()


@pytest.mark.parametrize(
    ("error", "code"),
    [(Refused("it is worse"), 1), (StagingError("it does not come up"), 2)],
)
def test_a_sentence_goes_where_people_and_processing_jobs_look(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], error: Exception, code: int
) -> None:
    assert run_step(lambda: raising(error), tmp_path) == code
    assert capsys.readouterr().err == f"{error}\n"
    assert (tmp_path / "message").read_text() == str(error)


def test_an_error_of_our_own_is_no_refusal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_step(lambda: raising(KeyError("x")), tmp_path) == 2
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert err.splitlines()[-1] == "internal error: KeyError: 'x'"


def test_a_message_is_as_short_as_a_processing_job_wants_it(tmp_path: Path) -> None:
    run_step(lambda: raising(Refused("x" * 5000)), tmp_path)
    assert len((tmp_path / "message").read_text()) == 1000


def test_without_a_processing_jobs_folder_there_is_no_message(tmp_path: Path) -> None:
    assert run_step(lambda: raising(Refused("no")), tmp_path / "none") == 1
    assert not (tmp_path / "none").exists()


def test_progress_is_one_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    stage(0.5, "two\nlines")
    stages = Stages(2)
    stages.advance("a")
    stages.advance("b")
    stages.advance("more than was foreseen")
    assert capsys.readouterr().out.splitlines() == [
        "@stage 0.50 two lines",
        "@stage 0.50 a",
        "@stage 1.00 b",
        "@stage 1.00 more than was foreseen",
    ]


def test_a_large_artifact_does_not_fill_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress()
    for done in range(100_000):
        progress.tell(done / 100_000, "reading")
    assert 90 <= len(capsys.readouterr().out.splitlines()) <= 100
