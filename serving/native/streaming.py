"""Packs a checkpoint module by module: no plain weights are in memory but those being packed.

    for each module:   read its weights -> (run it) -> pack it -> forget the plain ones

Where eager attention's logits are wanted, transformers' own forward runs meanwhile, each module
while it has its weights: the check is made against the very weights that were packed.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from serving.native.checkpoint_reader import CheckpointReader
from serving.native.pack import Matrix, pack, pad
from serving.native.precision import Precision
from serving.native.weights import DecoderWeights, LayerWeights, pack_layer

EMBEDDINGS, HEAD = "model.embed_tokens", "lm_head"


class Streaming:
    """The modules of a model without weights, which they get for as long as they are needed.

    Args:
        model: a decoder of the family, on the meta device but for its rotary embedding.
        reader: its checkpoint.
        precision: what to pack the weights in.

    Raises:
        MissingTensor: the checkpoint lacks one.
    """

    def __init__(
        self, model: PreTrainedModel, reader: CheckpointReader, *, precision: Precision
    ) -> None:
        self._model: Any = model
        self._precision = precision
        if not model.config.tie_word_embeddings:
            reader.file_of(f"{HEAD}.weight")  # one that is lost is no tied one
        self._tied = not reader.has(f"{HEAD}.weight")
        self._embeddings: Matrix | None = None
        decoder = self._model.model
        named = {f"model.layers.{i}": layer for i, layer in enumerate(decoder.layers)}
        self._passages = [
            Passage(decoder.embed_tokens, EMBEDDINGS, reader, self._keep_embeddings),
            Passage(decoder.norm, "model.norm", reader, self._keep_norm),
            Passage(
                self._model.lm_head, EMBEDDINGS if self._tied else HEAD, reader, self._keep_head
            ),
        ]
        self._layers: dict[nn.Module, LayerWeights] = {}
        self._passages += [
            Passage(layer, name, reader, self._keep_layer) for name, layer in named.items()
        ]

    def pack(self) -> DecoderWeights:
        """Pack all modules."""
        with ThreadPoolExecutor(torch.get_num_threads()) as pool:
            list(pool.map(Passage.go, self._passages))
        return self._weights()

    def pack_while(
        self, forward: Callable[[PreTrainedModel], Tensor]
    ) -> tuple[DecoderWeights, Tensor]:
        """Pack all modules while `forward` runs the model once; what it returned comes second."""
        hooks = [hook for passage in self._passages for hook in passage.hooks()]
        try:
            result = forward(self._model)
        finally:
            for hook in hooks:
                hook.remove()
        return self._weights(), result

    def _weights(self) -> DecoderWeights:
        decoder = self._model.model
        return DecoderWeights(
            norm=self._norm,
            head=self._head,
            embeddings=self._embeddings or self._head,
            epsilon=decoder.norm.variance_epsilon,
            intermediate=self._model.config.intermediate_size,
            layers=[self._layers[layer] for layer in decoder.layers],
        )

    def _keep_embeddings(self, module: Any) -> None:
        if not self._tied:
            self._embeddings = pack([module.weight], precision=self._precision)

    def _keep_head(self, module: Any) -> None:
        self._head = pack([module.weight], precision=self._precision)

    def _keep_norm(self, module: Any) -> None:
        self._norm = pad(module.weight)

    def _keep_layer(self, module: nn.Module) -> None:
        self._layers[module] = pack_layer(module, precision=self._precision)


class Passage:
    """One module's weights on their way from the checkpoint into packed ones."""

    def __init__(
        self,
        module: nn.Module,
        prefix: str,
        reader: CheckpointReader,
        keep: Callable[[Any], None],
    ) -> None:
        self._module, self._reader, self._keep = module, reader, keep
        self._names = {f"{prefix}.{name}": name for name in module.state_dict()}
        for name in self._names:  # now, not in the middle of a forward
            reader.file_of(name)

    def go(self) -> None:
        """Read, pack and forget."""
        self._fill()
        self._empty()

    def hooks(self) -> list[Any]:
        """Hooks by which it happens around the module's forward."""
        return [
            self._module.register_forward_pre_hook(self._fill),
            self._module.register_forward_hook(self._empty),
        ]

    def _fill(self, *_: object) -> None:
        read = self._reader.read(self._names)
        plain = {self._names[name]: tensor for name, tensor in read.items()}
        self._module.load_state_dict(plain, assign=True)

    def _empty(self, *_: object) -> None:
        self._keep(self._module)
        self._module.to("meta")
