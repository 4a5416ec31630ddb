"""The last word on a checkpoint: paged logits must be those of transformers' eager attention."""

from __future__ import annotations

import itertools
import logging

import torch
from torch import Tensor
from transformers import PreTrainedModel

from serving.errors import UnsupportedModel
from serving.runner.interface import StepModel
from serving.runner.probe import FALLBACK
from serving.sampling_params import SamplingParams
from serving.scheduler.output import ScheduledChunk

logger = logging.getLogger(__name__)

PROMPT_TOKENS = 24
# Largest difference of the logits, as a share of their spread.
TOLERANCE = {
    torch.float32: 1e-3,
    torch.float16: 5e-2,
    torch.bfloat16: 1.5e-1,
    torch.int8: 5e-1,  # quantised right, models differ by 0.1 to 0.25; a cache that forgets, by 3
}


@torch.inference_mode()
def eager_logits(model: PreTrainedModel) -> Tensor:
    """Logits [PROMPT_TOKENS, vocabulary] of the check's prompt by eager attention.

    Raises:
        UnsupportedModel: the model does not run on a plain prompt.
    """
    # A model whose weights pass by one after the other says that it is nowhere.
    device = None if model.device.type == "meta" else model.device
    ids = torch.tensor([_prompt(model)], device=device)
    try:
        model.set_attn_implementation("eager")
        logits: Tensor = model(input_ids=ids, use_cache=False).logits[0].float()
    except Exception as error:
        raise _refusal(model, error) from error
    return logits


def check(
    paged: StepModel,
    model: PreTrainedModel,
    expected: Tensor,
    block_size: int,
    *,
    served_in: torch.dtype,
) -> None:
    """Run the prompt as two chunks and a decoding token through the pages and compare.

    Raises:
        UnsupportedModel: the logits differ by more than rounding explains.
    """
    ids = _prompt(model)
    blocks = list(range(-(-PROMPT_TOKENS // block_size)))
    cuts = [0, PROMPT_TOKENS // 2, PROMPT_TOKENS - 1, PROMPT_TOKENS]
    parts = []
    for start, end in itertools.pairwise(cuts):
        chunk = ScheduledChunk(
            request_id="verify",
            token_ids=ids[start:end],
            start=start,
            block_ids=blocks,
            samples=True,
            sampling=SamplingParams(),
            prompt_token_ids=ids,
            output_token_ids=[],
        )
        try:
            logits = paged.forward([chunk], list(range(end - start)))
            parts.append(logits.to(torch.float32, copy=True))
        except Exception as error:
            raise _refusal(model, error) from error
    difference = _difference(torch.cat(parts), expected, served_in)
    tolerance = TOLERANCE[served_in]
    if not difference <= tolerance:
        raise UnsupportedModel(
            f"{type(model).__name__} answers differently from the paged cache than with eager "
            f"attention (difference {difference:.2g}, allowed {tolerance:g}). {FALLBACK}"
        )
    logger.info("paged logits agree with eager attention within %.1e", difference)


def _difference(logits: Tensor, expected: Tensor, dtype: torch.dtype) -> float:
    """How far the logits are apart, as a share of their spread.

    In fp32 the worst position counts. In less, rounding may send single tokens to other experts,
    in eager attention too: there the median position counts, of each half of the prompt, since
    only the second half reads what the cache kept.
    """
    by_position = (logits - expected).abs().amax(dim=-1) / expected.std()
    if dtype == torch.float32:
        return float(by_position.max())
    return float(by_position.view(2, -1).median(dim=-1).values.max())


def _refusal(model: PreTrainedModel, error: Exception) -> UnsupportedModel:
    return UnsupportedModel(
        f"{type(model).__name__} does not run on transformers' attention interface "
        f"({type(error).__name__}). {FALLBACK}"
    )


def _prompt(model: PreTrainedModel) -> list[int]:
    vocabulary = model.config.get_text_config().vocab_size
    return [(7919 * (i + 1)) % vocabulary for i in range(PROMPT_TOKENS)]
