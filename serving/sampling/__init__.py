"""From logits to tokens: one `Sampler.sample` call a step.

logits [B, V] -> raw logprobs -> fp32 -> bias -> penalties -> greedy rows: argmax
                                                           -> other rows: temperature, min-p,
                                                              top-k, top-p, one draw each
"""

from serving.sampling.sampler import Sampler
from serving.sampling.state import SampleRow, SequenceSampling

__all__ = ["SampleRow", "Sampler", "SequenceSampling"]
