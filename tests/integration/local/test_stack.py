"""The whole architecture on this machine, with its real parts and the default model."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import psutil
import pytest
import redis
import requests

from tests.support.live_stack import (
    KEEPWARM,
    LiveStack,
    environment,
    home_with,
    live_stack,
    runs,
)
from tests.support.terminal import Terminal
from tests.support.waiting import wait_until

MODEL = "smollm2-135m-instruct"
QUESTION = "What is the capital of France?"
ANSWER_S = 120.0


@pytest.fixture(scope="module")
def home(default_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return home_with(default_model, tmp_path_factory.mktemp("home") / "keepwarm")


@pytest.fixture(scope="module")
def stack(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    """Up for most tests of this file; they may kill parts, which come back."""
    with live_stack(home, tmp_path_factory.mktemp("up") / "output") as live:
        yield live


@pytest.fixture
def client(stack: LiveStack) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{stack.url}/v1", api_key=stack.token(), max_retries=0) as made:
        yield made


def keepwarm(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*KEEPWARM, *arguments],
        check=False,
        env=environment(home),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=ANSWER_S,
    )


def listeners(processes: set[psutil.Process]) -> set[tuple[str, int]]:
    found = set()
    for process in processes:
        for one in process.net_connections(kind="inet"):
            if one.status == psutil.CONN_LISTEN or (one.type.name == "SOCK_DGRAM" and one.laddr):
                found.add((one.laddr.ip, one.laddr.port))
    return found


def conversation(stack: LiveStack, token: str) -> str:
    answer = requests.post(f"{stack.url}/v1/conversations", json={}, headers=bearer(token))
    return str(answer.json()["id"])


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


class TestOneStack:
    def test_nothing_listens_but_on_loopback(self, stack: LiveStack) -> None:
        found = listeners(stack.family())
        ports = {one["port"] for one in stack.state["parts"] if one["port"]}
        assert ports <= {port for _, port in found}
        assert {address for address, _ in found} <= {"127.0.0.1", "::1"}

    def test_a_second_turn_of_a_conversation_finds_the_first_one_warm(
        self, stack: LiveStack, client: openai.OpenAI
    ) -> None:
        kept = {"X-Conversation-Id": conversation(stack, stack.token())}
        usages = []
        for question in (QUESTION, "And of Italy?"):
            answer = client.chat.completions.create(
                model=MODEL,
                messages=[{"role": "user", "content": question}],
                max_tokens=16,
                temperature=0,
                extra_headers=kept,
            )
            assert answer.choices[0].message.content
            usages.append(answer.usage)
        assert usages[1].prompt_tokens > usages[0].prompt_tokens
        assert usages[1].prompt_tokens_details.cached_tokens > 0

    def test_the_id_may_stand_in_the_body_and_the_answer_may_stream(
        self, stack: LiveStack, client: openai.OpenAI
    ) -> None:
        chunks = client.chat.completions.create(
            model=MODEL,
            messages=[{"role": "user", "content": QUESTION}],
            max_tokens=16,
            temperature=0,
            stream=True,
            extra_body={"conversation_id": conversation(stack, stack.token())},
        )
        text = "".join(one.choices[0].delta.content or "" for one in chunks if one.choices)
        assert "Paris" in text

    def test_without_an_id_the_history_comes_with_the_request(self, client: openai.OpenAI) -> None:
        answer = client.chat.completions.create(
            model=MODEL,
            messages=[
                {"role": "user", "content": QUESTION},
                {"role": "assistant", "content": "Paris."},
                {"role": "user", "content": "Say it again."},
            ],
            max_tokens=8,
            temperature=0,
        )
        assert answer.choices[0].message.content

    def test_what_happened_passes_the_stream_and_is_shown_under_the_hood(
        self, stack: LiveStack, client: openai.OpenAI
    ) -> None:
        file = stack.home / "stack" / "telemetry.jsonl"
        talk = conversation(stack, stack.token())
        client.chat.completions.create(
            model=MODEL,
            messages=[{"role": "user", "content": "Hello"}],
            max_tokens=4,
            extra_headers={"X-Conversation-Id": talk},
        )
        wait_until(lambda: file.read_text().count(talk) >= 2, 30)  # its start and its end
        wait_until(lambda: '"kind":"emf"' in file.read_text(), 30)
        snapshot = requests.get(f"{stack.url}/hood/snapshot", timeout=10).json()
        assert [one["name"] for one in snapshot["containers"]] == ["container"]
        assert snapshot["containers"][0]["healthy"]
        assert {one["state"] for one in snapshot["parts"]} == {"up"}
        assert snapshot["lambda"]["environments"] >= 1
        with requests.get(f"{stack.url}/hood/events", stream=True, timeout=10) as events:
            first = next(line for line in events.iter_lines() if line.startswith(b"data: "))
        assert isinstance(json.loads(first.removeprefix(b"data: ")), dict)

    def test_a_second_up_is_refused_with_the_address_and_the_mend(self, stack: LiveStack) -> None:
        refused = keepwarm(stack.home, "up", "--ask", QUESTION)
        assert refused.returncode == 1
        assert refused.stderr == (
            f"keepwarm: a stack runs already at {stack.url}; keepwarm down stops it\n"
        )
        assert stack.is_up()

    def test_logs_are_shown_by_part(self, stack: LiveStack) -> None:
        shown = keepwarm(stack.home, "logs", "container", "-n", "3")
        assert shown.returncode == 0
        assert shown.stdout.count("\n") == 3
        assert all(line.startswith("container ") for line in shown.stdout.splitlines())

    def test_a_container_killed_in_mid_answer_comes_back_and_the_turn_ends_whole_or_typed(
        self, stack: LiveStack
    ) -> None:
        headers = bearer(stack.token())
        url = f"{stack.url}/v1/conversations/{conversation(stack, stack.token())}/messages"
        body = {"content": "Tell me a long story.", "max_tokens": 200}
        names, was = [], 0
        with requests.post(url, json=body, headers=headers, stream=True, timeout=120) as answer:
            for line in answer.iter_lines():
                if line.startswith(b"event: "):
                    names.append(line.removeprefix(b"event: ").decode())
                if names.count("delta") == 3 and not was:
                    was = stack.kill("container")
        assert names[-1] in ("done", "error", "title"), names
        stack.wait_restarted("container", was)
        body = {"content": QUESTION, "max_tokens": 8}
        again = requests.post(url, json=body, headers=headers, timeout=120)
        assert "event: done" in again.text

    def test_without_redis_it_answers_and_with_it_back_it_is_used_again(
        self, stack: LiveStack, client: openai.OpenAI
    ) -> None:
        messages: Any = [{"role": "user", "content": QUESTION}]
        was = stack.kill("redis")
        answer = client.chat.completions.create(model=MODEL, messages=messages, max_tokens=8)
        assert answer.choices[0].message.content
        stack.wait_restarted("redis", was)
        keys = redis.Redis(port=stack.part("redis")["port"])

        def used() -> bool:
            client.chat.completions.create(model=MODEL, messages=messages, max_tokens=1)
            return bool(keys.dbsize())

        wait_until(used, 60)

    def test_a_killed_gateway_comes_back_without_strays_of_its_function(
        self, stack: LiveStack
    ) -> None:
        before = stack.part("gateway")["pid"]
        strays = psutil.Process(before).children(recursive=True)
        assert strays
        was = stack.kill("gateway")
        stack.wait_restarted("gateway", was)
        wait_until(lambda: not any(map(runs, strays)))
        listed = requests.get(f"{stack.url}/v1/models", headers=bearer(stack.token()), timeout=30)
        assert listed.json()["data"][0]["id"] == MODEL

    def test_ctrl_c_leaves_neither_process_nor_port(self, stack: LiveStack) -> None:
        ports = [one["port"] for one in stack.state["parts"] if one["port"]]
        assert stack.stop() == 130
        assert stack.left() == []
        everywhere = psutil.net_connections("inet")
        listening = {one.laddr.port for one in everywhere if one.status == psutil.CONN_LISTEN}
        assert not listening & set(ports)
        assert not (stack.home / "stack" / "state.json").exists()
        assert keepwarm(stack.home, "down").stdout == "nothing runs\n"


def test_ctrl_c_in_mid_start_leaves_nothing(default_model: Path, tmp_path: Path) -> None:
    home = home_with(default_model, tmp_path / "home")
    process = subprocess.Popen(
        [*KEEPWARM, "up", "--stay"], env=environment(home), stderr=subprocess.PIPE, text=True
    )
    live = LiveStack(home, process, tmp_path / "none")
    wait_until(lambda: live.part("gateway").get("state") == "starting")
    assert live.part("container")["state"] == "starting"
    assert live.stop() == 130
    assert live.left() == []
    assert process.stderr is not None
    assert "Traceback" not in process.stderr.read()
    process.stderr.close()


def test_without_a_terminal_one_question_is_answered(default_model: Path, tmp_path: Path) -> None:
    home = home_with(default_model, tmp_path / "home")
    asked = keepwarm(home, "up", "--ask", QUESTION)
    assert asked.returncode == 0, asked.stderr
    question, answer, receipt = asked.stdout.splitlines()
    assert question == f"you> {QUESTION}"
    assert "Paris" in answer
    assert receipt.startswith("[receipt: 0 cached + ")
    assert not (home / "stack" / "state.json").exists()


def test_in_a_terminal_one_can_chat_until_ctrl_c(default_model: Path, tmp_path: Path) -> None:
    home = home_with(default_model, tmp_path / "home")
    command = [*KEEPWARM, "up", "--max-tokens", "16"]
    with Terminal(command, environment(home, TERM="xterm", COLUMNS="120")) as terminal:
        live = LiveStack(home, terminal.process, tmp_path / "none")
        terminal.read_until("you> ")
        live.family()
        terminal.type(f"{QUESTION}\n")
        assert "Paris" in terminal.read_until("[receipt: ")
        terminal.read_until("you> ")
        terminal.press_until("\x03", "Stopping ...")
        assert terminal.wait_closed() == 0
        assert live.left() == []


def test_kept_conversations_are_there_at_the_next_start(
    default_model: Path, tmp_path: Path
) -> None:
    home = home_with(default_model, tmp_path / "home")
    light = ("--keep", "--only", "gateway")
    with live_stack(home, tmp_path / "first", *light) as first:
        kept = conversation(first, first.token())
        assert first.stop() == 130
    with live_stack(home, tmp_path / "second", *light) as second:
        answer = requests.get(
            f"{second.url}/v1/conversations/{kept}", headers=bearer(second.token()), timeout=10
        )
        assert answer.status_code == 200
        assert kept in answer.text


@pytest.mark.slow
def test_with_a_fleet_a_killed_container_spills_to_it(default_model: Path, tmp_path: Path) -> None:
    home = home_with(default_model, tmp_path / "home")
    with live_stack(home, tmp_path / "output", "--fleet") as live:
        assert {"container", "fleet"} <= {one["name"] for one in live.state["parts"]}
        with openai.OpenAI(base_url=f"{live.url}/v1", api_key=live.token()) as client:
            live.kill("container")
            messages: Any = [{"role": "user", "content": QUESTION}]
            answer = client.chat.completions.create(model=MODEL, messages=messages, max_tokens=8)
        assert answer.choices[0].message.content
