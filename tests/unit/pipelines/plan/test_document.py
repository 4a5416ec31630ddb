"""plan.json: what deployment and infrastructure read is what was planned."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.errors import PlanError
from pipelines.model import manifest
from pipelines.plan.document import load, parse, render
from pipelines.plan.footprint import Footprint, footprint
from pipelines.plan.identity import Identity, identify
from pipelines.plan.instances import catalogue
from pipelines.plan.plan import InstancePlan, plan_instance
from pipelines.plan.wishes import Wishes
from tests.unit.pipelines.plan import configs

G6E, G5, G4DN, P5E, CPU = (
    "ml.g6e.2xlarge", "ml.g5.12xlarge", "ml.g4dn.xlarge", "ml.p5e.48xlarge", "ml.m7i.8xlarge",
)  # fmt: skip
MODEL = Identity("llama", "ab" * 32)


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Footprint:
    return footprint(configs.write(tmp_path_factory.mktemp("llama"), "llama-3.1-8b"))


def planned(llama: Footprint, instance: str, **wishes: Any) -> InstancePlan:
    return plan_instance(llama, catalogue().instances[instance], Wishes(**wishes))


def text_of(llama: Footprint, *instances: str, **wishes: Any) -> str:
    plans = [planned(llama, one, **wishes) for one in instances]
    return json.dumps(render(MODEL, llama, plans, Wishes(**wishes)))


@pytest.mark.parametrize("instance", [G6E, G5, P5E, CPU])
def test_what_is_read_is_what_was_planned(llama: Footprint, instance: str) -> None:
    plan = planned(llama, instance)
    document = parse(text_of(llama, instance))
    assert plan.limits is not None
    assert plan.throughput is not None
    assert document.limits == plan.limits
    assert document.autoscaling_target == plan.limits.scaling_target
    assert document.prefix_aware_threshold == plan.limits.prefix_threshold
    assert document.environment == plan.environment
    assert (document.instance, document.ami) == (instance, plan.preflight.ami)
    assert (document.dtype, document.context) == (plan.dtype, 8192)
    assert document.copies == plan.copies
    assert document.usd_per_hour == plan.instance.price.sagemaker
    assert document.usd_per_million_tokens == plan.usd_per_million_tokens
    assert document.tokens_per_second == plan.throughput.tokens_per_s
    assert (document.model_name, document.model_sha256) == ("llama", "ab" * 32)
    assert document.architecture == "LlamaForCausalLM"
    assert document.table == catalogue().version


def test_an_unknown_price_stays_unknown(llama: Footprint) -> None:
    document = parse(text_of(llama, P5E))
    assert document.usd_per_hour is None
    assert document.usd_per_million_tokens is None


def test_reading_a_plan_imports_no_torch() -> None:
    heavy = "{'torch', 'transformers', 'numpy', 'boto3'} & set(sys.modules)"
    code = f"import sys, pipelines.plan.document; print({heavy} or 'light')"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "light"


def test_of_several_plans_one_is_named(llama: Footprint) -> None:
    text = text_of(llama, G6E, G5)
    assert parse(text, G5).instance == G5
    with pytest.raises(PlanError, match=f"is of {G6E}, {G5}: say of which instance"):
        parse(text)
    with pytest.raises(PlanError, match=f"is of {G6E}, {G5}, not of ml.x1.large"):
        parse(text, "ml.x1.large")


@pytest.mark.parametrize(
    ("instance", "wishes", "sentence"),
    [
        (G4DN, {}, "does not fit there"),
        (G6E, {"ami": "default"}, "cannot run the image's CUDA"),
        (G6E, {"kv_dtype": "int8"}, "what-if: plan without --kv-dtype"),
        (G5, {"tensor": 2}, "what-if: plan without --tensor"),
    ],
)
def test_what_would_not_run_cannot_be_deployed(
    llama: Footprint, instance: str, wishes: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(PlanError, match=sentence):
        parse(text_of(llama, instance, **wishes))


def edited(field: str, value: object) -> Callable[[dict[str, Any]], None]:
    """Set a field of the plan; dots lead inwards."""
    *outer, last = field.split(".")

    def edit(plan: dict[str, Any]) -> None:
        for name in outer:
            plan = plan[name]
        plan[last] = value

    return edit


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (edited("environment.KEEPWARM_MAX_CONCURRENT", "500"), "'500', the limits say '46'"),
        (edited("environment.KEEPWARM_MAX_NUM_SEQS", 23), "must be a map of texts"),
        (edited("environment", {}), "KEEPWARM_MAX_MODEL_LEN is None"),
        (edited("limits.running", 24), "does not agree with itself"),
        (edited("limits.admission", 47), r"admission is not running \+ waiting, 46"),
        (edited("limits.scaling_target", 99), "not in rising order"),
        (edited("limits.scaling_target", 0), "scaling_target is 0, it must be a whole number"),
        (edited("limits.prefix_threshold", 2000), "more than 1024"),
        (edited("limits.waiting", "23"), "waiting is '23', it must be a whole number from 1 on"),
        (edited("limits.waiting", True), "waiting is True"),
        (edited("limits", None), "limits must be a JSON object"),
        (edited("price_usd_an_hour.sagemaker", -1), "a number from 0 on, or null"),
        (edited("usd_per_million_tokens", float("inf")), "a number from 0 on, or null"),
        (edited("preflight.ami", 4), "ami is 4, it must be a text"),
        (edited("instance", ""), "instance is '', it must be a text"),
    ],
)
def test_a_document_that_somebody_changed_is_refused(
    llama: Footprint, edit: Callable[[dict[str, Any]], None], sentence: str
) -> None:
    data = copy.deepcopy(json.loads(text_of(llama, G6E)))
    edit(data["plans"][0])
    with pytest.raises(PlanError, match=sentence):
        parse(json.dumps(data))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is not JSON: make it anew with `keepwarm plan --json`"),
        ("[" * 100_000, "is not JSON"),
        ("[]", "must be a JSON object"),
        ("{}", "has format None, not 1"),
        ('{"format": 1}', "plans is None, it must be a list"),
        ('{"format": 1, "plans": []}', "is of no instance"),
        ('{"format": 1, "plans": [3]}', "must be a JSON object"),
    ],
)
def test_what_is_no_plan(text: str, sentence: str) -> None:
    with pytest.raises(PlanError, match=sentence):
        parse(text)


def test_a_file_is_named_in_every_message(llama: Footprint, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    with pytest.raises(PlanError, match=r"plan.json cannot be read: No such file"):
        load(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(PlanError, match=r"plan.json is no text"):
        load(path)
    path.write_text(text_of(llama, G4DN))
    with pytest.raises(PlanError, match=r"plan.json of ml.g4dn.xlarge: the model does not fit"):
        load(path)
    path.write_text(text_of(llama, G6E))
    assert load(path).instance == G6E


class TestIdentity:
    def checked(self, folder: Path) -> str:
        """The folder with a config and the manifest that `model check` would write; its digest."""
        configs.write(folder, "gpt2")
        content = (folder / "config.json").read_bytes()
        entries = {"config.json": manifest.entry_of(content)}
        (folder / "manifest.json").write_bytes(manifest.render(entries))
        return manifest.digest(entries)

    def test_it_is_the_manifest_s(self, tmp_path: Path) -> None:
        digest = self.checked(tmp_path / "chat")
        assert identify(tmp_path / "chat") == Identity("chat", digest)
        assert identify(tmp_path / "chat" / "config.json") == Identity("chat", digest)

    def test_without_a_manifest_there_is_none(self, tmp_path: Path) -> None:
        assert identify(configs.write(tmp_path / "chat", "gpt2")) == Identity("chat", None)

    def test_a_manifest_of_another_config_is_no_identity(self, tmp_path: Path) -> None:
        self.checked(tmp_path)
        configs.write(tmp_path, "gpt2", vocab_size=1000)
        assert identify(tmp_path).sha256 is None
