"""The engine under many hours of requests in a few minutes: does its memory stay where it is?

    python -m tests.soak.engine --minutes 10

Conversations that grow and are given up, aborts, stop strings, log-probabilities, penalties, quoted
text; a process of its own. Its model is tiny, with the default model's tokenizer: what may leak
is the same, and there are a hundred times the answers. Every five seconds resident memory and the
KV cache are looked at. Prints the slope of both processes' memory in the second half, when all
caches are full, and the share of held slots that hold no token. Exits with 1 where memory grows by
more than --limit MB a minute, an answer fails, or a block is still held at the end.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from cli.default_model import default_model_folder
from serving.config import CacheConfig, EngineConfig
from serving.engine.client import ProcessEngineClient
from serving.engine.transcript import TranscriptCache
from serving.engine.transport import ProcessTransport
from serving.errors import KeepwarmError
from serving.request import KVUsage
from serving.sampling_params import SamplingParams

LOOK_EVERY_S = 5.0
LABEL = "soak"
TRANSCRIPTS = 1000
WORDS = ("map", "river", "stone", "light", "keeper", "harbour", "window", "letter", "engine")


@dataclass
class Looks:
    """What was seen over time."""

    block_size: int
    minutes: list[float] = field(default_factory=list)
    engine_mb: list[float] = field(default_factory=list)
    client_mb: list[float] = field(default_factory=list)
    waste: list[float] = field(default_factory=list)
    running: list[int] = field(default_factory=list)

    def look(self, minute: float, engine: psutil.Process, usage: KVUsage | None) -> None:
        """Add one look, of `LOOK_EVERY_S`: the least memory in it, since logits come and go."""
        self.minutes.append(minute)
        seen: list[tuple[float, float]] = []
        end = time.monotonic() + LOOK_EVERY_S
        while time.monotonic() < end:
            mine = psutil.Process().memory_info().rss
            seen.append((engine.memory_info().rss / 2**20, mine / 2**20))
            time.sleep(0.1)
        self.engine_mb.append(min(it[0] for it in seen))
        self.client_mb.append(min(it[1] for it in seen))
        if usage is not None and usage.used:
            tokens = sum(session.tokens for session in usage.sessions)
            empty = sum(session.blocks for session in usage.sessions) * self.block_size - tokens
            self.waste.append(empty / (usage.used * self.block_size))

    def slope(self, megabytes: list[float]) -> float:
        """MB a minute by least squares over the second half: the first one fills the caches."""
        half = len(megabytes) // 2
        return statistics.linear_regression(self.minutes[half:], megabytes[half:]).slope


class Talkers:
    """Threads that talk until they are told to stop."""

    def __init__(self, engine: ProcessEngineClient, seed: int) -> None:
        self.over = threading.Event()
        self.outcomes: Counter[str] = Counter()
        self._engine = engine
        self._seed = seed

    def talk(self, number: int) -> None:
        """Conversation after conversation."""
        dice = random.Random(f"{self._seed}:{number}")
        while not self.over.is_set():
            messages: list[dict[str, str]] = []
            for _ in range(dice.randint(1, 4)):
                messages.append({"role": "user", "content": question(dice)})
                answer = self._answer(messages, dice)
                messages.append({"role": "assistant", "content": answer})
                if self.over.is_set():
                    return

    def _answer(self, messages: list[dict[str, str]], dice: random.Random) -> str:
        prompt = self._engine.tokenizer.render_chat(messages)
        given_up = dice.random() < 0.1
        pieces: list[str] = []
        try:
            with self._engine.submit(prompt, way(dice), label=LABEL) as stream:
                for output in stream:
                    pieces.append(output.text)
                    if self.over.is_set() or (given_up and len(pieces) == 2):
                        break
                    if output.finish_reason is not None:
                        self.outcomes[output.finish_reason] += 1
        except KeepwarmError as error:
            self.outcomes[error.code] += 1
        return "".join(pieces)


def question(dice: random.Random) -> str:
    """A few words, or a text to repeat."""
    text = " ".join(dice.choices(WORDS, k=dice.randint(3, 120)))
    return f"Repeat word for word: {text}" if dice.random() < 0.3 else text


def way(dice: random.Random) -> SamplingParams:
    """How an answer is sampled."""
    return SamplingParams(
        max_tokens=dice.randint(1, 24),
        temperature=dice.choice([0.0, 0.7, 1.0]),
        frequency_penalty=dice.choice([0.0, 0.0, 0.5]),
        logprobs=dice.choice([None, None, 2]),
        prompt_logprobs=dice.choice([None] * 9 + [0]),
        stop=dice.choice([(), (), ("the end",)]),
        ignore_eos=dice.random() < 0.3,
    )


def main(arguments: list[str] | None = None) -> int:
    """Run; the exit code."""
    parser = argparse.ArgumentParser(prog="soak.engine", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--at-once", type=int, default=64)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--limit", type=float, default=1.0, help="MB a minute that may be noise")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        return _soak(chosen, make_model(Path(folder)))


def make_model(folder: Path) -> Path:
    """A tiny Llama with random weights."""
    tokenizer = AutoTokenizer.from_pretrained(default_model_folder(), local_files_only=True)
    tokenizer.save_pretrained(folder)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        eos_token_id=tokenizer.eos_token_id,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def _soak(chosen: argparse.Namespace, folder: Path) -> int:
    config = EngineConfig(model=str(folder), cache=CacheConfig(num_blocks=2000))
    with ProcessEngineClient.start(config) as engine:
        engine.wait_ready(timeout=300)
        # A cache grows until it is full: this one is, before the second half begins.
        engine._transcripts = TranscriptCache(engine.tokenizer, max_entries=TRANSCRIPTS)
        talkers = Talkers(engine, chosen.seed)
        looks = _watch(engine, talkers, chosen)
        held = _held(engine)
    return _report(looks, talkers, held, chosen.limit)


def _watch(engine: ProcessEngineClient, talkers: Talkers, chosen: argparse.Namespace) -> Looks:
    transport = engine._transport
    if not isinstance(transport, ProcessTransport):
        raise TypeError("the engine is meant to have a process of its own")
    process = psutil.Process(transport.pid)
    threads = [
        threading.Thread(target=talkers.talk, args=(number,)) for number in range(chosen.at_once)
    ]
    for thread in threads:
        thread.start()
    looks = Looks(engine.model_info.block_size)
    started = time.monotonic()
    while time.monotonic() - started < 60 * chosen.minutes:
        usage = engine.kv_usage(timeout=30)
        looks.look((time.monotonic() - started) / 60, process, usage)
        looks.running.append(engine.stats().running)
    talkers.over.set()
    for thread in threads:
        thread.join()
    return looks


def _held(engine: ProcessEngineClient) -> int:
    """Blocks that are still held; what was aborted last may take a step to come back."""
    end = time.monotonic() + 30
    held = -1
    while held and time.monotonic() < end:
        usage = engine.kv_usage(timeout=30)
        held = 0 if usage is None else usage.used
        time.sleep(0.1)
    return held


def _report(looks: Looks, talkers: Talkers, held: int, limit: float) -> int:
    slopes = {"engine": looks.slope(looks.engine_mb), "client": looks.slope(looks.client_mb)}
    failed = sum(n for how, n in talkers.outcomes.items() if how not in ("stop", "length"))
    print(f"answers: {dict(talkers.outcomes)}; running {statistics.mean(looks.running):.0f}")
    print(f"engine: {looks.engine_mb[0]:.0f} -> {looks.engine_mb[-1]:.0f} MB")
    print(f"client: {looks.client_mb[0]:.0f} -> {looks.client_mb[-1]:.0f} MB")
    print(f"MB a minute, second half: {', '.join(f'{k} {v:+.2f}' for k, v in slopes.items())}")
    print(f"held slots without a token: {100 * statistics.mean(looks.waste):.1f} %")
    print(f"blocks held at the end: {held}")
    return int(bool(failed or held) or max(slopes.values()) > limit)


if __name__ == "__main__":
    sys.exit(main())
