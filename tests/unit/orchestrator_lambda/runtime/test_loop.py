"""The runtime's loop against the Runtime API's stand-in, in one process."""

from __future__ import annotations

import json
import os
import socket
import threading

import pytest

from local.lambda_answer import StreamBroken, read_streamed, read_whole
from local.lambda_invocation import Failed, FunctionError, Invocation
from local.lambda_runtime_api import RuntimeApi
from orchestrator_lambda.errors import BackendError
from orchestrator_lambda.http.message import HttpResponse, json_response
from orchestrator_lambda.observability.trace import TRACE_VARIABLE
from orchestrator_lambda.runtime.api_client import RuntimeApiError, RuntimeClient
from orchestrator_lambda.runtime.handler import LambdaHandler
from orchestrator_lambda.runtime.loop import RuntimeLoop
from orchestrator_lambda.runtime.stopping import StopSignal
from tests.events.load import load_event

TIMEOUT_S = 30.0


class Runtime:
    """A loop on a thread, and its API."""

    def __init__(self, handler):
        self.ready = threading.Semaphore(0)
        self.api = RuntimeApi("test", self.ready.release)
        self._loop = RuntimeLoop(RuntimeClient(self.api.address), handler, StopSignal())
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        try:
            self._loop.run()
        except RuntimeApiError:
            return  # the test is over

    def __enter__(self):
        self.api.__enter__()
        self._thread.start()
        self.wait_ready()
        return self

    def __exit__(self, *exc_info):
        self.api.close()
        self._thread.join(10)
        assert not self._thread.is_alive()

    def wait_ready(self):
        """Until the runtime asks for the next invocation."""
        assert self.ready.acquire(timeout=TIMEOUT_S)

    def submit(self, event):
        invocation = Invocation(event, TIMEOUT_S)
        self.api.submit(invocation)
        return invocation

    def stream(self, event="rest"):
        return read_streamed(self.submit(load_event(event)), None)

    def whole(self, event):
        return json.loads(read_whole(self.submit(event)))


def running(application):
    return Runtime(LambdaHandler(application))


def test_pieces_arrive_as_they_are_made():
    seen = threading.Event()

    def application(request):
        def body():
            yield b"first"
            assert seen.wait(TIMEOUT_S), "the first piece was held back"
            yield b"second"

        return HttpResponse(headers={"Content-Type": "text/event-stream"}, body=body())

    with running(application) as runtime:
        answer = runtime.stream()
        assert answer.status == 200
        assert ("Content-Type", "text/event-stream") in answer.headers
        assert next(answer.pieces) == b"first"
        seen.set()
        assert b"".join(answer.pieces) == b"second"


def test_empty_pieces_do_not_end_the_answer_and_large_ones_arrive_whole():
    large = os.urandom(3_000_000)

    def application(request):
        return HttpResponse(body=iter([b"a", b"", b"", large, b"", b"\0" * 8, b"z"]))

    with running(application) as runtime:
        assert b"".join(runtime.stream().pieces) == b"a" + large + b"\0" * 8 + b"z"


def test_an_empty_body():
    with running(lambda request: HttpResponse(status=202)) as runtime:
        answer = runtime.stream()
        assert (answer.status, b"".join(answer.pieces)) == (202, b"")


def test_one_connection_serves_many_invocations():
    with running(lambda request: json_response({"path": request.path})) as runtime:
        for _ in range(20):
            assert b"".join(runtime.stream().pieces)
            runtime.wait_ready()
            assert runtime.whole(load_event("alb"))["statusCode"] == 200
            runtime.wait_ready()


def test_a_failure_in_mid_answer_is_told_in_trailers_without_a_word_of_it(caplog):
    def application(request):
        def body():
            yield b"half"
            raise BackendError("my secret words")

        return HttpResponse(body=body())

    with running(application) as runtime:
        invocation = runtime.submit(load_event("rest"))
        happenings = list(invocation.happenings())
        failure = happenings[-1]
        assert failure == Failed("Function.BackendError", "the answer broke off")
        runtime.wait_ready()
        assert "secret" not in caplog.text
        answer = runtime.stream()
        assert next(answer.pieces) == b"half"
        with pytest.raises(StreamBroken, match=r"Function\.BackendError"):
            next(answer.pieces)


def test_a_piece_that_is_no_bytes_is_such_a_failure():
    with running(lambda request: HttpResponse(body=iter([b"a", "text"]))) as runtime:
        with pytest.raises(StreamBroken, match=r"Function\.TypeError"):
            list(runtime.stream().pieces)
        runtime.wait_ready()
        assert runtime.stream().status == 200


def test_an_answer_is_made_to_its_end_when_nobody_takes_it():
    made, after = [], []

    def application(request):
        request.after(lambda: after.append(len(made)))

        def body():
            for number in range(300):
                made.append(number)
                yield b"x" * 65536

        return HttpResponse(body=body())

    with running(application) as runtime:
        runtime.api.drop_response_after = 100_000
        answer = runtime.stream()
        with pytest.raises(StreamBroken):
            list(answer.pieces)
        runtime.wait_ready()
        assert len(made) == 300
        assert after == [300]
        assert len(b"".join(runtime.stream().pieces)) == 300 * 65536


