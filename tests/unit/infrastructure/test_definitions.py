"""What the stand-ins are made of is what the cloud is made of."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from infrastructure import contract, snapshot
from infrastructure.definitions import SNAPSHOT, definitions, from_resources
from orchestrator_lambda.history import schema
from orchestrator_lambda.telemetry import seen
from tests.support.chat_boxes import chat_templates


def test_the_snapshot_is_what_the_boxes_make():
    written = SNAPSHOT.read_text(encoding="utf-8")
    assert snapshot.rendered(snapshot.local_stage()) == written, (
        "review the change, then: python -m infrastructure.snapshot --write"
    )


@pytest.mark.parametrize("variant", ["dev", "prod"])
def test_a_stage_differs_from_the_stand_ins_in_names_alone(variant):
    templates = chat_templates(variant)
    made = json.dumps(snapshot.reduced(templates.data.resources))
    stage, local = templates.stage, snapshot.local_stage()
    there, here = (contract.resource_names(one) for one in (stage, local))
    for name in ("texts", "marks", "stream", "table"):
        made = made.replace(f'"{getattr(there, name)}"', f'"{getattr(here, name)}"')
    assert json.loads(made) == json.loads(SNAPSHOT.read_text(encoding="utf-8"))


def test_tables_are_given_as_the_code_defines_them():
    found = definitions()
    names = contract.resource_names(snapshot.local_stage())
    wanted = schema.table_definition(names.table)
    assert {key: found.table.create[key] for key in wanted} == wanted
    assert found.marks.create == seen.table_definition(names.marks)
    assert found.table.time_to_live == schema.time_to_live()
    assert found.marks.time_to_live == seen.time_to_live()


def test_the_api_is_told_that_a_stream_is_on():
    specification = definitions().table.create["StreamSpecification"]
    assert specification == {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}


def test_the_stream_is_on_demand_and_keeps_for_a_week():
    stream = definitions().stream
    assert stream.create == {
        "StreamName": "keepwarm-local-events",
        "StreamModeDetails": {"StreamMode": "ON_DEMAND"},
    }
    assert stream.retention_hours == 168


def test_reading_them_changes_nothing_in_what_was_read():
    resources = json.loads(SNAPSHOT.read_text(encoding="utf-8"))
    assert from_resources(resources) == from_resources(resources)


def test_the_stand_ins_need_no_cdk():
    modules = "import local.stack.stores, local.stack.redis_command, local.stack.function, sys;"
    check = (
        "sys.exit(any(name.startswith(('aws_cdk', 'jsii', 'constructs')) for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", modules + check], check=False).returncode == 0
