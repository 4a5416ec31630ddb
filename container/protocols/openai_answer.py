"""OpenAI's chat completions and completions: answers as bodies and as chunks of a stream.

chat stream: role chunk, content chunks, finish chunk, receipt chunk, [DONE]
"""

from __future__ import annotations

from collections.abc import Iterator

from container.ledger import Choice, Ledger, Piece
from container.protocols.echo import EchoedPrompt, echoed_prompt, prompt_logprobs
from container.protocols.logprobs import chat_logprobs, completion_logprobs
from container.protocols.request import GenerationRequest, Wire
from container.protocols.writer import AnswerHead, AnswerWriter, Json
from container.receipt import usage_content
from serving.request import PositionLogprobs


class ChatWriter:
    """Answers of `/v1/chat/completions`."""

    ends_with_done = True

    def __init__(self, request: GenerationRequest, head: AnswerHead) -> None:
        self._request = request
        self._head = head

    def body(self, ledger: Ledger) -> Json:
        """A `chat.completion` with the receipt."""
        return {
            **self._envelope("chat.completion"),
            "choices": [self._choice(choice) for choice in ledger.choices],
            "usage": usage_content(ledger.usage),
            "receipt": self._head.receipt(),
        }

    def opening(self) -> Iterator[Json]:
        """A chunk with the role for each choice."""
        for index in range(self._request.n):
            yield self._chunk(index, {"role": "assistant", "content": ""})

    def chunk(self, piece: Piece) -> Json | None:
        """A chunk with the text of one output; the last one of a choice has its finish reason."""
        output = piece.output
        if not output.text and not output.logprobs and not output.finished:
            return None
        delta = {"content": output.text} if output.text else {}
        chunk = self._chunk(piece.index, delta)
        choice = chunk["choices"][0]
        choice["finish_reason"] = output.finish_reason
        if output.logprobs:
            choice["logprobs"] = chat_logprobs(output.logprobs, self._head.tokenizer())
        return chunk

    def closing(self, ledger: Ledger) -> Iterator[Json]:
        """The receipt chunk."""
        chunk = self._chunk(0, {})
        yield _receipt_chunk(chunk, self._request, ledger, self._head)

    def _chunk(self, index: int, delta: Json) -> Json:
        choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": None}
        return {**self._envelope("chat.completion.chunk"), "choices": [choice]}

    def _choice(self, choice: Choice) -> Json:
        logprobs = None
        if self._request.sampling.logprobs is not None:
            logprobs = chat_logprobs(choice.logprobs, self._head.tokenizer())
        return {
            "index": choice.index,
            "message": {"role": "assistant", "content": choice.text, "refusal": None},
            "logprobs": logprobs,
            "finish_reason": choice.finish_reason,
        }

    def _envelope(self, kind: str) -> Json:
        head = self._head
        return {
            "id": f"chatcmpl-{head.request_id}",
            "object": kind,
            "created": head.created,
            "model": head.model,
        }


class CompletionWriter:
    """Answers of `/v1/completions`; with `echo` a choice's first text begins with its prompt."""

    ends_with_done = True

    def __init__(self, request: GenerationRequest, head: AnswerHead) -> None:
        self._request = request
        self._head = head
        self._offsets: dict[int, int] = {}

    def body(self, ledger: Ledger) -> Json:
        """A `text_completion` with the receipt."""
        return {
            **self._envelope(),
            "choices": [self._choice(choice) for choice in ledger.choices],
            "usage": usage_content(ledger.usage),
            "receipt": self._head.receipt(),
        }

    def opening(self) -> Iterator[Json]:
        """Nothing: completions have no role."""
        return iter(())

    def chunk(self, piece: Piece) -> Json | None:
        """A chunk with the text of one output; the last one of a choice has its finish reason."""
        output = piece.output
        prompt = self._echo(piece.index)
        if not output.text and not output.logprobs and not output.finished and prompt is None:
            return None
        logprobs = self._logprobs(piece.index, output.logprobs) if output.logprobs else None
        content = _content(piece.index, output.text, logprobs, output.finish_reason)
        if prompt is not None:
            self._prepend(prompt, output.prompt_logprobs or [], content)
        return {**self._envelope(), "choices": [content]}

    def closing(self, ledger: Ledger) -> Iterator[Json]:
        """The receipt chunk."""
        chunk = {**self._envelope(), "choices": [_content(0, "", None, None)]}
        yield _receipt_chunk(chunk, self._request, ledger, self._head)

    def _choice(self, choice: Choice) -> Json:
        prompt = self._echo(choice.index)
        wanted = self._request.sampling.logprobs is not None
        logprobs = self._logprobs(choice.index, choice.logprobs) if wanted else None
        content = _content(choice.index, choice.text, logprobs, choice.finish_reason)
        if prompt is not None:
            self._prepend(prompt, choice.prompt_logprobs, content)
        return content

    def _echo(self, index: int) -> EchoedPrompt | None:
        """The prompt that a choice begins with; None without `echo`, or when it has begun."""
        if not self._request.echo or index in self._offsets:
            return None
        prompt = self._request.prompts[index // self._request.n]
        echoed = echoed_prompt(prompt, self._head.tokenizer())
        self._offsets[index] = len(echoed.text)
        return echoed

    def _prepend(
        self, prompt: EchoedPrompt, positions: list[PositionLogprobs], content: Json
    ) -> None:
        content["text"] = prompt.text + content["text"]
        if self._request.sampling.prompt_logprobs is None:
            return
        before = prompt_logprobs(prompt, positions, self._head.tokenizer())
        after = content["logprobs"] or {}
        content["logprobs"] = {name: before[name] + after.get(name, []) for name in before}

    def _logprobs(self, index: int, positions: list[PositionLogprobs]) -> Json:
        """Log-probabilities, the offsets going on where the choice's last ones ended."""
        offset = self._offsets.get(index, 0)
        content = completion_logprobs(positions, self._head.tokenizer(), offset)
        self._offsets[index] = offset + sum(len(token) for token in content["tokens"])
        return content

    def _envelope(self) -> Json:
        head = self._head
        return {
            "id": f"cmpl-{head.request_id}",
            "object": "text_completion",
            "created": head.created,
            "model": head.model,
        }


def _content(index: int, text: str, logprobs: Json | None, finish: str | None) -> Json:
    """An entry of a completion's `choices`."""
    return {"index": index, "text": text, "logprobs": logprobs, "finish_reason": finish}


def openai_writer(request: GenerationRequest, head: AnswerHead) -> AnswerWriter:
    """The writer of the format that the request came in."""
    return (
        ChatWriter(request, head) if request.wire is Wire.CHAT else CompletionWriter(request, head)
    )


def _receipt_chunk(
    chunk: Json, request: GenerationRequest, ledger: Ledger, head: AnswerHead
) -> Json:
    """The last chunk. Without choices only for clients that asked for OpenAI's usage chunk.

    The usual loop reads `chunk.choices[0]` of every chunk; it must not fail for those who did not.
    """
    if request.include_usage:
        chunk["choices"] = []
    return {**chunk, "usage": usage_content(ledger.usage), "receipt": head.receipt()}
