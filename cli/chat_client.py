"""Talks to a chat server over HTTP: one streamed answer at a time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests

from cli.errors import CliError
from cli.receipt import Receipt
from cli.sse import SseParser

CONNECT_S = 5.0
READ_S = 600.0  # a long prompt on a slow machine is silent until its first token
LOOPBACK = ("127.0.0.1", "localhost", "::1")

Message = dict[str, str]


class ChatError(CliError):
    """A call that gave no whole answer; the conversation can go on.

    Attributes:
        code: the server's machine-readable code, or one of `unreachable`, `broken_stream`.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class AnswerSettings:
    """How answers are generated."""

    max_tokens: int = 512
    temperature: float = 0.0


class ChatClient:
    """One server, by its base URL.

    Raises:
        CliError: the URL has no scheme or host.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url if "://" in url else "//")
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise CliError(f"{url!r} is not a server's URL; write http://host:port")
        self.url = url.rstrip("/").removesuffix("/v1")
        self._session = requests.Session()
        self._session.trust_env = parts.hostname not in LOOPBACK  # no proxy to this machine

    def model(self) -> str:
        """Name of the model that is served.

        Raises:
            ChatError: nothing answers there, or something that is no chat server.
        """
        with (
            self._translate_errors(),
            self._session.get(f"{self.url}/v1/models", timeout=(CONNECT_S, CONNECT_S)) as response,
        ):
            raise_for_status(response)
            try:
                return str(response.json()["data"][0]["id"])
            except (ValueError, LookupError, TypeError) as error:
                raise ChatError("not_a_server", f"{self.url} is not a chat server") from error

    def ask(self, model: str, messages: list[Message], settings: AnswerSettings) -> Answer:
        """Send the conversation; iterate over what comes back for pieces of text."""
        body = {
            "model": model,
            "messages": messages,
            "max_tokens": settings.max_tokens,
            "temperature": settings.temperature,
            "stream": True,
        }
        with self._translate_errors():
            response = self._session.post(
                f"{self.url}/v1/chat/completions",
                json=body,
                stream=True,
                timeout=(CONNECT_S, READ_S),
            )
            raise_for_status(response)
        return Answer(self, response)

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            yield
        except requests.ConnectionError as error:
            raise ChatError("unreachable", f"no server answers at {self.url}") from error
        except requests.Timeout as error:
            raise ChatError("timeout", f"{self.url} did not answer in time") from error
        except requests.RequestException as error:
            text = f"the call to {self.url} failed: {type(error).__name__}"
            raise ChatError("unreachable", text) from error


class Answer:
    """A streamed answer: iterate for its text; `receipt` is there once that ended.

    `close` before the end stops the generation on the server.
    """

    def __init__(self, client: ChatClient, response: requests.Response) -> None:
        self._client = client
        self._response = response
        self._receipt: Receipt | None = None
        self.text = ""

    @property
    def receipt(self) -> Receipt:
        """The receipt of a whole answer.

        Raises:
            ChatError: the stream ended without it, or it is of another text.
        """
        if self._receipt is None:
            raise _broken("the stream ended without its receipt: the answer may not be whole")
        if self._receipt.sha256 != hashlib.sha256(self.text.encode()).hexdigest():
            raise _broken("the receipt is of another text: a part of the answer was lost")
        return self._receipt

    def __iter__(self) -> Iterator[str]:
        """Pieces of text, as they come.

        Raises:
            ChatError: the server broke the answer off, or what came cannot be read.
        """
        for event in self._events():
            if event.get("error"):
                raise _error_of(event["error"], "the server broke the answer off")
            if event.get("receipt") is not None:
                self._receipt = _read_receipt(event["receipt"])
            if piece := _text_of(event):
                self.text += piece
                yield piece

    def close(self) -> None:
        """Give the connection up."""
        self._response.close()

    def _events(self) -> Iterator[dict[str, Any]]:
        parser = SseParser()
        try:
            for chunk in self._response.iter_content(chunk_size=None):
                for data in parser.feed(chunk):
                    if data == "[DONE]":
                        continue  # read on to the end, so that the server sees no early leave
                    event = json.loads(data)
                    if not isinstance(event, dict):
                        raise ValueError("an event is not an object")
                    yield event
        except (requests.RequestException, OSError) as error:
            raise _broken("the connection broke in the middle of the answer") from error
        except ValueError as error:
            raise _broken(f"the answer cannot be read: {error}") from error


def _text_of(event: dict[str, Any]) -> str:
    try:
        choices = event.get("choices") or [{}]
        return choices[0].get("delta", {}).get("content") or ""
    except (AttributeError, LookupError, TypeError) as error:
        raise _broken("the answer cannot be read: an event is not a chat chunk") from error


def _read_receipt(wire: Any) -> Receipt:
    try:
        return Receipt.from_wire(wire)
    except ValueError as error:
        raise _broken(str(error)) from error


def _broken(message: str) -> ChatError:
    return ChatError("broken_stream", message)


def _error_of(error: Any, otherwise: str) -> ChatError:
    if not isinstance(error, dict):
        return ChatError("error", otherwise)
    return ChatError(str(error.get("code", "error")), str(error.get("message", otherwise)))


def raise_for_status(response: requests.Response) -> None:
    """Raise what the server says is wrong, as a ChatError."""
    if response.ok:
        return
    try:
        content = response.json()
    except ValueError:
        content = None
    error = content.get("error") if isinstance(content, dict) else None
    raise _error_of(error, f"the server answered {response.status_code} {response.reason}")
