"""What the definition tells a step's program is what the program takes."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

from pipelines.definition import steps
from pipelines.definition.linter.graph import all_steps
from pipelines.definition.linter.resolve import Resolver
from tests.unit.pipelines.definition.planted import clean, step

JOBS = [steps.VALIDATE, steps.EVALUATE, steps.BENCHMARK]


def asked(name: str) -> tuple[Any, Any]:
    """The module that a job starts, and its arguments as the program reads them."""
    definition = clean()
    resolver = Resolver(definition["Parameters"], list(all_steps(definition["Steps"])), {})
    app = resolver.value(step(definition, name)["Arguments"]["AppSpecification"])
    *_, flag, module = app["ContainerEntrypoint"]
    assert flag == "-m"
    found = importlib.import_module(module)
    return found, found.parser().parse_args(app["ContainerArguments"])


@pytest.mark.parametrize("name", JOBS)
def test_a_job_s_output_is_where_its_documents_are_fetched(name: str) -> None:
    _, options = asked(name)
    (output,) = step(clean(), name)["Arguments"]["ProcessingOutputConfig"]["Outputs"]
    assert options.output == Path(output["S3Output"]["LocalPath"])


def test_validate_reads_the_model_where_it_is_put() -> None:
    _, options = asked(steps.VALIDATE)
    places = {
        one["InputName"]: one["S3Input"]["LocalPath"]
        for one in step(clean(), steps.VALIDATE)["Arguments"]["ProcessingInputs"]
    }
    assert options.model == Path(places["model"])
    assert (options.instance, options.context) == ("ml.g6e.2xlarge", 8192)


def test_speed_is_told_where_it_was_measured() -> None:
    _, options = asked(steps.BENCHMARK)
    assert options.place == "ml.g6e.2xlarge"


@pytest.mark.parametrize("name", JOBS)
def test_a_job_finds_its_code_before_that_of_the_image(name: str) -> None:
    arguments = step(clean(), name)["Arguments"]
    code = next(one for one in arguments["ProcessingInputs"] if one["InputName"] == "code")
    first, second = arguments["Environment"]["PYTHONPATH"].split(":")
    assert first == code["S3Input"]["LocalPath"]
    assert second == "/opt/keepwarm"
