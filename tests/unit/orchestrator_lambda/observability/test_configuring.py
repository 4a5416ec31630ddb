from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from orchestrator_lambda.observability import context
from orchestrator_lambda.observability.logs import ROOT, configure_logging


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Where the lines go; the loggers are as before afterwards."""
    root, ours = logging.getLogger(), logging.getLogger(ROOT)
    before = list(root.handlers), root.level, ours.level
    context.clear()
    yield io.StringIO()
    root.handlers[:], root.level, ours.level = before


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_rooms_and_libraries_come_out_once_in_the_same_form(stream: io.StringIO) -> None:
    configure_logging("info", stream=stream)
    logging.getLogger("orchestrator_lambda.turns").info("ours")
    logging.getLogger("somebody.else").warning("%s of a library", "secret")
    ours, theirs = lines(stream)
    assert (ours["message"], ours["name"]) == ("ours", "orchestrator_lambda.turns")
    assert (theirs["message"], theirs["service"]) == ("[redacted] of a library", ours["service"])


def test_libraries_stay_at_warnings(stream: io.StringIO) -> None:
    configure_logging("debug", stream=stream)
    logging.getLogger("orchestrator_lambda.turns").debug("ours")
    logging.getLogger("botocore").info("a whole request")
    assert [line["message"] for line in lines(stream)] == ["ours"]


def test_the_last_call_holds(stream: io.StringIO) -> None:
    configure_logging("debug", stream=io.StringIO())
    configure_logging("error", stream=stream)
    logging.getLogger("orchestrator_lambda.turns").warning("too little")
    logging.getLogger("orchestrator_lambda.turns").error("enough")
    assert [line["message"] for line in lines(stream)] == ["enough"]


@pytest.mark.filterwarnings("ignore:POWERTOOLS_DEV")
@pytest.mark.parametrize(
    ("name", "value"), [("POWERTOOLS_DEV", "1"), ("POWERTOOLS_LOGGER_SAMPLE_RATE", "much")]
)
def test_variables_of_powertools_change_nothing(
    stream: io.StringIO, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    configure_logging("info", service=f"with-{name}", stream=stream)
    logging.getLogger("orchestrator_lambda.turns").info("a line")
    assert len(stream.getvalue().splitlines()) == 1
    assert "sampling_rate" not in lines(stream)[0]
