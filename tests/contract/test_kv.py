"""GET /kv of a real server: whose blocks they are, and that nothing stays used.

The engine is the real one, scheduler and block pool; a fake runner computes the steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest
import requests

from tests.contract.conftest import Server, launch

BLOCK_SIZE, NUM_BLOCKS = 16, 512
INFERENCE = f"""
from serving.config import SchedulerConfig
from serving.engine.core import EngineCore
from serving.engine.local import LocalEngineClient
from serving.kv_cache.manager import KVCacheManager
from serving.request import ModelInfo
from serving.scheduler.scheduler import Scheduler
from serving.testing import ByteTokenizer, FakeRunner


def model_fn(model_dir):
    tokenizer = ByteTokenizer()
    limit = {NUM_BLOCKS * BLOCK_SIZE}
    info = ModelInfo(
        model_path=model_dir, architecture="Fake", dtype="float32", device="cpu", backend="fake",
        max_model_len=limit, vocab_size=tokenizer.vocab_size, eos_token_ids=[],
        block_size={BLOCK_SIZE}, total_blocks={NUM_BLOCKS},
    )
    core = EngineCore(
        Scheduler(
            KVCacheManager({NUM_BLOCKS}, {BLOCK_SIZE}), max_num_seqs=16, token_budget=256
        ),
        FakeRunner({NUM_BLOCKS}, {BLOCK_SIZE}, 128, step_time=0.002),
        eos_token_ids=[],
        max_model_len=limit,
    )
    config = SchedulerConfig(max_num_seqs=16, max_waiting=64)
    return LocalEngineClient(core, info, tokenizer, config)
"""
SYSTEM = "You are a patient teacher of astronomy. " * 4


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("kv")
    (folder / "model" / "code").mkdir(parents=True)
    (folder / "model" / "code" / "inference.py").write_text(INFERENCE)
    running = launch(folder, folder / "model", {})
    running.wait_ready()
    yield running
    running.stop()


def kv(server: Server) -> Any:
    answer = requests.get(f"{server.url}/kv", timeout=5)
    assert answer.status_code == 200, answer.text
    usage = answer.json()
    owned = sum(session["blocks"] for session in usage["sessions"])
    assert usage["total"] == usage["free"] + usage["cached"] + usage["used"] == NUM_BLOCKS
    assert usage["total"] == usage["free"] + usage["other"] + owned
    return usage


def chat(server: Server, *texts: str, **fields: Any) -> requests.Response:
    roles = ["user", "assistant"] * len(texts)
    turns = [{"role": r, "content": t} for r, t in zip(roles, texts, strict=False)]
    body = {
        "messages": [{"role": "system", "content": SYSTEM}, *turns],
        "max_tokens": 8,
        "temperature": 0,
        **fields,
    }
    return requests.post(
        f"{server.url}/v1/chat/completions", json=body, timeout=30, stream=bool(body.get("stream"))
    )


def test_two_conversations_with_one_system_prompt_are_two_sessions_with_shared_blocks(
    server: Server,
) -> None:
    for conversation in ("c0ffee", "decade"):
        answer = chat(server, f"I am {conversation} and ask: why?", routing_key=f"{conversation}..")
        assert answer.status_code == 200, answer.text
    assert server.wait_for(lambda: kv(server)["used"] == 0)
    usage = kv(server)
    latest, earlier = usage["sessions"][:2]
    assert latest["label"] != earlier["label"]
    assert latest["blocks"] > latest["shared"] > 0, "its own question and the system prompt"
    assert earlier["blocks"] > 0, "its own question"
    assert earlier["shared"] == 0, "the other one had the system prompt last"
    assert usage["shared"] == latest["shared"] >= len(SYSTEM) // BLOCK_SIZE
    assert not latest["running"] and latest["tokens"] == latest["blocks"] * BLOCK_SIZE


def test_the_next_turn_belongs_to_the_same_session_and_is_the_latest(server: Server) -> None:
    chat(server, "First question", user="alice")
    chat(server, "Another one", user="bob")
    alice = kv(server)["sessions"][1]["label"]
    chat(server, "First question", "First answer", "Second question", user="alice")
    sessions = kv(server)["sessions"]
    assert sessions[0]["label"] == alice
    assert sum(session["label"] == alice for session in sessions) == 1


def test_nothing_that_was_sent_is_shown(server: Server) -> None:
    chat(server, "My secret is 4711", user="alice@example.com", cache_salt="tenant-7")
    shown = requests.get(f"{server.url}/kv", timeout=5).text
    for text in ("alice", "example", "secret", "4711", "tenant", "astronomy"):
        assert text not in shown


def test_an_answer_under_way_is_seen_running(server: Server) -> None:
    with chat(server, "A long one", user="runner", stream=True, max_tokens=2000) as answer:
        lines = answer.iter_lines()  # kept: without it the connection is closed
        next(lines)  # says the role, and may come before the request is admitted
        assert server.wait_for(lambda: bool(running_sessions(kv(server))))
        usage = kv(server)
        (running,) = running_sessions(usage)
        assert usage["used"] >= running["blocks"] > 0
        assert running["age_s"] == 0.0
    assert server.wait_for(lambda: kv(server)["used"] == 0)


def test_after_a_storm_of_aborts_nothing_is_used(server: Server) -> None:
    def open_stream(index: int) -> requests.Response:
        user = f"storm-{index % 8}"
        return chat(server, f"Question {index}", user=user, stream=True, max_tokens=2000)

    with ExitStack() as open_streams, ThreadPoolExecutor(24) as pool:
        for answer in pool.map(open_stream, range(24)):
            open_streams.enter_context(answer)
        assert server.wait_for(lambda: kv(server)["used"] > 0)
    # "used" alone may be 0 for a moment: between the last abort of those that ran and the first
    # step of those that waited for a place.
    assert server.wait_for(lambda: requests_left(server) == 0, 20)
    usage = kv(server)
    assert usage["used"] == 0
    assert not running_sessions(usage)


def requests_left(server: Server) -> float:
    kinds = ("waiting", "running")
    return sum(server.metric(f"keepwarm:num_requests_{kind}") for kind in kinds)


def running_sessions(usage: dict[str, Any]) -> list[dict[str, Any]]:
    return [session for session in usage["sessions"] if session["running"]]
