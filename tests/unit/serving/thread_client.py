"""Clients over an engine on a thread, for the client's tests.

The fake runner's vocabulary is ASCII, so every token is one character of the byte tokenizer. Where
a test needs to stop time, the runner waits at a gate before each step.
"""

import threading
import time

from serving.config import SchedulerConfig
from serving.engine.core import EngineCore
from serving.engine.local import LocalEngineClient
from serving.kv_cache.manager import KVCacheManager
from serving.request import ModelInfo
from serving.sampling_params import SamplingParams
from serving.scheduler.scheduler import Scheduler
from serving.testing.byte_tokenizer import ByteTokenizer
from serving.testing.fake_runner import FakeRunner, expected_output

NUM_BLOCKS, BLOCK_SIZE, ASCII = 64, 4, 128
MAX_MODEL_LEN = NUM_BLOCKS * BLOCK_SIZE
PATIENCE_S = 10.0  # before a test that hangs is given up
PROMPT = "the quick brown fox"


class GatedRunner(FakeRunner):
    """Takes a step only when the gate lets it."""

    def __init__(self, **settings):
        super().__init__(NUM_BLOCKS, BLOCK_SIZE, ASCII, **settings)
        self._tickets = threading.Semaphore(0)
        self._open = threading.Event()
        self.arrived = threading.Semaphore(0)  # one for each step that has come to the gate

    def execute(self, work):
        self.arrived.release()
        while not self._open.is_set() and not self._tickets.acquire(timeout=0.005):
            pass
        return super().execute(work)

    def let(self, steps):
        """Let so many more steps pass."""
        for _ in range(steps):
            self._tickets.release()

    def open(self):
        """Let everything pass from now on."""
        self._open.set()

    def await_step(self):
        """Wait until a step stands at the gate."""
        assert self.arrived.acquire(timeout=PATIENCE_S)


def info_of(tokenizer):
    return ModelInfo(
        model_path="fake",
        architecture="Fake",
        dtype="float32",
        device="cpu",
        backend="fake",
        max_model_len=MAX_MODEL_LEN,
        vocab_size=tokenizer.vocab_size,
        eos_token_ids=[tokenizer.eos_token_id],
        block_size=BLOCK_SIZE,
        total_blocks=NUM_BLOCKS,
    )


class Clients:
    """Makes clients; on leaving, ends them and their engines."""

    def __init__(self):
        self._made = []

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        for client, runner in self._made:
            if isinstance(runner, GatedRunner):
                runner.open()
            client.shutdown()

    def __call__(self, runner=None, *, max_num_seqs=8, max_waiting=64, tokenizer=None):
        runner = runner or FakeRunner(NUM_BLOCKS, BLOCK_SIZE, ASCII)
        scheduler = Scheduler(
            KVCacheManager(NUM_BLOCKS, BLOCK_SIZE), max_num_seqs=max_num_seqs, token_budget=32
        )
        tokenizer = tokenizer or ByteTokenizer()
        info = info_of(tokenizer)
        core = EngineCore(
            scheduler, runner, eos_token_ids=info.eos_token_ids, max_model_len=MAX_MODEL_LEN
        )
        config = SchedulerConfig(max_num_seqs=max_num_seqs, max_waiting=max_waiting)
        client = LocalEngineClient(core, info, tokenizer, config)
        self._made.append((client, runner))
        return client


def ask(max_tokens=8, **settings):
    return SamplingParams(max_tokens=max_tokens, temperature=0.0, **settings)


def answer_to(prompt, count):
    return expected_output(list(prompt.encode()), count, ASCII)


def tokens_of(outputs):
    return [token for output in outputs for token in output.token_ids]


def text_of(token_ids):
    return bytes(token_ids).decode()


def take(stream):
    """One output, or a failure where none comes."""
    output = stream.next(timeout=PATIENCE_S)
    assert output is not None, "nothing came"
    return output


def take_all(stream):
    """All outputs up to the last."""
    outputs = [take(stream)]
    while not outputs[-1].finished:
        outputs.append(take(stream))
    return outputs


def wait_until(condition):
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.002)


def everything_is_free(client):
    stats = client.stats()
    return (stats.running, stats.waiting, stats.free_blocks) == (0, 0, NUM_BLOCKS)
