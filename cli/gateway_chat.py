"""Talks to the orchestrator behind the gateway: conversations that the page shows too."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import requests

from cli.chat_client import (
    CONNECT_S,
    READ_S,
    Answer,
    AnswerSettings,
    ChatClient,
    ChatError,
    Message,
    raise_for_status,
)
from cli.receipt import Receipt
from cli.sse import SseParser

SIGN_IN = "/local/sign-in"
UNAUTHENTICATED = "unauthenticated"


class GatewayChat(ChatClient):
    """One user's conversation; a first message begins a new one.

    Args:
        url: of the gateway.
        user: who signs in there; anybody may be anybody on a local stack.

    Raises:
        CliError: the URL is none, or nobody can sign in there.
    """

    def __init__(self, url: str, user: str) -> None:
        super().__init__(url)
        self._user = user
        self._conversation = ""
        self._sign_in()

    def _sign_in(self) -> None:
        token = self._post(SIGN_IN, {"user": self._user})["token"]
        self._session.headers["Authorization"] = f"Bearer {token}"

    def ask(self, model: str, messages: list[Message], settings: AnswerSettings) -> Answer:
        """Post the last message; the history before it is the server's.

        A gateway that was started anew has forgotten who signed in: then it is told again.
        """
        try:
            return self._asked(messages, settings)
        except ChatError as error:
            if error.code != UNAUTHENTICATED:
                raise
        self._sign_in()
        return self._asked(messages, settings)

    def stop(self, conversation: str, seq: int) -> None:
        """Have an answer end where it is; one that has ended already, or a server gone, is none."""
        url = f"{self.url}/v1/conversations/{conversation}/messages/{seq}/stop"
        with suppress(ChatError), self._translate_errors():
            self._session.post(url, timeout=(CONNECT_S, CONNECT_S))

    def _asked(self, messages: list[Message], settings: AnswerSettings) -> Answer:
        system = [one["content"] for one in messages if one["role"] == "system"]
        if not any(one["role"] == "assistant" for one in messages):
            self._conversation = str(self._post("/v1/conversations", _new(system))["id"])
        body = {
            "content": messages[-1]["content"],
            "max_tokens": settings.max_tokens,
            "temperature": settings.temperature,
        }
        with self._translate_errors():
            response = self._session.post(
                f"{self.url}/v1/conversations/{self._conversation}/messages",
                json=body,
                headers={"Idempotency-Key": str(uuid.uuid4())},
                stream=True,
                timeout=(CONNECT_S, READ_S),
            )
            raise_for_status(response)
        return TurnAnswer(self, response, self._conversation)

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        with self._translate_errors():
            response = self._session.post(self.url + path, json=body, timeout=(CONNECT_S, READ_S))
            raise_for_status(response)
        content = response.json()
        if not isinstance(content, dict):
            raise ChatError("not_a_server", f"{self.url} is not Keepwarm's gateway")
        return content


class TurnAnswer(Answer):
    """The events of a turn, as an answer. The server goes on with it when nobody reads."""

    def __init__(self, client: GatewayChat, response: requests.Response, conversation: str) -> None:
        super().__init__(client, response)
        self._gateway = client
        self._conversation = conversation
        self._seq = 0
        self._stored: dict[str, Any] | None = None

    def close(self) -> None:
        """Give the connection up; an answer that is under way still is stopped for good."""
        super().close()
        if self._seq:
            self._gateway.stop(self._conversation, self._seq)

    @property
    def receipt(self) -> Receipt:
        """What is stored of the receipt.

        Raises:
            ChatError: the stream ended before the answer did.
        """
        if self._stored is None:
            raise ChatError("broken_stream", "the stream ended before the answer did")
        kept = self._stored.get("receipt", {})
        return Receipt(
            finish_reason=str(self._stored.get("finish_reason", self._stored.get("status"))),
            prompt_tokens=int(kept.get("prompt_tokens", 0)),
            completion_tokens=int(kept.get("completion_tokens", 0)),
            cached_tokens=int(kept.get("cached_tokens", 0)),
            ttft_ms=kept.get("ttft_ms"),
            decode_ms=float(kept.get("decode_ms", 0.0)),
            sha256="",
        )

    def __iter__(self) -> Iterator[str]:
        """Pieces of text as they come; after a `reset` what is new of the whole text.

        Raises:
            ChatError: the turn ended with an error, or what came cannot be read.
        """
        for name, event in self._named_events():
            if name == "turn":
                self._seq = int((event.get("answer") or {}).get("seq", 0))
            if name in ("done", "stopped", "error"):
                self._seq = 0
            if name == "error":
                error = event.get("error") or {}
                raise ChatError(str(error.get("code", "error")), str(error.get("message", "")))
            if name in ("done", "stopped"):
                self._stored = event.get("answer", {})
            if piece := self._piece(name, event):
                self.text += piece
                yield piece

    def _piece(self, name: str, event: dict[str, Any]) -> str:
        text = str(event.get("text", ""))
        if name == "reset":
            return text.removeprefix(self.text) if text.startswith(self.text) else f"\n{text}"
        return text if name == "delta" else ""

    def _named_events(self) -> Iterator[tuple[str, dict[str, Any]]]:
        parser = _NamedEvents()
        try:
            for chunk in self._response.iter_content(chunk_size=None):
                for data in parser.feed(chunk):
                    yield parser.name, json.loads(data)
        except (requests.RequestException, OSError, ValueError) as error:
            raise ChatError("broken_stream", "the connection broke in mid-answer") from error


class _NamedEvents(SseParser):
    """Knows the name of the event whose data was given last."""

    name = ""

    def _take_field(self, line: str) -> None:
        super()._take_field(line)
        if line.startswith("event:"):
            self.name = line.removeprefix("event:").strip()


def _new(system: list[str]) -> dict[str, Any]:
    return {"system": system[0]} if system else {}
