"""Fakes at the engine's seams, for this project's tests and for those of its users.

`FakeEngine` stands in for an engine client: no model, no process, no torch. It obeys the same
protocol (`serving.engine.protocol.EngineClient`), so whatever works with it works with a real one.
"""

from serving.testing.byte_tokenizer import ByteTokenizer
from serving.testing.fake_engine import FakeEngine, Submission, echo
from serving.testing.fake_plan import FakeFaults
from serving.testing.fake_runner import (
    CacheCorrupted,
    FakeRunner,
    expected_output,
    expected_prompt_logprobs,
)
from serving.testing.fake_stream import FakeStream

__all__ = [
    "ByteTokenizer",
    "CacheCorrupted",
    "FakeEngine",
    "FakeFaults",
    "FakeRunner",
    "FakeStream",
    "Submission",
    "echo",
    "expected_output",
    "expected_prompt_logprobs",
]
