"""Token deltas of one request to the outputs its caller sees: text, token ids, usage."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection

import msgspec

from serving.engine.detokenizer import IncrementalDecoder
from serving.engine.stop_strings import StopStrings
from serving.request import (
    FinishReason,
    PositionLogprobs,
    RequestOutput,
    Timings,
    TokenDelta,
    Usage,
)
from serving.sampling_params import SamplingParams
from serving.tokenizer import REPLACEMENT, Tokenizer


class _Token(msgspec.Struct, frozen=True, gc=False):
    """A token and the stretch [start, end) of the answer's characters that it spells.

    `is_whole`: no character is incomplete after it.
    """

    token_id: int
    logprobs: PositionLogprobs | None
    start: int
    end: int
    is_whole: bool


class OutputAssembler:
    """Assembles one request's answer. Not thread-safe: its stream has the lock.

    A token is given with the output in which the last of its text is shown; one whose text is
    held back (half a character, the beginning of a stop string) waits with it. At the end:

    - half a character is not shown where the answer was cut off in it; its tokens are given;
    - the token that ended the sequence (end-of-sequence, stop token) is given and has no text;
    - a stop string, and tokens that spell nothing but it, are not given; a token that spells the
      end of the text and the beginning of the stop string is;
    - usage counts every token that was generated, given or not.

    Args:
        eos_token_ids: the model's end-of-sequence tokens; none for a request that ignores them.
    """

    def __init__(
        self,
        request_id: str,
        prompt_token_ids: list[int],
        params: SamplingParams,
        tokenizer: Tokenizer,
        eos_token_ids: Collection[int],
    ) -> None:
        self.request_id = request_id
        self.prompt_token_ids = prompt_token_ids
        self.output_token_ids: list[int] = []
        self.final: RequestOutput | None = None
        self._closing_ids = frozenset(eos_token_ids).union(params.stop_token_ids)
        self._wants_logprobs = params.logprobs is not None
        self._prompt_logprobs: list[PositionLogprobs] | None = (
            None if params.prompt_logprobs is None else []
        )
        self._decoder = IncrementalDecoder(tokenizer, prompt_token_ids)
        self._stops = StopStrings(params.stop)
        self._waiting: deque[_Token] = deque()
        self._pieces: list[str] = []
        self._decoded = self._shown = 0  # characters
        self._generated = self._cached = self._preemptions = 0
        self._spelling = 0  # of output_token_ids, those that spell `text` and no more
        self._timings = Timings()

    @property
    def text(self) -> str:
        """All text shown so far."""
        return "".join(self._pieces)

    @property
    def stopped_by_text(self) -> bool:
        """Whether a stop string ended it, of which the engine does not know yet."""
        return self._stops.matched is not None

    @property
    def answer_token_ids(self) -> list[int]:
        """Ids that spell `text` or a beginning of it: what the next turn may reuse.

        The closing token is left out, and so is one that reaches into a stop string.
        """
        return self.output_token_ids[: self._spelling]

    def feed(self, delta: TokenDelta) -> RequestOutput | None:
        """Take what a step gave; None where there is nothing to show, or the end was shown."""
        if self.final is not None:
            return None
        self._note(delta)
        reason = delta.finish_reason
        closing = len(delta.token_ids) - 1 if reason is not None and self._closes(delta) else -1
        shown = ""
        for place, token_id in enumerate(delta.token_ids):
            entry = delta.logprobs[place] if delta.logprobs else None
            shown += self._take(token_id, entry, closes=place == closing)
            if self._stops.matched is not None:
                return self._end(FinishReason.STOP, shown)
        if reason is not None:
            return self._end(
                reason, shown, error_code=delta.error_code, error_message=delta.error_message
            )
        return self._show(shown)

    def finish(
        self,
        reason: FinishReason,
        *,
        error_code: str | None = None,
        error_message: str | None = None,
    ) -> RequestOutput:
        """End it from this side, with what was held back; the same output if it has ended."""
        if self.final is not None:
            return self.final
        return self._end(reason, "", error_code=error_code, error_message=error_message)

    def _note(self, delta: TokenDelta) -> None:
        if delta.cached_tokens > self._cached:
            self._cached = delta.cached_tokens
        if delta.preemptions > self._preemptions:
            self._preemptions = delta.preemptions
        if delta.timings is not None:
            self._timings = delta.timings
        if self._prompt_logprobs is not None:
            self._prompt_logprobs.extend(delta.prompt_logprobs or ())

    def _closes(self, delta: TokenDelta) -> bool:
        """Whether the delta's last token ended the sequence."""
        if delta.finish_reason is not FinishReason.STOP or not delta.token_ids:
            return False
        return delta.token_ids[-1] in self._closing_ids

    def _take(self, token_id: int, logprobs: PositionLogprobs | None, *, closes: bool) -> str:
        """Decode one token; the text that may be shown by it."""
        self._generated += 1
        start = self._decoded
        piece = self._decoder.finish() if closes else self._decoder.push(token_id)
        self._decoded += len(piece)
        # A character that is still to come: the rest of half a one; or, after the closing token,
        # one that never comes, so that the token counts as no part of the text.
        beyond = closes or self._decoder.has_partial_character
        if closes:
            start = self._decoded
        self._waiting.append(_Token(token_id, logprobs, start, self._decoded + beyond, not beyond))
        return self._stops.feed(piece)

    def _end(
        self,
        reason: FinishReason,
        shown: str,
        *,
        error_code: str | None = None,
        error_message: str | None = None,
    ) -> RequestOutput:
        """The last output: `shown`, and what was held back unless a stop string cuts it off."""
        if not self.stopped_by_text:
            shown += self._stops.feed(self._tail(reason)) + self._stops.finish()
        tokens = self._add(shown)
        if not self.stopped_by_text:
            self._spelling = len(self.output_token_ids)
        for token in self._waiting:
            if not self.stopped_by_text or token.start < self._shown:
                tokens.append(token)
                self.output_token_ids.append(token.token_id)
        self._waiting.clear()
        self.final = self._output(
            shown, tokens, reason=reason, error_code=error_code, error_message=error_message
        )
        return self.final

    def _tail(self, reason: FinishReason) -> str:
        """What the decoder held back; where the answer was cut, not the half of a character."""
        tail = self._decoder.finish()
        return tail if reason is FinishReason.STOP else tail.rstrip(REPLACEMENT)

    def _show(self, shown: str) -> RequestOutput | None:
        tokens = self._add(shown)
        return self._output(shown, tokens) if shown or tokens else None

    def _add(self, shown: str) -> list[_Token]:
        """Add to the text; the tokens whose text is all shown by now."""
        self._pieces.append(shown)
        self._shown += len(shown)
        tokens = []
        while self._waiting and self._waiting[0].end <= self._shown:
            token = self._waiting.popleft()
            tokens.append(token)
            self.output_token_ids.append(token.token_id)
            if token.is_whole:
                self._spelling = len(self.output_token_ids)
        return tokens

    def _output(
        self,
        shown: str,
        tokens: list[_Token],
        *,
        reason: FinishReason | None = None,
        error_code: str | None = None,
        error_message: str | None = None,
    ) -> RequestOutput:
        logprobs = None
        if self._wants_logprobs:
            logprobs = [token.logprobs for token in tokens if token.logprobs is not None]
        # There is no output before the prompt is computed: the first one has them all.
        prompt_logprobs, self._prompt_logprobs = self._prompt_logprobs, None
        return RequestOutput(
            request_id=self.request_id,
            text=shown,
            token_ids=[token.token_id for token in tokens],
            usage=Usage(
                prompt_tokens=len(self.prompt_token_ids),
                completion_tokens=self._generated,
                cached_tokens=self._cached,
            ),
            logprobs=logprobs,
            prompt_logprobs=prompt_logprobs,
            finish_reason=reason,
            timings=self._timings,
            preemptions=self._preemptions,
            error_code=error_code,
            error_message=error_message,
        )
