"""The process behind `static_generate`: `model.generate()` on a static batch, lock-step by turn.

Reads one job from stdin, writes JSON lines to stdout:

    {"ready": true}                      the model is loaded
    {"tokens": 16}                       one decoding step of the batch
    {"turns": [{...}, ...]}              the records of a batch that ended
    {"finished": 123.4}                  the job is done; its wall time
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    StoppingCriteria,
    StoppingCriteriaList,
)

from benchmarks.peers.static_job import job_from_json
from pipelines.speed.records import Outcome, TurnRecord
from pipelines.speed.workload import ChatWorkload, Conversation

Send = Callable[[dict[str, Any]], None]


class TokenClock(StoppingCriteria):
    """Notes when each token of the batch exists, and stops the batch when time is up.

    generate() streams single sequences only, but it consults its stopping criteria after every
    step: the moment at which a server could send the new tokens.
    """

    def __init__(self, clock: Callable[[], float], time_limit_s: float, send: Send) -> None:
        self._clock = clock
        self._time_limit_s = time_limit_s
        self._send = send
        self.times_s: list[float] = []

    def __call__(
        self, input_ids: torch.LongTensor, scores: torch.FloatTensor, **kwargs: Any
    ) -> torch.BoolTensor:
        """All rows go on until the limit; called once a step."""
        self.times_s.append(self._clock())
        self._send({"tokens": len(input_ids)})
        is_over = self.times_s[-1] >= self._time_limit_s
        return torch.full((len(input_ids),), is_over, dtype=torch.bool)  # type: ignore[return-value]


class StaticBatch:
    """A model and the whole histories of up to `size` conversations, prefilled at every turn."""

    def __init__(self, model: Path, size: int) -> None:
        self.size = size
        self._tokenizer: Any = AutoTokenizer.from_pretrained(
            model, padding_side="left", trust_remote_code=False
        )
        if self._tokenizer.pad_token is None:
            self._tokenizer.pad_token = self._tokenizer.eos_token
        self._model: Any = AutoModelForCausalLM.from_pretrained(
            model, dtype=torch.float32, use_safetensors=True, trust_remote_code=False
        )
        self._model.eval()  # type: ignore[no-untyped-call]
        # No end-of-sequence id at all: greedy decoding goes on past it. Asking for
        # min_new_tokens would forbid the end token instead, and so change the text.
        self._model.generation_config = GenerationConfig(  # type: ignore[no-untyped-call]
            do_sample=False, pad_token_id=self._tokenizer.pad_token_id
        )

    def generate(
        self, messages: Sequence[list[dict[str, str]]], new_tokens: int, token_clock: TokenClock
    ) -> tuple[list[str], list[int]]:
        """Answers and prompt lengths (tokens, padding not counted) of one batch."""
        batch = self._tokenizer.apply_chat_template(
            list(messages),
            add_generation_prompt=True,
            tokenize=True,
            padding=True,
            return_dict=True,
            return_tensors="pt",
        )
        width = batch["input_ids"].shape[1]
        output = self._model.generate(
            **batch,
            max_new_tokens=new_tokens,
            stopping_criteria=StoppingCriteriaList([token_clock]),
        )
        texts = self._tokenizer.batch_decode(output[:, width:], skip_special_tokens=True)
        return texts, batch["attention_mask"].sum(dim=1).tolist()


class Job:
    """One pass over a workload, on a clock that begins with it."""

    def __init__(
        self, batch: StaticBatch, workload: ChatWorkload, time_limit_s: float, send: Send
    ) -> None:
        self._batch = batch
        self._workload = workload
        self._time_limit_s = time_limit_s
        self._send = send
        self._epoch = time.perf_counter()
        self._asks_at_s = {script.index: 0.0 for script in workload.scripts}

    def run(self) -> None:
        """All turns of all sessions, one batch after another, until the limit."""
        talks = [Conversation.begin(self._workload, script) for script in self._workload.scripts]
        for turn in range(self._workload.settings.turns):
            for group in _groups(talks, self._batch.size):
                if self._clock() < self._time_limit_s:
                    self._turn(group, turn)
        self._send({"finished": self._clock()})

    def _clock(self) -> float:
        return time.perf_counter() - self._epoch

    def _turn(self, group: Sequence[Conversation], turn: int) -> None:
        """One turn of the sessions in `group`, from their questions to their records."""
        self._wait_for_questions(group)
        token_clock = TokenClock(self._clock, self._time_limit_s, self._send)
        with torch.inference_mode():
            texts, prompt_lengths = self._batch.generate(
                [talk.ask(turn) for talk in group], self._workload.settings.new_tokens, token_clock
            )
        times_s, finished_s = tuple(token_clock.times_s), self._clock()
        records = [
            self._record(talk.script.index, turn, times_s, finished_s, text, prompt_tokens)
            for talk, text, prompt_tokens in zip(group, texts, prompt_lengths, strict=True)
        ]
        for talk, text in zip(group, texts, strict=True):
            talk.answer(text)
            think_s = self._workload.settings.think_seconds
            self._asks_at_s[talk.script.index] = finished_s + think_s
        self._send({"turns": [asdict(record) for record in records]})

    def _wait_for_questions(self, group: Sequence[Conversation]) -> None:
        """Sleep until every user of the batch has thought of the next question."""
        latest = max(self._asks_at_s[talk.script.index] for talk in group)
        time.sleep(max(0.0, latest - self._clock()))

    def _record(
        self,
        session: int,
        turn: int,
        times_s: tuple[float, ...],
        finished_s: float,
        text: str,
        prompt_tokens: int,
    ) -> TurnRecord:
        is_whole = len(times_s) >= self._workload.settings.new_tokens
        return TurnRecord(
            session=session,
            turn=turn,
            sent_s=self._asks_at_s[session],
            event_times_s=times_s,
            finished_s=finished_s,
            output_tokens=len(times_s),
            counted_by_server=True,
            text=text,
            outcome=Outcome.COMPLETE if is_whole else Outcome.CUT,
            prompt_tokens=prompt_tokens,
            cached_tokens=0,
        )


def _groups(conversations: Sequence[Conversation], size: int) -> Iterator[Sequence[Conversation]]:
    for start in range(0, len(conversations), size):
        yield conversations[start : start + size]


def main() -> int:
    """Load, report, take the job, run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--batch", type=int, required=True)
    options = parser.parse_args()
    replies, sys.stdout = sys.stdout, sys.stderr  # what a library prints must not mix with replies

    def send(reply: dict[str, Any]) -> None:
        replies.write(json.dumps(reply) + "\n")
        replies.flush()

    batch = StaticBatch(options.model, options.batch)
    send({"ready": True})
    for line in sys.stdin:
        workload, time_limit_s = job_from_json(line)
        Job(batch, workload, time_limit_s, send).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
