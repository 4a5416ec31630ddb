"""A model is bound by the fastest way that gives its logits; what fails is passed over, loudly."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch
from torch import Tensor

from serving.errors import ConfigError
from serving.native import library
from serving.native.compiler import CannotCompile
from serving.native.model import NativeModel
from serving.runner import bind as binding
from tests.parity.drive import engine, greedy, run
from tests.parity.zoo import Zoo


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    return Zoo(tmp_path_factory.mktemp("zoo"))


def answers(folder: Path, zoo: Zoo, backend: str, **settings: object) -> None:
    """The engine uses `backend` and answers as transformers does."""
    prompt = list(range(3, 60))
    core, info = engine(folder, **settings)  # type: ignore[arg-type]
    assert info.backend == backend
    result = run(core, [greedy("a", prompt, 8)])["a"]
    assert result.token_ids == zoo["native_llama"].oracle.answer(prompt, 8).token_ids


def test_the_kernels_are_used_where_they_fit(zoo: Zoo) -> None:
    answers(zoo["native_llama"].folder, zoo, "native")


def test_a_block_size_that_does_not_fit_leaves_the_modules(zoo: Zoo) -> None:
    answers(zoo["native_llama"].folder, zoo, "cpu", cache={"block_size": 5, "num_blocks": 64})


def test_an_attention_asked_for_by_name_is_used(zoo: Zoo) -> None:
    answers(zoo["native_llama"].folder, zoo, "cpu", attention="cpu")


def test_without_a_compiler_the_modules_compute(
    zoo: Zoo, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def missing() -> None:
        raise CannotCompile("no C++ compiler was found")

    monkeypatch.setattr(library, "load", missing)
    with caplog.at_level(logging.WARNING):
        answers(zoo["native_llama"].folder, zoo, "cpu")
    assert "slower than need be: no C++ compiler was found" in caplog.text


def test_kernels_that_compute_wrongly_are_not_used_and_the_weights_are_loaded_again(
    zoo: Zoo, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Wrong(NativeModel):
        def forward(self, *args: object) -> object:  # type: ignore[override]
            return super().forward(*args) * 1.01  # type: ignore[arg-type]

    monkeypatch.setattr(binding, "NativeModel", Wrong)
    with caplog.at_level(logging.WARNING):
        answers(zoo["native_llama"].folder, zoo, "cpu")
    assert "the compiled kernels are not used" in caplog.text


def test_eight_bits_are_used_where_they_are_asked_for(zoo: Zoo) -> None:
    _, info = engine(zoo["native_llama"].folder, quantization="int8")
    assert info.backend == "native-int8"


def test_sixteen_bits_are_the_kernels_too(zoo: Zoo) -> None:
    _, info = engine(zoo["native_llama"].folder, dtype="bfloat16")
    assert (info.backend, info.dtype) == ("native-bfloat16", "bfloat16")


def test_what_the_kernels_do_not_take_is_loaded_in_sixteen_bits(zoo: Zoo) -> None:
    cache = {"block_size": 5, "num_blocks": 64}
    _, info = engine(zoo["native_llama"].folder, dtype="bfloat16", cache=cache)
    assert (info.backend, info.dtype) == ("cpu", "bfloat16")


@pytest.mark.parametrize(
    ("name", "settings", "reason"),
    [
        ("gpt2", {}, "GPT2LMHeadModel is not one of LlamaForCausalLM"),
        ("native_llama", {"kernels": "torch"}, "KEEPWARM_KERNELS or KEEPWARM_ATTENTION names"),
        ("native_llama", {"attention": "cpu"}, "KEEPWARM_KERNELS or KEEPWARM_ATTENTION names"),
        ("native_llama", {"cache": {"block_size": 5, "num_blocks": 64}}, "not a multiple of 16"),
    ],
)
def test_eight_bits_that_nothing_computes_end_the_start_with_a_way_out(
    zoo: Zoo, name: str, settings: dict[str, object], reason: str
) -> None:
    with pytest.raises(ConfigError, match=f"{reason}.*set KEEPWARM_QUANTIZATION=none"):
        engine(zoo[name].folder, quantization="int8", **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("how", ["forgets", "shifts", "is nan"])
def test_wrong_kernels_are_found_in_eight_bits_too(
    zoo: Zoo, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Wrong(NativeModel):
        def forward(self, *args: object) -> Tensor:  # type: ignore[override]
            logits = super().forward(*args)  # type: ignore[arg-type]
            if how == "forgets":
                for values in self._values:
                    values.zero_()
            return {"shifts": logits.roll(1, -1), "is nan": logits * torch.nan}.get(how, logits)

    monkeypatch.setattr(binding, "NativeModel", Wrong)
    with pytest.raises(ConfigError, match=r"answers differently.*KEEPWARM_QUANTIZATION=none"):
        engine(zoo["native_llama"].folder, quantization="int8")
