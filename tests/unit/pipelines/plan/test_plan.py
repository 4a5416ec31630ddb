"""Plans of known models on known instances, by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipelines.errors import PlanError
from pipelines.plan.footprint import Footprint, footprint
from pipelines.plan.instances import catalogue
from pipelines.plan.plan import InstancePlan, plan_instance
from pipelines.plan.plot import draw
from pipelines.plan.wishes import Wishes
from tests.unit.pipelines.plan import configs

GIB = 2**30


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Footprint]:
    root = tmp_path_factory.mktemp("configs")
    names = ("llama-3.1-8b", "mistral-7b-v0.1", "mixtral-8x7b", "qwen2.5-0.5b")
    return {name: footprint(configs.write(root / name, name)) for name in names}


def planned(models: dict[str, Footprint], name: str, instance: str, **wishes: Any) -> InstancePlan:
    return plan_instance(models[name], catalogue().instances[instance], Wishes(**wishes))


def test_llama_8b_on_an_l40s_by_hand(models: dict[str, Footprint]) -> None:
    plan = planned(models, "llama-3.1-8b", "ml.g6e.2xlarge", sessions=200)
    total = int(44.39 * GIB)
    activations = 8192 * (8 * 4096 + 3 * 14336) * 2 + 3 * 64 * 128_256 * 4
    overhead, weights = int(0.6 * GIB), 2 * 8_030_261_248
    room = total - int(0.1 * total) - overhead - weights - activations
    assert abs(plan.memory.kv_room - room) <= 1  # the reserve is rounded
    assert plan.kv_bytes_per_token == 131_072
    assert plan.num_blocks == room // (256 * 131_072) == 740
    assert plan.limits is not None
    assert plan.limits.warm_sessions == 740 // 32 == 23
    assert (plan.limits.running, plan.limits.admission) == (23, 46)
    assert (plan.limits.scaling_target, plan.limits.prefix_threshold) == (16, 23)
    assert plan.instances_needed == 9  # 200 / 23, rounded up
    assert plan.preflight.ami == "al2023-ami-sagemaker-inference-gpu-4-1"
    assert plan.usable


def test_the_parts_of_memory_fit_into_the_device(models: dict[str, Footprint]) -> None:
    for name in models:
        for instance in catalogue().instances:
            plan = planned(models, name, instance)
            memory = plan.memory
            parts = memory.reserve + memory.overhead + memory.weights + memory.activations
            if plan.fits:
                assert parts + memory.kv_room <= memory.total + 1
            kept = plan.num_blocks * plan.block_size * plan.kv_bytes_per_token
            assert kept <= memory.kv_room


def test_weights_that_are_too_large(models: dict[str, Footprint]) -> None:
    plan = planned(models, "llama-3.1-8b", "ml.g4dn.xlarge", sessions=200)
    assert not plan.fits
    assert (plan.limits, plan.throughput, plan.usd_per_million_tokens) == (None, None, None)
    assert (plan.instances_needed, plan.environment) == (None, {})


def test_a_t4_computes_in_float16_and_says_what_it_lacks(models: dict[str, Footprint]) -> None:
    plan = planned(models, "qwen2.5-0.5b", "ml.g4dn.xlarge")
    assert plan.environment["KEEPWARM_DTYPE"] == "float16"
    assert any("lacks the paged attention kernel" in note for note in plan.notes)


def test_several_gpus_are_several_copies(models: dict[str, Footprint]) -> None:
    one = planned(models, "llama-3.1-8b", "ml.g6e.2xlarge", sessions=200)
    four = planned(models, "llama-3.1-8b", "ml.g6e.12xlarge", sessions=200)
    assert (one.copies, four.copies) == (1, 4)
    assert one.limits == four.limits
    assert (one.instances_needed, four.instances_needed) == (9, 3)
    assert any("inference components" in note for note in four.notes)


def test_gpus_that_share_a_copy(models: dict[str, Footprint]) -> None:
    alone = planned(models, "mixtral-8x7b", "ml.g6e.48xlarge")
    shared = planned(models, "mixtral-8x7b", "ml.g6e.48xlarge", tensor=4)
    assert not alone.fits
    assert shared.fits
    assert (shared.copies, shared.kv_bytes_per_token) == (2, 131_072 // 4)
    assert any("a shared copy is only planned here" in note for note in shared.notes)
    assert shared.what_if
    assert shared.environment == {}


def test_more_gpus_than_there_are(models: dict[str, Footprint]) -> None:
    plan = planned(models, "qwen2.5-0.5b", "ml.g5.xlarge", tensor=2)
    assert not plan.fits
    assert "it has 1 GPUs, fewer than the 2 asked for" in plan.notes


def test_heads_that_do_not_divide(models: dict[str, Footprint]) -> None:
    with pytest.raises(PlanError, match="14 attention heads cannot be shared by 4 GPUs"):
        planned(models, "qwen2.5-0.5b", "ml.g5.12xlarge", tensor=4)


def test_windows_save_nothing_in_this_pool_and_the_plan_says_so(
    models: dict[str, Footprint],
) -> None:
    plan = planned(models, "mistral-7b-v0.1", "ml.g6e.2xlarge", context=16_384)
    assert "32 layers attend to 4096 tokens; the pool keeps all tokens of all layers" in plan.notes
    assert plan.limits is not None
    assert plan.limits.warm_sessions == plan.num_blocks // 64


@pytest.mark.parametrize(
    ("wishes", "context"), [({}, 8192), ({"context": 100}, 100), ({"context": 131_072}, 131_072)]
)
def test_the_context_is_what_was_asked_for(
    wishes: dict[str, int], context: int, models: dict[str, Footprint]
) -> None:
    plan = planned(models, "llama-3.1-8b", "ml.p5.48xlarge", **wishes)
    assert plan.limits is not None
    assert plan.limits.context == context
    assert plan.environment["KEEPWARM_MAX_MODEL_LEN"] == str(context)


def test_a_context_beyond_the_model(models: dict[str, Footprint]) -> None:
    with pytest.raises(PlanError, match="131073 is asked for and the model was made for 131072"):
        planned(models, "llama-3.1-8b", "ml.p5.48xlarge", context=131_073)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"dtype": "int4"}, "dtype must be auto or of"),
        ({"kv_dtype": "int3"}, "kv_dtype must be auto or of"),
        ({"context": -1}, "context must be 0 or more"),
        ({"tensor": 0}, "tensor must be 1 or more"),
        ({"utilization": 1.5}, r"utilization must be in \(0, 1\]"),
        ({"max_num_seqs": 0}, "max_num_seqs must be from 1 to 1024"),
        ({"max_num_seqs": 1025}, "max_num_seqs must be from 1 to 1024"),
    ],
)
def test_wishes_that_cannot_be(wrong: dict[str, Any], sentence: str) -> None:
    with pytest.raises(PlanError, match=sentence):
        Wishes(**wrong)


def test_eight_bit_kv_is_a_what_if(models: dict[str, Footprint]) -> None:
    half = planned(models, "llama-3.1-8b", "ml.g6e.2xlarge", kv_dtype="int8")
    assert half.kv_bytes_per_token == 65_536
    assert any("only planned here" in note for note in half.notes)
    assert half.what_if
    assert half.environment == {}


def test_a_cpu_s_memory_by_hand(models: dict[str, Footprint]) -> None:
    plan = planned(models, "qwen2.5-0.5b", "ml.m7i.2xlarge", context=4096)
    total = 32 * GIB
    parameters, head = 494_032_768, 151_936 * 896
    activations = 160 * (8 * 896 + 3 * 4864) * 4 + 3 * 64 * 151_936 * 4
    left = total - int(0.08 * total) - 2 * GIB - 4 * head - 4 * parameters - activations
    setting = int(0.9 * left / GIB * 100) / 100
    assert plan.environment["KEEPWARM_KV_CACHE_GIB"] == f"{setting:.2f}"
    assert plan.num_blocks == int(setting * GIB) // (16 * 24_576)
    assert plan.preflight.ami is None


def test_a_price_that_nobody_knows_is_no_cost(models: dict[str, Footprint]) -> None:
    plan = planned(models, "llama-3.1-8b", "ml.p5e.48xlarge")
    assert plan.fits
    assert plan.usd_per_million_tokens is None


def test_as_json_is_plain_data(models: dict[str, Footprint]) -> None:
    plan = planned(models, "llama-3.1-8b", "ml.g6e.2xlarge")
    data = json.loads(json.dumps(plan.as_json()))
    assert data["instance"] == "ml.g6e.2xlarge"
    assert data["fits"] is True
    assert data["limits"]["admission"] == 46
    assert data["price_usd_an_hour"] == {"sagemaker": 2.8, "ec2": 2.24208}


@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_the_plot(suffix: str, tmp_path: Path, models: dict[str, Footprint]) -> None:
    plans = [planned(models, "llama-3.1-8b", name) for name in ("ml.g4dn.xlarge", "ml.g5.xlarge")]
    paths = [tmp_path / f"{number}.{suffix}" for number in range(2)]
    for path in paths:
        draw(plans, path)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert len(paths[0].read_bytes()) > 5000


def test_a_plot_that_cannot_be_written(tmp_path: Path, models: dict[str, Footprint]) -> None:
    plans = [planned(models, "llama-3.1-8b", "ml.g5.xlarge")]
    with pytest.raises(PlanError, match="cannot be written"):
        draw(plans, tmp_path / "nowhere" / "plan.svg")
