"""The last check of a start: the paged logits against eager attention."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from serving.attention.cpu import CpuAttention
from serving.attention.reference import ReferenceAttention
from serving.errors import UnsupportedModel
from serving.runner import verify
from serving.runner.paged_model import PagedModel
from serving.runner.probe import probe
from tests.parity.models import load
from tests.parity.zoo import Zoo


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    return Zoo(tmp_path_factory.mktemp("zoo"))


def check(folder: Path, backend: Any, dtype: torch.dtype = torch.float32, block: int = 16) -> None:
    """Build the paged model over `backend` and verify it."""
    model = load(folder, dtype=dtype)
    model.config.pad_token_id = None
    expected = verify.eager_logits(model)
    paged = PagedModel(model, probe(model, dtype), backend, num_blocks=32, block_size=block)
    verify.check(paged, model, expected, block, served_in=model.dtype)


@pytest.mark.parametrize("block_size", [1, 5, 16, 256])
@pytest.mark.parametrize("name", ["llama", "gemma2", "gpt2", "gpt_oss"])
def test_a_right_backend_passes(zoo: Zoo, name: str, block_size: int) -> None:
    check(zoo[name].folder, ReferenceAttention(), block=block_size)


@pytest.mark.parametrize("backend", [CpuAttention, ReferenceAttention])
@pytest.mark.parametrize("name", ["llama", "gemma3", "mistral", "mixtral", "qwen3_moe"])
def test_rounding_to_bfloat16_is_no_reason_to_refuse(
    zoo: Zoo, name: str, backend: Callable[[], Any]
) -> None:
    """Nor is a token that rounding sends to another expert: eager attention does that too."""
    check(zoo[name].folder, backend(), torch.bfloat16)


class Wrong(ReferenceAttention):
    """Scales its output; forgets the sinks; or is not a number."""

    def __init__(self, how: str) -> None:
        self._how = how

    def attend(self, *args: Any) -> Tensor:
        if self._how == "sinkless":
            query, key, value, cache, step, _ = args
            return super().attend(query, key, value, cache, step, None)
        output = super().attend(*args)
        return output * (torch.nan if self._how == "nan" else 1.02)


@pytest.mark.parametrize("how", ["scaled", "sinkless", "nan"])
def test_a_wrong_one_is_refused_with_the_fallback_s_name(zoo: Zoo, how: str) -> None:
    with pytest.raises(UnsupportedModel, match=r"eager.*KEEPWARM_BACKEND=generate"):
        check(zoo["gpt_oss"].folder, Wrong(how))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_cache_that_forgets_is_refused(zoo: Zoo, dtype: torch.dtype) -> None:
    class Forgetful(ReferenceAttention):
        """Loses the values of earlier chunks."""

        def attend(self, *args: Any) -> Tensor:
            cache, step = args[3:5]
            (item,) = step.slices
            cache.value_slots[step.plan[0][: item.cached]] = 0
            return super().attend(*args)

    with pytest.raises(UnsupportedModel):
        check(zoo["llama"].folder, Forgetful(), dtype)