def test_work_after_the_answer_is_done_before_the_next_invocation_and_after_this_answer():
    done, release = [], threading.Event()

    def application(request):
        def work():
            assert release.wait(TIMEOUT_S)
            done.append(request.request_id)

        request.after(work)
        return json_response({"done": len(done)})

    with running(application) as runtime:
        invocation = runtime.submit(load_event("rest"))
        first = b"".join(read_streamed(invocation, None).pieces)
        assert (first, done) == (b'{"done":0}', [])
        assert not runtime.api.idle
        release.set()
        runtime.wait_ready()
        assert done == [invocation.request_id]
        assert b"".join(runtime.stream().pieces) == b'{"done":1}'


def test_deadline_trace_and_id_reach_the_request():
    def application(request):
        fields = {
            "left": request.remaining_ms(),
            "id": request.request_id,
            "trace": request.trace["x-amzn-trace-id"],
            "variable": os.environ[TRACE_VARIABLE],
        }
        return json_response(fields)

    with running(application) as runtime:
        invocation = runtime.submit(load_event("rest"))
        content = json.loads(b"".join(read_streamed(invocation, None).pieces))
    assert 0 < content["left"] <= TIMEOUT_S * 1000
    assert content["id"] == invocation.request_id
    assert content["trace"] == content["variable"] == invocation.trace_id


def test_time_that_is_over_is_never_negative():
    def application(request):
        return json_response({"left": request.remaining_ms()})

    with running(application) as runtime:
        invocation = Invocation(load_event("rest"), -5)
        runtime.api.submit(invocation)
        assert b"".join(read_streamed(invocation, None).pieces) == b'{"left":0}'


@pytest.mark.parametrize("payload", [b"", b"{", b"\xff", b"[" * 100_000])
def test_an_event_that_is_no_json_fails_and_the_next_is_served(payload):
    with running(lambda request: HttpResponse()) as runtime:
        with pytest.raises(FunctionError, match=r"Runtime\.UnmarshalError"):
            read_whole(runtime.submit(payload))
        runtime.wait_ready()
        assert runtime.whole({"ping": True}) == {"ok": True, "kind": "ping"}


def test_a_plain_function_is_served_whole():
    def handler(event, context):
        assert 0 < context.get_remaining_time_in_millis() <= TIMEOUT_S * 1000
        return {"event": event, "id": context.aws_request_id, "arn": context.invoked_function_arn}

    with Runtime(handler) as runtime:
        invocation = runtime.submit({"ü": 1})
        content = json.loads(read_whole(invocation))
    assert content["event"] == {"ü": 1}
    assert content["id"] == invocation.request_id
    assert content["arn"].endswith(":test")


@pytest.mark.parametrize(
    ("result", "error_type"),
    [
        (object(), "Runtime.MarshalError"),
        ({1: {2, 3}}, "Runtime.MarshalError"),
        ("\ud800", "Runtime.MarshalError"),
        ("x" * 7_000_000, "Function.ResponseSizeTooLarge"),
        (ValueError("my secret words"), "Function.ValueError"),
    ],
)
def test_a_plain_function_that_fails(result, error_type):
    def handler(event, context):
        if isinstance(result, Exception):
            raise result
        return result

    with Runtime(handler) as runtime:
        with pytest.raises(FunctionError, match=error_type) as caught:
            read_whole(runtime.submit({}))
        assert "secret" not in str(caught.value)
        runtime.wait_ready()


def test_a_kept_connection_that_died_unnoticed_costs_no_invocation():
    with RuntimeApi("test") as api:
        client = RuntimeClient(api.address)
        api.submit(Invocation({"number": 1}, TIMEOUT_S))
        work = client.next(lambda connection: True)
        client.post_response(work.request_id, b"{}")
        client._connection.sock.shutdown(socket.SHUT_RDWR)
        api.submit(Invocation({"number": 2}, TIMEOUT_S))
        assert json.loads(client.next(lambda connection: True).payload) == {"number": 2}


def test_a_runtime_that_asks_too_early_or_answers_twice_is_refused():
    with RuntimeApi("test") as api:
        client = RuntimeClient(api.address)
        first = Invocation({}, TIMEOUT_S)
        api.submit(first)
        work = client.next(lambda connection: True)
        assert json.loads(work.payload) == {}
        with pytest.raises(RuntimeApiError, match="403"):
            client.next(lambda connection: True)
        with pytest.raises(RuntimeApiError, match="400"):
            client.post_response("another", b"{}")
        client.post_response(work.request_id, b"{}")
        with pytest.raises(RuntimeApiError, match="403"):
            client.post_response(work.request_id, b"{}")
        with pytest.raises(RuntimeApiError, match="403"):
            client.post_error(work.request_id, "Function.X", "late")
