"""GET /kv with the default model: engine process, sockets and all."""

from __future__ import annotations

from typing import Any

import requests

from tests.support.live_server import LiveServer, wait_until


def kv(server: LiveServer) -> Any:
    return requests.get(f"{server.url}/kv", timeout=5).json()


def test_two_conversations_with_one_system_prompt_are_two_sessions(server: LiveServer) -> None:
    system = {"role": "system", "content": "You are a patient teacher of astronomy. " * 8}
    for name in ("c0ffee", "decade"):
        body = {
            "messages": [system, {"role": "user", "content": f"{name} asks: what is a star? " * 8}],
            "max_tokens": 2,
            "routing_key": f"{name}....",
        }
        answer = requests.post(f"{server.url}/v1/chat/completions", json=body, timeout=60)
        assert answer.status_code == 200, answer.text
    wait_until(lambda: kv(server)["used"] == 0)
    usage = kv(server)
    latest, earlier = usage["sessions"][:2]
    assert latest["label"] != earlier["label"]
    assert latest["blocks"] > latest["shared"] > 0
    assert earlier["blocks"] > 0
    owned = sum(session["blocks"] for session in usage["sessions"])
    assert (
        usage["total"] == usage["free"] + usage["cached"] == usage["free"] + usage["other"] + owned
    )
