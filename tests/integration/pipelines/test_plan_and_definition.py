"""What the definition reads from a plan is in the plans that are really made."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines import documents
from pipelines.definition import steps
from pipelines.definition.linter import lint
from pipelines.plan.document import render
from pipelines.plan.footprint import footprint
from pipelines.plan.identity import identify
from pipelines.plan.instances import catalogue
from pipelines.plan.plan import plan_instance
from pipelines.plan.wishes import Wishes
from pipelines.settings import DeploymentSettings
from tests.unit.pipelines.definition.planted import clean, step
from tests.unit.pipelines.plan import configs


@pytest.mark.parametrize(
    ("instance", "ami"),
    [
        ("ml.g6e.2xlarge", DeploymentSettings.ami),
        ("ml.p5.48xlarge", DeploymentSettings.ami),
        ("ml.m7i.8xlarge", ""),
    ],
)
def test_every_path_leads_to_a_value(tmp_path: Path, instance: str, ami: str) -> None:
    model = configs.write(tmp_path, "llama-3.1-8b")
    measured, wishes = footprint(model), Wishes(context=8192)
    plan = plan_instance(measured, catalogue().instances[instance], wishes)
    document = render(identify(model), measured, [plan], wishes)
    assert lint(clean(instance=instance, ami=ami), {documents.PLAN: document}) == []
    environment = step(clean(ami=ami), steps.MODEL)["Arguments"]["PrimaryContainer"]["Environment"]
    assert environment.keys() == plan.environment.keys()
