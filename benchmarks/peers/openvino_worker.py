"""The process behind `openvino`: one loop that adds requests, steps, and notes each token's time.

Reads jobs and writes replies as `static_worker.py` does. Requests are added when their session has
its previous answer, between two steps, as a server would. Runs in the peer's own environment: it
imports nothing but openvino_genai, tokenizers, jinja2 and what of this repository has no packages.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy
from jinja2.sandbox import ImmutableSandboxedEnvironment
from tokenizers import Tokenizer

from benchmarks.peers.static_job import job_from_json
from pipelines.speed.records import Outcome, TurnRecord
from pipelines.speed.workload import ChatWorkload, Conversation, SessionScript

openvino: Any = importlib.import_module("openvino")
openvino_genai: Any = importlib.import_module("openvino_genai")

Send = Callable[[dict[str, Any]], None]
_KV_GIB = 2


class Engine:
    """The pipeline, and text to token ids and back by the model's own tokenizer.

    Not by OpenVINO's: ids are then those that every other peer computes.
    """

    def __init__(self, gguf: Path, model: Path, arithmetic: str) -> None:
        scheduler = openvino_genai.SchedulerConfig()
        scheduler.cache_size = _KV_GIB
        scheduler.enable_prefix_caching = True
        scheduler.max_num_seqs = 64
        hints = {} if arithmetic == "auto" else {"INFERENCE_PRECISION_HINT": arithmetic}
        self.pipeline = openvino_genai.ContinuousBatchingPipeline(
            str(gguf), scheduler, "CPU", hints
        )
        self._tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
        source = (model / "chat_template.jinja").read_text(encoding="utf-8")
        self._template = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True
        ).from_string(source)
        self._names = 0

    def add(self, messages: list[dict[str, str]], new_tokens: int) -> tuple[Any, int]:
        """Queue a greedy request that ignores the end of sequence; its handle and prompt length."""
        text = self._template.render(messages=messages, add_generation_prompt=True)
        ids = self._tokenizer.encode(text, add_special_tokens=False).ids
        config = openvino_genai.GenerationConfig()
        config.max_new_tokens = new_tokens
        config.do_sample = False
        config.ignore_eos = True
        self._names += 1
        tensor = openvino.Tensor(_row(ids))
        return self.pipeline.add_request(self._names, tensor, config), len(ids)

    def text(self, ids: list[int]) -> str:
        """What was generated, without special tokens."""
        return str(self._tokenizer.decode(ids, skip_special_tokens=True))


def _row(ids: list[int]) -> Any:
    return numpy.array([ids], dtype=numpy.int64)


@dataclass
class Turn:
    """An answer under way."""

    talk: Conversation
    number: int
    sent_s: float
    handle: Any
    prompt_tokens: int
    ids: list[int] = field(default_factory=list)
    times_s: list[float] = field(default_factory=list)


class Job:
    """One pass over a workload, on a clock that begins with it."""

    def __init__(
        self, engine: Engine, workload: ChatWorkload, time_limit_s: float, send: Send
    ) -> None:
        self._engine = engine
        self._workload = workload
        self._time_limit_s = time_limit_s
        self._send = send
        self._epoch = time.perf_counter()
        self._turns: list[Turn] = []
        self._late = [script for script in workload.scripts if script.late]
        self._silent = {script.index for script in workload.scripts if not script.late}

    def run(self) -> None:
        """All turns of all sessions, or until the limit."""
        for script in self._workload.scripts:
            if not script.late:
                self._begin(script)
        while self._turns and self._clock() < self._time_limit_s:
            self._engine.pipeline.step()
            self._collect()
        for turn in self._turns:
            turn.handle.cancel()
            self._tell(turn, Outcome.CUT)
        while self._engine.pipeline.has_non_finished_requests():
            self._engine.pipeline.step()
        self._send({"finished": self._clock()})

    def _clock(self) -> float:
        return time.perf_counter() - self._epoch

    def _begin(self, script: SessionScript) -> None:
        self._ask(Conversation.begin(self._workload, script), 0)

    def _ask(self, talk: Conversation, number: int) -> None:
        sent_s = self._clock()
        new_tokens = self._workload.settings.new_tokens
        handle, prompt_tokens = self._engine.add(talk.ask(number), new_tokens)
        self._turns.append(Turn(talk, number, sent_s, handle, prompt_tokens))

    def _collect(self) -> None:
        """Take the step's tokens; an answer that is whole makes room for its next question."""
        now = self._clock()
        tokens = 0
        under_way, self._turns = self._turns, []
        for turn in under_way:
            new = list(_new_ids(turn.handle))
            turn.ids += new
            turn.times_s += [now] * bool(new)
            tokens += len(new)
            if new:
                self._silent.discard(turn.talk.script.index)
            if len(turn.ids) < self._workload.settings.new_tokens:
                self._turns.append(turn)
            else:
                self._end(turn)
        self._send({"tokens": tokens})
        if not self._silent and self._late:
            late, self._late = self._late, []
            for script in late:
                self._begin(script)

    def _end(self, turn: Turn) -> None:
        self._tell(turn, Outcome.COMPLETE)
        turn.talk.answer(self._engine.text(turn.ids))
        if turn.number + 1 < self._workload.settings.turns:
            self._ask(turn.talk, turn.number + 1)

    def _tell(self, turn: Turn, outcome: Outcome) -> None:
        record = TurnRecord(
            session=turn.talk.script.index,
            turn=turn.number,
            sent_s=turn.sent_s,
            event_times_s=tuple(turn.times_s),
            finished_s=self._clock(),
            output_tokens=len(turn.ids),
            counted_by_server=True,
            text=self._engine.text(turn.ids),
            outcome=outcome,
            prompt_tokens=turn.prompt_tokens,
        )
        self._send({"turns": [asdict(record)]})


def _new_ids(handle: Any) -> Iterator[int]:
    """What a handle has that was not read yet."""
    while handle.can_read():
        for output in handle.read().values():
            yield from output.generated_ids


def main() -> int:
    """Load, report, take jobs, run them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("gguf", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("arithmetic", choices=("auto", "f32"))
    options = parser.parse_args()
    replies, sys.stdout = sys.stdout, sys.stderr  # what a library prints must not mix with replies

    def send(reply: dict[str, Any]) -> None:
        replies.write(json.dumps(reply) + "\n")
        replies.flush()

    engine = Engine(options.gguf, options.model, options.arithmetic)
    send({"ready": True})
    for line in sys.stdin:
        workload, time_limit_s = job_from_json(line)
        Job(engine, workload, time_limit_s, send).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
