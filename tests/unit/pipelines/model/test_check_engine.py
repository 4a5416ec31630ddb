"""What the engine, the tokenizer and the template say of a real, tiny checkpoint."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig

from pipelines.model.check_engine import check_quantisation
from pipelines.model.report import Report
from pipelines.model.trial import CannotShrink, run_trial, shrink
from serving.errors import UnsupportedModel
from tests.parity.models import CONFIGS, PAGED
from tests.unit.pipelines.model.artifacts import TEMPLATE, checkpoint, tokenizer
from tests.unit.pipelines.model.checking import findings, report_on, worst

ENGINE = ("architecture", "parameters", "tokenizer", "chat template", "generation")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoint(tmp_path_factory.mktemp("whole") / "model")


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    return Path(shutil.copytree(whole, tmp_path / "model"))


def engine(folder: Path) -> Report:
    return report_on(folder, engine=True)


def test_a_whole_checkpoint_passes(whole: Path) -> None:
    report = engine(whole)
    assert {name: worst(report, name) for name in ENGINE} == dict.fromkeys(ENGINE, "ok")
    assert not report.refused


def change_config(**changes: Any) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return spoil


def generation(content: object) -> Callable[[Path], None]:
    return lambda folder: (
        (folder / "generation_config.json").write_text(json.dumps(content)) and None
    )  # type: ignore[return-value]


def template(text: str) -> Callable[[Path], None]:
    return lambda folder: (folder / "chat_template.jinja").write_text(text) and None  # type: ignore[return-value]


def remove(*names: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        for name in names:
            (folder / name).unlink()

    return spoil


def without_tensor(folder: Path) -> None:
    path = folder / "model.safetensors"
    tensors = load_file(path)
    del tensors["model.layers.1.mlp.up_proj.weight"]
    save_file(tensors, path)


def no_template(folder: Path) -> None:
    remove("chat_template.jinja")(folder)


def no_eos(folder: Path) -> None:
    change_config(eos_token_id=None)(folder)
    generation({})(folder)


def big_tokenizer(folder: Path) -> None:
    made = tokenizer()
    made.add_tokens([f"word{number}" for number in range(100)])
    made.save_pretrained(folder)


def broken_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").write_text('{"version": "1.0"}')


FORGETFUL = TEMPLATE.replace(
    "{{ message['content'] }}", "{{ message['content'] if loop.last else '...' }}"
)
REWRITING = TEMPLATE.replace(
    "{{ message['content'] }}",
    "{{ message['content'] }}{% if loop.last and message['role'] == 'user' %} /now{% endif %}",
)
THINKING = TEMPLATE.replace(
    "<|im_start|>{{ message['role'] }}\n",
    "<|im_start|>{{ message['role'] }}\n{{ '[so] ' if message['role'] == 'assistant' }}",
)
DATED = "{{ strftime_now('%Y') }}" + TEMPLATE
ENDLESS = (
    "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}" + TEMPLATE
)
STRICT = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}"
OTHER_END = TEMPLATE.replace(
    "{{ message['content'] }}<|im_end|>", "{{ message['content'] }}<|im_start|>"
)


@pytest.mark.parametrize(
    ("spoil", "name", "status", "message"),
    [
        (change_config(model_type="mamba"), "architecture", "failed", "recurrent"),
        (change_config(model_type="unheard-of"), "architecture", "failed", "own code"),
        (change_config(num_attention_heads=0), "architecture", "failed", ""),
        (change_config(num_hidden_layers=10**9), "architecture", "failed", "at most 1024 can be"),
        (change_config(num_hidden_layers="two"), "architecture", "failed", ""),
        (change_config(hidden_act="unheard-of"), "architecture", "failed", ""),
        (change_config(hidden_size=64), "parameters", "failed", "another shape than config.json"),
        (change_config(num_hidden_layers=3), "parameters", "failed", "are missing"),
        (without_tensor, "parameters", "failed", "model.layers.1.mlp.up_proj.weight"),
        (change_config(num_hidden_layers=1), "parameters", "warning", "more than the model uses"),
        (remove("tokenizer.json"), "tokenizer", "failed", "no tokenizer.json"),
        (broken_tokenizer, "tokenizer", "failed", "cannot be loaded"),
        (big_tokenizer, "tokenizer", "failed", "has 358 tokens and the model embeds 300"),
        (no_template, "chat template", "failed", "there is no chat template"),
        (template("{% for"), "chat template", "failed", "template"),
        (template("{{ undefined.x.y }}"), "chat template", "failed", "template"),
        (template("hello"), "chat template", "failed", "leaves out what was said"),
        (template(FORGETFUL), "chat template", "failed", "leaves out"),
        (template(REWRITING), "chat template", "warning", "nothing stays warm"),
        (template(THINKING), "chat template", "warning", "rewrites an earlier answer"),
        (template(DATED), "chat template", "warning", "today's date"),
        (template(STRICT + TEMPLATE), "chat template", "warning", "refuses a system message"),
        (template("{{ raise_exception('never') }}"), "chat template", "failed", "refused"),
        (no_eos, "generation", "failed", "no eos_token_id is set"),
        (generation({"eos_token_id": 5000}), "generation", "failed", "ids from 0 to 257"),
        (generation({"eos_token_id": "x"}), "generation", "failed", "ids from 0 to 257"),
        (generation({"eos_token_id": []}), "generation", "failed", "ids from 0 to 257"),
        (generation({"eos_token_id": 65}), "generation", "warning", "'<|im_end|>' (256)"),
        (template(OTHER_END), "generation", "warning", "'<|im_start|>' (257)"),
    ],
)  # fmt: skip
def test_each_mistake_has_its_sentence(
    spoil: Callable[[Path], None], name: str, status: str, message: str, folder: Path
) -> None:
    spoil(folder)
    report = engine(folder)
    texts = " ".join(text for _, text in findings(report, name))
    assert worst(report, name) == status, texts
    assert message in texts
    assert "keepwarm-check-" not in texts
    assert report.refused == (status == "failed")


def test_a_template_that_never_ends_is_stopped(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.model.check_chat.TEMPLATE_SECONDS", 1)
    template(ENDLESS)(folder)
    report = engine(folder)
    assert findings(report, "chat template") == [("failed", "the chat template takes too long")]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{{ 9 ** (9 ** 9) }}", "takes too long"),  # no signal interrupts that
        ("{{ 'x' * 10 ** 10 }}", "takes too much memory"),
        ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "calls itself without end"),
    ],
)
def test_a_template_cannot_take_the_machine(
    source: str, message: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.model.check_chat.TEMPLATE_SECONDS", 2)
    template(source)(folder)
    [(status, text)] = findings(engine(folder), "chat template")
    assert status == "failed"
    assert message in text


def test_a_stray_tensor_does_not_hide_a_missing_one(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    tensors["stray.weight"] = tensors.pop("model.layers.1.mlp.up_proj.weight")
    save_file(tensors, folder / "model.safetensors")
    [(status, text)] = findings(engine(folder), "parameters")
    assert status == "failed"
    assert "1 tensors of the architecture are missing: model.layers.1.mlp.up_proj" in text


@pytest.mark.parametrize(
    "changes",
    [
        {"model_type": "gpt_neox", "architectures": ["GPTNeoXForCausalLM"]},
        {"model_type": "mixtral", "architectures": ["MixtralForCausalLM"], "num_local_experts": 4},
    ],
)
def test_tensors_that_are_renamed_as_they_are_loaded_are_not_missed(
    changes: dict[str, Any], tmp_path: Path
) -> None:
    report = engine(checkpoint(tmp_path / "model", **changes))
    assert worst(report, "parameters") == "ok"
    assert worst(report, "architecture") == "ok"


@pytest.mark.parametrize(
    ("settings", "status", "message"),
    [
        ({"quant_method": "gptq", "bits": 4}, "failed", "need the package gptqmodel"),
        ({"quant_method": "fp8"}, "warning", "need the package kernels"),
        ({"quant_method": "of-tomorrow"}, "failed", "does not know the quantisation"),
        ({"bits": 4}, "failed", "does not know the quantisation"),
    ],
)
def test_quantised_weights_need_their_packages(
    settings: dict[str, Any],
    status: str,
    message: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pipelines.plan.quantised.importlib.util.find_spec", lambda name: None)
    config = AutoConfig.from_pretrained(folder)
    config.quantization_config = settings
    [one] = check_quantisation(config)
    assert str(one.status) == status
    assert message in one.message


def test_code_of_the_checkpoint_never_runs(folder: Path, tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    source = f"open({str(proof)!r}, 'w')\n"
    for name in ("modeling_evil.py", "configuration_evil.py", "tokenization_evil.py"):
        (folder / name).write_text(source)
    (folder / "code").mkdir()
    (folder / "code" / "inference.py").write_text(source + "def model_fn(d): ...")
    maps = {"AutoConfig": "configuration_evil.C", "AutoModelForCausalLM": "modeling_evil.M"}
    change_config(auto_map=maps, model_type="evil")(folder)
    assert worst(engine(folder), "config") == "failed"
    assert not proof.exists()


def test_a_tied_head_may_be_stored_twice(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "model", tie_word_embeddings=True)
    assert worst(engine(folder), "parameters") == "ok"
    tensors = load_file(folder / "model.safetensors")
    tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"].clone()
    save_file(tensors, folder / "model.safetensors")
    assert worst(engine(folder), "parameters") == "ok"


class TestTrial:
    @pytest.mark.parametrize("name", PAGED)
    def test_what_the_engine_serves_passes(self, name: str) -> None:
        torch.set_num_threads(1)
        run_trial(CONFIGS[name]())

    def test_a_window_that_only_the_mask_knows_does_not(self) -> None:
        with pytest.raises(UnsupportedModel, match="window"):
            run_trial(CONFIGS["qwen2_moe_windowed"]())

    @pytest.mark.parametrize("name", ["mamba", "bloom"])
    def test_others_are_refused_or_said_to_be_unknown(self, name: str) -> None:
        with pytest.raises((UnsupportedModel, CannotShrink)):
            run_trial(CONFIGS[name]())

    def test_the_config_itself_is_left_alone(self, whole: Path) -> None:
        config = AutoConfig.from_pretrained(whole)
        before = config.to_dict()
        assert shrink(config).vocab_size == 251
        assert config.to_dict() == before
