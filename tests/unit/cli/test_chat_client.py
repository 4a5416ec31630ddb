"""One streamed answer: whole with its receipt, or a clear error."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from cli.chat_client import Answer as StreamedAnswer
from cli.chat_client import AnswerSettings, ChatClient, ChatError
from cli.errors import CliError
from cli.receipt import Receipt
from tests.support.scripted_server import Answer, ScriptedServer
from tests.unit.cli.chat_server import ChatServer, delta, event, receipt_of, whole_answer

Ask = Callable[[Iterable[bytes] | Answer], StreamedAnswer]


@pytest.fixture
def ask() -> Iterator[Ask]:
    """ask(stream) -> the client's answer to one question that the server answers so."""
    with contextlib.ExitStack() as stack:

        def start(stream: Iterable[bytes] | Answer) -> StreamedAnswer:
            server = stack.enter_context(ScriptedServer(ChatServer(stream)))
            client = ChatClient(server.url)
            answer = client.ask("tiny", [{"role": "user", "content": "hi"}], AnswerSettings())
            stack.callback(answer.close)
            return answer

        yield start


def code_of(answer: StreamedAnswer) -> str:
    with pytest.raises(ChatError) as caught:
        list(answer)
        _ = answer.receipt
    return caught.value.code


def test_pieces_and_receipt(ask: Ask) -> None:
    answer = ask(whole_answer("Grü", "ße 👋"))
    assert list(answer) == ["Grü", "ße 👋"]
    assert answer.receipt.line() == (
        "[receipt: 24 cached + 6 new tokens in, 5 out, first after 21 ms, 50.0 tokens/s, stop]"
    )


def test_cuts_do_not_matter(ask: Ask) -> None:
    stream = b"".join(whole_answer("Grü", "ße 👋"))
    answer = ask([stream[i : i + 3] for i in range(0, len(stream), 3)])
    assert "".join(answer) == "Grüße 👋"
    assert answer.receipt.completion_tokens == 5


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param([delta("half")], id="no receipt"),
        pytest.param([delta("half"), b"data: [DONE]\n\n"], id="DONE without receipt"),
        pytest.param(whole_answer("a", sha256="0" * 64), id="receipt of another text"),
        pytest.param(whole_answer("a", usage={}), id="receipt without usage"),
        pytest.param([b"data: {not json\n\n"], id="not JSON"),
        pytest.param([b"data: [1]\n\n"], id="not an object"),
        pytest.param([b'data: {"choices": [1]}\n\n'], id="not a chunk"),
        pytest.param([b"data: \xff\n\n"], id="not UTF-8"),
        pytest.param(Answer(chunks=[delta("half")], break_off=True), id="connection lost"),
    ],
)
def test_a_stream_that_is_not_whole_is_broken(ask: Ask, stream: Iterable[bytes] | Answer) -> None:
    assert code_of(ask(stream)) == "broken_stream"


def test_an_error_in_the_stream_keeps_the_servers_words(ask: Ask) -> None:
    answer = ask([delta("a"), event({"error": {"code": "engine_dead", "message": "It ended."}})])
    with pytest.raises(ChatError, match=r"^It ended\.$") as caught:
        list(answer)
    assert caught.value.code == "engine_dead"


@pytest.mark.parametrize(
    ("answer", "code", "message"),
    [
        (Answer(400, b'{"error": {"code": "c", "message": "Too long."}}'), "c", "Too long."),
        (Answer(502, b"<html>"), "error", "the server answered 502 Bad Gateway"),
        (Answer(500, b'{"error": "text"}'), "error", "the server answered 500"),
    ],
)
def test_an_error_instead_of_a_stream(ask: Ask, answer: Answer, code: str, message: str) -> None:
    with pytest.raises(ChatError, match=message) as caught:
        ask(answer)
    assert caught.value.code == code


def test_nothing_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
    with pytest.raises(ChatError, match=f"no server answers at {url}"):
        ChatClient(url).model()


@pytest.mark.parametrize("body", [b"<html>", b"{}", b'{"data": []}', b"[]"])
def test_something_else_listens(body: bytes) -> None:
    with (
        ScriptedServer(lambda seen: Answer(body=body)) as server,
        pytest.raises(ChatError, match="is not a chat server"),
    ):
        ChatClient(server.url).model()


@pytest.mark.parametrize("url", ["", "localhost:8080", "ftp://x", "http://"])
def test_a_url_that_is_none(url: str) -> None:
    with pytest.raises(CliError, match="write http://host:port"):
        ChatClient(url)


def test_closing_early_is_seen_by_the_server() -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield delta("x" * 1000)

    with ScriptedServer(ChatServer(endless())) as server:
        client = ChatClient(server.url)
        answer = client.ask("tiny", [{"role": "user", "content": "hi"}], AnswerSettings())
        next(iter(answer))
        answer.close()
        assert server.client_left.wait(5)


@pytest.mark.parametrize(
    ("changes", "left_out"), [({"decode_ms": 0.0}, "tokens/s"), ({"ttft_ms": None}, "first after")]
)
def test_the_receipts_line_leaves_out_what_was_not_measured(
    changes: dict[str, Any], left_out: str
) -> None:
    assert left_out in Receipt.from_wire(receipt_of("a")).line()
    assert left_out not in Receipt.from_wire(receipt_of("a", **changes)).line()
