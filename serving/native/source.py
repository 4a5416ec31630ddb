"""Packed weights and eager attention's logits of a checkpoint: kept from last time, or made now."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

from torch import Tensor
from transformers import PreTrainedModel

from serving.native import store
from serving.native.checkpoint_reader import CheckpointReader
from serving.native.memory import give_back
from serving.native.precision import Precision
from serving.native.streaming import Streaming
from serving.native.weights import DecoderWeights, from_tensors, to_tensors

logger = logging.getLogger(__name__)

_LOGITS = "expected_logits"


def packed_weights(
    folder: Path,
    model: PreTrainedModel,
    forward: Callable[[PreTrainedModel], Tensor],
    *,
    precision: Precision,
) -> tuple[DecoderWeights, Tensor]:
    """The weights of `folder` for the kernels, and the logits that `forward` gives.

    Floats and halves are packed at each start, as fast as a copy could be read; bytes are kept on
    disk. So are the logits: only the first start runs transformers' own modules.

    Args:
        folder: the checkpoint.
        model: without weights, see `Streaming`.
        forward: the check's prompt through transformers' own modules.
        precision: what to pack the weights in.

    Raises:
        MissingTensor: the checkpoint lacks a tensor of the model.
    """
    started = time.monotonic()
    in_bytes = precision is Precision.INT8
    path = store.store_path(folder, "int8" if in_bytes else "logits")
    kept = store.load(path) if path else None
    if kept and in_bytes:
        logits = kept.pop(_LOGITS)
        return from_tensors(kept, model), logits
    streaming = Streaming(model, CheckpointReader(folder), precision=precision)
    if kept:
        weights, logits = streaming.pack(), kept[_LOGITS]
    else:
        weights, logits = streaming.pack_while(forward)
        if path:
            store.save(path, {_LOGITS: logits, **(to_tensors(weights) if in_bytes else {})})
    give_back()
    logger.info("weights packed in %.1f s", time.monotonic() - started)
    return weights, logits
