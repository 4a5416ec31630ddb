"""An engine client without a model: scripted replies, a chosen speed, faults on demand.

    engine = FakeEngine("Paris.", tokens_per_second=20)
    with engine.submit("capital of France?", SamplingParams(max_tokens=8)) as stream:
        text = "".join(output.text for output in stream)

Every submission and every abort is recorded, so that a test can ask what happened.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from serving.engine.protocol import EngineState
from serving.errors import (
    ContextLengthExceeded,
    EngineDead,
    EngineDraining,
    EngineUnavailable,
    InvalidRequest,
    Overloaded,
)
from serving.request import EngineStats, FinishReason, ModelInfo
from serving.sampling_params import SamplingParams
from serving.testing.byte_tokenizer import ByteTokenizer
from serving.testing.fake_plan import BLOCK_SIZE, FakeFaults, FakePlan, WarmPrefixes, script
from serving.testing.fake_stream import FakeStream

Reply = str | Callable[[str, SamplingParams], str]


@dataclass(frozen=True, kw_only=True)
class Submission:
    """One call of `submit`, as the engine received it."""

    request_id: str
    prompt_token_ids: list[int]
    params: SamplingParams
    cache_salt: str
    deadline: float | None
    label: str = ""


def echo(prompt: str, params: SamplingParams) -> str:
    """A reply that repeats the prompt."""
    return prompt


class FakeEngine:
    """Obeys `EngineClient`; safe to call from any thread.

    Args:
        reply: the text of every answer, or a function of the decoded prompt and its parameters.
        tokens_per_second: speed of each stream; 0 gives tokens as fast as they are taken.
        first_token_seconds: queue and prefill time of each request.
        load_seconds: time after construction during which the state is LOADING.
        max_model_len: prompt plus new tokens of one request.
        max_active: requests at a time, beyond which `submit` raises Overloaded; None for no limit.
        total_blocks: size of the pretended KV cache, in blocks of 16 tokens.
        faults: what goes wrong.
    """

    def __init__(
        self,
        reply: Reply = "Hello from the fake engine.",
        *,
        tokens_per_second: float = 0.0,
        first_token_seconds: float = 0.0,
        load_seconds: float = 0.0,
        max_model_len: int = 8192,
        max_active: int | None = None,
        total_blocks: int = 4096,
        faults: FakeFaults | None = None,
    ) -> None:
        self.submissions: list[Submission] = []
        self.aborted: list[str] = []
        self.faults = faults or FakeFaults()
        self._reply = reply
        self._token_s = 1.0 / tokens_per_second if tokens_per_second else 0.0
        self._first_token_s = first_token_seconds
        self._ready_at = time.monotonic() + load_seconds
        self._max_model_len = max_model_len
        self._max_active = max_active
        self._total_blocks = total_blocks
        self._tokenizer = ByteTokenizer()
        self._forced_state: EngineState | None = None
        self._failure: str | None = None
        self._draining = False
        self._active: dict[str, FakeStream] = {}
        self._warm_prefixes = WarmPrefixes()
        self._counts = {"prompt": 0, "cached": 0, "generated": 0}
        self._idle = threading.Condition()

    @property
    def tokenizer(self) -> ByteTokenizer:
        """One token for each byte."""
        return self._tokenizer

    @property
    def model_info(self) -> ModelInfo:
        """A made-up model. Raises EngineUnavailable while the state is LOADING."""
        if self.state is EngineState.LOADING:
            raise EngineUnavailable("the engine is still loading")
        return ModelInfo(
            model_path="fake",
            architecture="FakeForCausalLM",
            dtype="float32",
            device="cpu",
            backend="fake",
            max_model_len=self._max_model_len,
            vocab_size=self._tokenizer.vocab_size,
            eos_token_ids=[self._tokenizer.eos_token_id],
            block_size=BLOCK_SIZE,
            total_blocks=self._total_blocks,
        )

    @property
    def state(self) -> EngineState:
        """LOADING for `load_seconds`, then READY, unless `become` says otherwise."""
        if self._forced_state is not None:
            return self._forced_state
        return EngineState.READY if time.monotonic() >= self._ready_at else EngineState.LOADING

    @property
    def failure(self) -> str | None:
        """Why the engine is dead; None while it is not."""
        return self._failure

    @property
    def active(self) -> int:
        """Requests that have not ended."""
        return len(self._active)

    def become(self, state: EngineState, failure: str | None = None) -> None:
        """Force a state; DEAD ends every stream with EngineDead."""
        self._forced_state = state
        self._failure = failure
        if state is EngineState.DEAD:
            for stream in self._streams():
                stream.end_with(EngineDead(failure or "the engine is dead"))

    def submit(
        self,
        prompt: str | list[int],
        params: SamplingParams,
        *,
        request_id: str | None = None,
        cache_salt: str = "",
        deadline: float | None = None,
        label: str = "",
    ) -> FakeStream:
        """Start a scripted answer; raises what `EngineClient.submit` raises."""
        self._check_open()
        prompt_ids = self._token_ids(prompt)
        request_id = request_id or uuid.uuid4().hex
        plan = self._plan(prompt_ids, params, cache_salt, deadline)
        submission = Submission(
            request_id=request_id,
            prompt_token_ids=prompt_ids,
            params=params,
            cache_salt=cache_salt,
            deadline=deadline,
            label=label,
        )
        stream = FakeStream(
            request_id, plan, self._tokenizer, on_end=self._ended, on_death=self._died
        )
        with self._idle:
            if request_id in self._active:
                raise InvalidRequest(f"request id {request_id} is in use", param="request_id")
            self._check_room()
            self.submissions.append(submission)
            self._active[request_id] = stream
            self._counts["prompt"] += len(prompt_ids)
            self._counts["cached"] += plan.cached_tokens
            self._warm_prefixes.remember(cache_salt, prompt_ids + plan.token_ids)
        return stream

    def stats(self) -> EngineStats:
        """Counts of what was asked and generated so far."""
        streams = self._streams()
        used = sum(-(-len(s.plan.prompt_token_ids) // BLOCK_SIZE) for s in streams)
        return EngineStats(
            running=len(streams),
            total_blocks=self._total_blocks,
            free_blocks=max(self._total_blocks - used, 0),
            block_size=BLOCK_SIZE,
            prompt_tokens=self._counts["prompt"],
            cached_prompt_tokens=self._counts["cached"],
            generated_tokens=self._counts["generated"] + sum(s.sent for s in streams),
        )

    def kv_usage(self, timeout: float = 1.0) -> None:
        """Its cache is only pretended: there are no blocks to show."""

    def drain(self) -> None:
        """Refuse new work with EngineDraining."""
        self._draining = True

    def shutdown(self, timeout: float = 0.0) -> None:
        """Wait up to `timeout` seconds, then end what runs with FinishReason.SHUTDOWN."""
        self.drain()
        with self._idle:
            self._idle.wait_for(lambda: not self._active, timeout=timeout)
        for stream in self._streams():
            stream.end_with(FinishReason.SHUTDOWN)
        self._forced_state = EngineState.DEAD
        self._failure = "the engine was shut down"

    def _check_open(self) -> None:
        if self._draining:
            raise EngineDraining("the server is shutting down; send the request to another one")
        if self.state is EngineState.DEAD:
            raise EngineDead(self._failure or "the engine is dead")
        if self.state is EngineState.LOADING:
            raise EngineUnavailable("the engine is still loading", retry_after_ms=1000)

    def _check_room(self) -> None:
        if self._max_active is not None and len(self._active) >= self._max_active:
            raise Overloaded("too many requests are waiting; try again later", retry_after_ms=500)

    def _token_ids(self, prompt: str | list[int]) -> list[int]:
        ids = self._tokenizer.encode(prompt) if isinstance(prompt, str) else list(prompt)
        if not ids:
            raise InvalidRequest("the prompt must not be empty", param="prompt")
        if any(not 0 <= token_id < self._tokenizer.vocab_size for token_id in ids):
            raise InvalidRequest(
                f"token ids must be in [0, {self._tokenizer.vocab_size})", param="prompt"
            )
        if len(ids) >= self._max_model_len:
            raise ContextLengthExceeded(
                f"the prompt has {len(ids)} tokens, the context {self._max_model_len}",
                param="prompt",
            )
        return ids

    def _plan(
        self, prompt_ids: list[int], params: SamplingParams, salt: str, deadline: float | None
    ) -> FakePlan:
        room = self._max_model_len - len(prompt_ids)
        if params.max_tokens is not None and params.max_tokens > room:
            raise ContextLengthExceeded(
                f"{len(prompt_ids)} prompt tokens and max_tokens={params.max_tokens} exceed the "
                f"context of {self._max_model_len} tokens",
                param="max_tokens",
            )
        limit = room if params.max_tokens is None else params.max_tokens
        text = self._reply
        if not isinstance(text, str):
            text = text(self._tokenizer.decode(prompt_ids, skip_special_tokens=False), params)
        token_ids, reason = script(text, params, limit, self._tokenizer)
        return FakePlan(
            prompt_token_ids=prompt_ids,
            token_ids=token_ids,
            finish_reason=reason,
            cached_tokens=(
                self._warm_prefixes.match(salt, prompt_ids) if params.prompt_logprobs is None else 0
            ),
            first_token_s=self._first_token_s,
            token_s=self._token_s,
            deadline=deadline,
            logprobs=params.logprobs,
            prompt_logprobs=params.prompt_logprobs,
            faults=self.faults,
        )

    def _streams(self) -> list[FakeStream]:
        with self._idle:
            return list(self._active.values())

    def _ended(self, stream: FakeStream, reason: FinishReason) -> None:
        with self._idle:
            self._active.pop(stream.request_id, None)
            self._counts["generated"] += stream.sent
            if reason is FinishReason.ABORT:
                self.aborted.append(stream.request_id)
            self._idle.notify_all()

    def _died(self, failure: str) -> None:
        self._forced_state = EngineState.DEAD
        self._failure = failure
        for stream in self._streams():
            if stream.finish_reason is None:
                stream.end_with(EngineDead(failure))
