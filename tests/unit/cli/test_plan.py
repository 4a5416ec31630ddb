"""`keepwarm plan`: table, JSON, plot, exit codes, sentences."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.main import main
from pipelines.plan.document import parse
from tests.unit.pipelines.plan import configs


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(configs.write(tmp_path_factory.mktemp("llama"), "llama-3.1-8b") / "config.json")


def test_one_instance_in_full(llama: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--instance", "ml.g6e.2xlarge", "--context", "8192", "--sessions", "200"]
    assert main(["plan", "--model", llama, *arguments]) == 0
    out = capsys.readouterr().out
    for part in (
        "LlamaForCausalLM: 8,030,261,248 parameters, 32 layers, 131,072 KV bytes a token",
        "740 blocks of 256 tokens",
        "23 sessions of 8192 tokens stay warm",
        "23 run, 23 wait, the next one gets 429",
        "autoscaling target: 16 concurrent requests a copy",
        "PREFIX_AWARE ConcurrencyThreshold: 23",
        "set InferenceAmiVersion=al2023-ami-sagemaker-inference-gpu-4-1",
        "KEEPWARM_MAX_CONCURRENT=46",
        "list prices of us-east-1",
        "an estimate",
    ):
        assert part in out


def test_every_instance_has_a_line_that_is_not_broken(
    llama: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", "--model", llama]) == 0
    lines = capsys.readouterr().out.splitlines()
    rows = {line.split()[0]: line for line in lines if line.startswith("ml.") and ":" not in line}
    assert len(rows) == 52
    assert rows["ml.g4dn.xlarge"].split()[6] == "no"
    assert rows["ml.g6e.2xlarge"].split()[1:5] == ["1", "x", "L40S", "bf16"]


def test_json(llama: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "--model", llama, "--instance", "g6e", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["model"]["kv_bytes_per_token_16_bit"] == 131_072
    assert len(data["plans"]) == 8
    assert data["plans"][0]["environment"]["KEEPWARM_MAX_MODEL_LEN"] == "8192"
    assert data["prices"]["sagemaker"]["date"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--instance", "ml.g4dn.xlarge"],
        ["--instance", "ml.g6e.2xlarge", "--ami", "default"],
        ["--instance", "ml.g6e.2xlarge", "--cuda", "14.0"],
        ["--instance", "ml.g6e.2xlarge", "--tensor", "2"],
    ],
)
def test_where_nothing_can_run_the_exit_code_is_one(
    arguments: list[str], llama: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", "--model", llama, *arguments]) == 1
    assert "Nothing here both holds a session and starts the image." in capsys.readouterr().out


def test_preflight_is_part_of_the_plan(llama: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--instance", "ml.g5.2xlarge", "--cuda", "13.0"]
    main(["plan", "--model", llama, *arguments, "--ami", "al2-ami-sagemaker-inference-gpu-3-1"])
    out = capsys.readouterr().out
    assert "driver: failed" in out
    assert "set InferenceAmiVersion=al2023-ami-sagemaker-inference-gpu-4-1" in out


def test_its_json_is_what_a_deployment_reads(
    llama: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", "--model", llama, "--instance", "ml.g6e.2xlarge", "--json"]) == 0
    document = parse(capsys.readouterr().out)
    assert (document.instance, document.limits.admission) == ("ml.g6e.2xlarge", 46)
    assert (document.autoscaling_target, document.prefix_aware_threshold) == (16, 23)


def test_a_plot_that_cannot_be_written(llama: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--instance", "g5", "--plot", "/nowhere/plan.svg"]
    assert main(["plan", "--model", llama, *arguments]) == 2
    assert "/nowhere/plan.svg cannot be written: No such file" in capsys.readouterr().err


@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_plot(suffix: str, llama: str, tmp_path: Path) -> None:
    path = tmp_path / f"plan.{suffix}"
    assert main(["plan", "--model", llama, "--instance", "g5", "--plot", str(path)]) == 0
    assert path.stat().st_size > 5000


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--instance", "ml.x9.large"], "'ml.x9.large' is not in the table"),
        (["--context", "200000"], "200000 is asked for and the model was made for 131072"),
        (["--dtype", "int4"], "dtype must be auto or of"),
        (["--cuda", "new"], "'new' is not a CUDA version; write it as 13.0"),
        (["--ami", "gpu-9"], "InferenceAmiVersion 'gpu-9' is unknown"),
        (["--plot", "plan.pdf"], "--plot plan.pdf must end in .svg or .png"),
        (["--tensor", "3", "--instance", "g5"], "32 attention heads cannot be shared by 3 GPUs"),
        (["--model", "/nowhere"], "/nowhere is neither a model folder nor a config.json"),
    ],
)
def test_wrong_wishes_are_one_sentence(
    arguments: list[str], sentence: str, llama: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", "--model", llama, *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert sentence in captured.err
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize("arguments", [[], ["--model", "x", "--sessions", "0"]])
def test_wrong_arguments(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["plan", *arguments])
    assert caught.value.code == 2


def test_a_model_that_the_engine_refuses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", "--model", str(configs.write(tmp_path, "mamba"))]) == 1
    assert "recurrent" in capsys.readouterr().err
