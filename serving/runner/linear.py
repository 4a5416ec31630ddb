"""The seam for linear layers: the same mathematics from weights in the layout a library likes.

On CPU in fp32, oneDNN's reordered weights beat `F.linear` at the batch sizes of decoding, most of
all in the output head, and cost about the same at those of prefill. Measured for SmolLM2-135M on
two cores: layers 63 -> 54 ms and head 32 -> 12 ms at 16 rows, layers 383 -> 405 ms at 256.
"""

from __future__ import annotations

import logging

import torch
from torch import Tensor, nn

logger = logging.getLogger(__name__)

BATCH_HINT = 16  # rows the layout is chosen for: a step of decoding sequences


class PackedLinear(nn.Module):
    """A linear layer over oneDNN's reordered fp32 weight; the plain one can be freed.

    Args:
        linear: the layer to take over, on CPU in float32.
    """

    weight: Tensor

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self._bias = linear.bias
        self._packed = torch.ops.mkldnn._reorder_linear_weight(
            linear.weight.detach().contiguous(), BATCH_HINT
        )
        # Model code that asks a layer for its shape, dtype or device gets a true answer.
        self.weight = linear.weight.new_zeros(1, 1).expand(self.out_features, self.in_features)

    def forward(self, rows: Tensor) -> Tensor:
        """[..., in_features] to [..., out_features]."""
        result: Tensor = torch.ops.mkldnn._linear_pointwise(
            rows, self._packed, self._bias, "none", [], ""
        )
        return result


def can_pack(model: nn.Module) -> bool:
    """Whether oneDNN's layouts apply: an fp32 model on CPU, in a torch built with oneDNN."""
    tensors = list(model.parameters())
    plain = all(p.device.type == "cpu" and p.dtype == torch.float32 for p in tensors)
    return bool(tensors) and plain and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]


def pack_linears(model: nn.Module) -> int:
    """Replace every plain linear layer by its packed form where that applies; how many were.

    A weight that an embedding shares (tied output heads) stays where it is, beside its packed
    copy; others are freed one by one, so the peak is one layer above the model's size.
    """
    packed = 0
    if not can_pack(model):
        return packed
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is nn.Linear:
                setattr(parent, name, PackedLinear(child))
                packed += 1
    logger.info("%d linear layers packed for oneDNN", packed)
    return packed
