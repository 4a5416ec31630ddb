"""Going on with a partial answer of the default model gives the rest of the answer."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests

from tests.support.live_server import LiveServer

TOKENS = 28
# Prompts, and after which pieces of the answer it is cut: the last two are line breaks, whose
# tokens are others at a text's end than within it.
CUTS = {
    "What is the capital of France?": (1, 3),
    "Write a Python function that adds two numbers.": (9, 26, 27),
}


def pieces(server: LiveServer, messages: list[dict[str, str]], **fields: Any) -> list[str]:
    """The texts of a greedy answer's chunks."""
    body = {"messages": messages, "temperature": 0, "stream": True, **fields}
    raw = requests.post(f"{server.url}/invocations", json=body, timeout=120).content.decode()
    events = [line.removeprefix("data: ") for line in raw.split("\n\n") if line]
    assert events[-1] == "[DONE]", events
    chunks = [json.loads(event) for event in events[:-1]]
    deltas = (choice["delta"] for chunk in chunks for choice in chunk["choices"])
    return [delta["content"] for delta in deltas if delta.get("content")]


@pytest.mark.parametrize("prompt", CUTS)
def test_partial_text_and_its_continuation_are_the_answer(server: LiveServer, prompt: str) -> None:
    question = {"role": "user", "content": prompt}
    whole = pieces(server, [question], max_tokens=TOKENS)
    for cut in CUTS[prompt]:
        begun = {"role": "assistant", "content": "".join(whole[:cut])}
        rest = pieces(
            server,
            [question, begun],
            max_tokens=TOKENS - cut,
            continue_final_message=True,
            add_generation_prompt=False,
        )
        assert begun["content"] + "".join(rest) == "".join(whole), cut


def test_a_complete_answer_goes_on_with_nothing(server: LiveServer) -> None:
    question = {"role": "user", "content": "What is the capital of France?"}
    whole = "".join(pieces(server, [question], max_tokens=TOKENS))
    begun = {"role": "assistant", "content": whole}
    assert pieces(server, [question, begun], max_tokens=4, continue_final_message=True) == []
