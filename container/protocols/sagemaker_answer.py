"""The Hugging Face containers' format: answers as `[{"generated_text"}]` and as token events.

stream: one event for each output, the last one with generated_text, details and the receipt
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from container.ledger import Choice, Ledger, Piece
from container.protocols.echo import echoed_prompt, prefill_details
from container.protocols.logprobs import finite
from container.protocols.request import GenerationRequest
from container.protocols.writer import AnswerHead, Json
from serving.request import FinishReason, PositionLogprobs


class InputsWriter:
    """Answers in the `inputs` format. A stream ends with its last event, without `[DONE]`.

    Args:
        request: the request as it was read.
        head: what the answer says of itself.
        eos_token_ids: tells an end by the model's own token from one by a stop string.
    """

    ends_with_done = False

    def __init__(
        self, request: GenerationRequest, head: AnswerHead, eos_token_ids: frozenset[int]
    ) -> None:
        self._request = request
        self._head = head
        self._eos_token_ids = eos_token_ids
        self._tokens = 0
        self._final: Json | None = None

    def body(self, ledger: Ledger) -> list[Json]:
        """One object for each input, in order; the first one carries the receipt."""
        answers = [self._answer(choice) for choice in ledger.choices]
        answers[0]["receipt"] = self._head.receipt()
        return answers

    def opening(self) -> Iterator[Json]:
        """Nothing comes before the first token."""
        return iter(())

    def chunk(self, piece: Piece) -> Json | None:
        """The event of one output; the last one is held back until `closing` completes it."""
        output = piece.output
        self._tokens += len(output.token_ids)
        if not output.text and not output.token_ids and not output.finished:
            return None
        position = output.logprobs[-1] if output.logprobs else None
        token_id = output.token_ids[-1] if output.token_ids else None
        event: Json = {
            "index": self._tokens,
            "token": self._token(token_id, output.text, position),
            "generated_text": None,
            "details": None,
        }
        if output.finished:
            self._final = event
            return None
        return event

    def closing(self, ledger: Ledger) -> Iterator[Json]:
        """The last event: whole text, details, receipt."""
        choice = ledger.choice(0)
        event = self._final or {"index": self._tokens, "token": None}
        yield {
            **event,
            "generated_text": self._full_text(choice),
            "details": self._details(choice),
            "receipt": self._head.receipt(),
        }

    def _answer(self, choice: Choice) -> Json:
        answer: Json = {"generated_text": self._full_text(choice)}
        if self._request.details:
            answer["details"] = self._details(choice) | self._token_details(choice)
        return answer

    def _full_text(self, choice: Choice) -> str:
        prompt = self._request.prompts[choice.index]
        if self._request.return_full_text and isinstance(prompt, str):
            return prompt + choice.text
        return choice.text

    def _details(self, choice: Choice) -> Json:
        return {
            "finish_reason": self._finish_reason(choice),
            "generated_tokens": choice.usage.completion_tokens,
            "seed": self._request.sampling.seed,
        }

    def _token_details(self, choice: Choice) -> Json:
        tokenizer = self._head.tokenizer()
        tokens = [
            self._token(position.chosen.token_id, None, position) for position in choice.logprobs
        ]
        details: Json = {"prefill": self._prefill(choice), "tokens": tokens}
        if self._request.sampling.logprobs:
            details["top_tokens"] = [
                [
                    {
                        "id": token.token_id,
                        "text": tokenizer.token_text(token.token_id),
                        "logprob": finite(token.logprob),
                    }
                    for token in position.top
                ]
                for position in choice.logprobs
            ]
        return details

    def _prefill(self, choice: Choice) -> list[Json]:
        if self._request.sampling.prompt_logprobs is None:
            return []
        prompt = echoed_prompt(self._request.prompts[choice.index], self._head.tokenizer())
        return prefill_details(prompt, choice.prompt_logprobs)

    def _token(
        self, token_id: int | None, text: str | None, position: PositionLogprobs | None
    ) -> Json:
        special = token_id in self._eos_token_ids
        if text is None and token_id is not None:
            text = self._head.tokenizer().token_text(token_id)
        logprob = None if position is None else finite(position.chosen.logprob)
        return {"id": token_id, "text": text, "logprob": logprob, "special": special}

    def _finish_reason(self, choice: Choice) -> Any:
        """These containers' own word for an ordinary end, ours for the others."""
        if choice.finish_reason is not FinishReason.STOP:
            return choice.finish_reason
        by_eos = bool(choice.token_ids) and choice.token_ids[-1] in self._eos_token_ids
        return "eos_token" if by_eos else "stop_sequence"
