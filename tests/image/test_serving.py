"""The image, run: the true entry point, the model read-only at /opt/ml/model."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.image.conftest import StartContainer
from tests.image.running import Container, Image

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]

CHAT = {"messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 8, "temperature": 0}
SHOUTING = """
async def predict_fn(data, model):
    prompt = model.tokenizer.render_chat(data.messages)
    async for output in model.submit(prompt, data.sampling):
        yield output.text.upper()
"""
FAKE = """
from serving.testing import FakeEngine

def model_fn(model_dir):
    return FakeEngine({arguments})
"""


@pytest.fixture(scope="module")
def serving(
    image: Image, default_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Container]:
    """The default model, as SageMaker would start it."""
    folder = tmp_path_factory.mktemp("serving") / "container"
    with Container(image, folder, {"/opt/ml/model": default_model}) as container:
        yield container.wait_ready()


def fake_model(folder: Path, arguments: str) -> Path:
    """A model folder whose code brings an engine without weights."""
    code = folder / "fake" / "code"
    code.mkdir(parents=True)
    (code / "inference.py").write_text(FAKE.replace("{arguments}", arguments))
    return code.parent


def ask(container: Container, **fields: Any) -> requests.Response:
    return requests.post(f"{container.url}/invocations", json={**CHAT, **fields}, timeout=60)


def said(response: requests.Response) -> str:
    assert response.status_code == 200, response.text
    text: str = response.json()["choices"][0]["message"]["content"]
    return text


def test_ping_is_empty_and_well(serving: Container) -> None:
    answer = requests.get(f"{serving.url}/ping", timeout=2)
    assert answer.status_code == 200
    assert answer.content == b""


def test_a_chat_is_answered(serving: Container) -> None:
    answer = ask(serving)
    assert said(answer)
    assert answer.json()["usage"]["completion_tokens"] == 8
    assert answer.json()["receipt"]["instance"] == "keepwarm"


def test_a_chat_is_streamed_to_its_receipt(serving: Container) -> None:
    lines = [line for line in ask(serving, stream=True).text.splitlines() if line]
    assert lines[-1] == "data: [DONE]"
    assert "sha256" in json.dumps(json.loads(lines[-2].removeprefix("data: ")))


def test_the_cpu_kernels_are_compiled_in_the_container(serving: Container) -> None:
    assert "compiling the CPU kernels" in serving.log
    assert "no C++ compiler" not in serving.log
    assert "failed on the CPU kernels" not in serving.log


def test_a_chat_leaves_no_words_in_the_log(serving: Container) -> None:
    ask(serving, messages=[{"role": "user", "content": "The password is xyzzy."}])
    assert "xyzzy" not in serving.log


def test_ones_own_code_is_used_without_a_new_image_and_by_any_user(
    serving: Container, start_container: StartContainer, default_model: Path, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    shutil.copytree(default_model, model, copy_function=_link_or_copy)
    (model / "code").mkdir()
    (model / "code" / "inference.py").write_text(SHOUTING)
    own = start_container(model, user=1000).wait_ready()
    assert said(ask(own)) == said(ask(serving)).upper()
    assert "/opt/ml/model/code/inference.py" in own.log


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def test_sigterm_lets_the_running_answer_end(
    start_container: StartContainer, tmp_path: Path
) -> None:
    model = fake_model(tmp_path, '"one two three", first_token_seconds=2')
    container = start_container(model).wait_ready()
    answers: list[requests.Response] = []
    asking = threading.Thread(target=lambda: answers.append(ask(container, max_tokens=64)))
    asking.start()
    _wait_until_running(container)
    container.terminate()
    asking.join(60)
    assert said(answers[0]) == "one two three"
    assert container.wait() == 0


def _wait_until_running(container: Container) -> None:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        metrics = requests.get(f"{container.url}/metrics", timeout=5).text
        if "vllm:num_requests_running 1.0" in metrics.splitlines():
            return
        time.sleep(0.02)
    raise AssertionError("the request never ran")


def test_sigterm_ends_a_container_that_has_hardly_begun(
    start_container: StartContainer, tmp_path: Path
) -> None:
    container = start_container(fake_model(tmp_path, '"hello"')).wait_started()
    container.terminate()
    assert container.wait() in (0, 128 + 15)


def test_anything_but_serve_is_refused(start_container: StartContainer, tmp_path: Path) -> None:
    container = start_container(fake_model(tmp_path, '"hello"'), arguments=("train",))
    assert container.wait() == 2
    assert "'serve'" in container.log
