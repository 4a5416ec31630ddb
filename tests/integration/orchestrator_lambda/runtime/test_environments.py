"""The runtime as processes, in the local stand-in for Lambda."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading

import pytest

from local.lambda_answer import StreamBroken
from local.lambda_environment import Environment
from local.lambda_function import LambdaFunction, Throttled
from local.lambda_invocation import FunctionError, Invocation
from tests.events.load import load_event
from tests.support.live_server import wait_until


def rest(path, **query):
    several = {name: [str(value)] for name, value in query.items()}
    return load_event(
        "rest", path=path, pathParameters=None, multiValueQueryStringParameters=several
    )


def payload(answer):
    return b"".join(answer.pieces)


def words(notes):
    return notes.read_text().split()


def test_status_headers_and_pieces(settings):
    with LambdaFunction(settings()) as function:
        answer = function.invoke_streaming(rest("/stream", n=3))
        assert answer.status == 200
        assert ("Set-Cookie", "a=1") in answer.headers
        assert payload(answer) == b"data: 0\n\ndata: 1\n\ndata: 2\n\n"


def test_an_environment_is_kept_for_the_next_invocation(settings, notes):
    with LambdaFunction(settings()) as function:
        for _ in range(5):
            assert payload(function.invoke_streaming(rest("/after")))
            wait_until(lambda: function.environments[0].api.idle)
        assert len(function.environments) == 1
    assert words(notes) == ["init", *["after"] * 5, "end"]


def test_buffered_events_and_unknown_ones(settings):
    with LambdaFunction(settings()) as function:
        answer = function.invoke(
            load_event("alb", path="/stream", queryStringParameters={"n": "2"})
        )
        assert answer["statusDescription"] == "200 OK"
        assert answer["body"] == "data: 0\n\ndata: 1\n\n"
        assert function.invoke({"no": "event"})["kind"] == "unknown"
        assert function.invoke(load_event("warmer")) == {"ok": True, "kind": "ping"}


def test_a_plain_function_runs_too(settings):
    with LambdaFunction(settings(handler="echo_application.plain")) as function:
        assert function.invoke({"a": "ü"}) == {"event": {"a": "ü"}}
        assert function.invoke_streaming(rest("/")).status == 502


def test_a_broken_stream_says_so(settings, tmp_path):
    with LambdaFunction(settings()) as function:
        answer = function.invoke_streaming(rest("/break"))
        assert next(answer.pieces) == b"data: half\n\n"
        with pytest.raises(StreamBroken, match=r"Function\.BackendError"):
            next(answer.pieces)
        assert payload(function.invoke_streaming(rest("/")))
    assert "secret" not in (tmp_path / "log").read_text()


def test_invocations_at_the_same_time_have_environments_of_their_own(settings, tmp_path):
    gate = tmp_path / "gate"
    with LambdaFunction(settings(max_environments=2)) as function:
        held = [function.invoke_streaming(rest("/hold", gate=gate)) for _ in range(2)]
        assert len({one.environment.pid for one in held}) == 2
        with pytest.raises(Throttled):
            function.invoke_streaming(rest("/"))
        gate.touch()
        assert all(payload(one).endswith(b"ended\n\n") for one in held)
        wait_until(lambda: all(one.api.idle for one in function.environments))
        assert function.invoke_streaming(rest("/")).status == 200
        assert len(function.environments) == 2


def test_a_reader_that_goes_away_ends_nothing(settings, notes, tmp_path):
    gate = tmp_path / "gate"
    with LambdaFunction(settings()) as function:
        answer = function.invoke_streaming(rest("/hold", gate=gate))
        answer.pieces.close()
        gate.touch()
        wait_until(lambda: "ended" in words(notes))


def test_an_api_that_goes_away_in_mid_stream_ends_nothing(settings, notes, tmp_path):
    gate = tmp_path / "gate"
    gate.touch()
    with LambdaFunction(settings()) as function:
        payload(function.invoke_streaming(rest("/")))
        wait_until(lambda: function.environments[0].api.idle)
        function.environments[0].api.drop_response_after = 10
        function.invoke_streaming(rest("/hold", gate=gate))
        wait_until(lambda: "ended" in words(notes))
        wait_until(lambda: function.environments[0].api.idle)
        assert payload(function.invoke_streaming(rest("/")))


def test_an_environment_killed_in_mid_stream_breaks_it_and_another_takes_the_next(
    settings, tmp_path
):
    with LambdaFunction(settings()) as function:
        answer = function.invoke_streaming(rest("/hold", gate=tmp_path / "never"))
        assert next(answer.pieces) == b"data: begun\n\n"
        answer.environment.kill()
        with pytest.raises(StreamBroken):
            list(answer.pieces)
        wait_until(lambda: not function.environments)
        assert function.invoke_streaming(rest("/")).status == 200


def test_a_process_that_exits_before_its_answer(settings):
    with LambdaFunction(settings()) as function:
        answer = function.invoke_streaming(rest("/exit"))
        assert answer.status == 502
        assert answer.error.error_type == "Runtime.ExitError"


def test_an_invocation_is_ended_after_its_time(settings):
    with LambdaFunction(settings(timeout_s=1.0)) as function:
        answer = function.invoke_streaming(rest("/hang"))
        assert answer.status == 502
        assert answer.error.error_type == "Sandbox.Timedout"
        wait_until(lambda: not function.environments)


def test_idle_environments_go_and_get_to_say_goodbye(settings, notes):
    with LambdaFunction(settings(idle_s=0.1)) as function:
        payload(function.invoke_streaming(rest("/")))
        wait_until(lambda: not function.environments)
    assert words(notes) == ["init", "end"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_idle_ends_at_once_and_cleanly(settings, notes, number):
    idle = threading.Event()
    environment = Environment(settings(), on_idle=lambda one: idle.set())
    assert idle.wait(30)
    os.kill(environment.pid, number)
    assert environment.wait(10) == 0
    assert words(notes) == ["init", "end"]


def test_a_signal_in_mid_answer_lets_the_answer_end(settings, notes, tmp_path):
    gate = tmp_path / "gate"
    with LambdaFunction(settings()) as function:
        answer = function.invoke_streaming(rest("/hold", gate=gate))
        next(answer.pieces)
        os.kill(answer.environment.pid, signal.SIGTERM)
        gate.touch()
        assert payload(answer) == b"data: ended\n\n"
        assert answer.environment.wait(10) == 0
    assert words(notes) == ["init", "ended", "end"]


def test_a_handler_that_cannot_be_loaded_is_reported(settings):
    with LambdaFunction(settings(handler="no_such_module.handler")) as function:
        with pytest.raises(FunctionError, match=r"Runtime\.ImportModuleError"):
            function.invoke({})
        wait_until(lambda: not function.environments)


def test_the_runtime_needs_no_packages(settings, tmp_path):
    """Nor does its log, in which nothing that a function says can stand."""
    without_packages = (sys.executable, "-S", "-m", "orchestrator_lambda.runtime")
    with LambdaFunction(settings(command=without_packages)) as function:
        assert payload(function.invoke_streaming(rest("/stream", n=1))) == b"data: 0\n\n"
        with pytest.raises(StreamBroken):
            payload(function.invoke_streaming(rest("/break")))
        log = tmp_path / "log"
        wait_until(lambda: "BackendError" in log.read_text())
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    failed = next(line for line in lines if "BackendError" in line.get("error_type", ""))
    assert {"level", "location", "message", "timestamp", "function_request_id"} <= set(failed)
    assert "secret" not in log.read_text()


def test_snap_start_restores_before_the_first_invocation(settings, notes):
    with LambdaFunction(settings(snap_start=True)) as function:
        assert payload(function.invoke_streaming(rest("/after")))
        wait_until(lambda: "after" in words(notes))
    assert words(notes)[:4] == ["init", "checkpoint", "restore", "after"]


def test_the_environment_is_clean(settings, monkeypatch):
    monkeypatch.setenv("MY_SECRET", "x")
    with LambdaFunction(settings()) as function:
        names = json.loads(payload(function.invoke_streaming(rest("/"))))["env"]
    assert "MY_SECRET" not in names
    assert "AWS_LAMBDA_RUNTIME_API" in names


@pytest.mark.parametrize("arguments", [[], ["/var/lang/bin/python3", "/var/runtime/bootstrap.py"]])
@pytest.mark.parametrize("place", ["bootstrap", "orchestrator_lambda/bootstrap"])
def test_the_bootstrap_runs_our_runtime_whatever_it_is_called_with(settings, place, arguments):
    root = settings().root
    with LambdaFunction(settings(command=[str(root / place), *arguments])) as function:
        assert payload(function.invoke_streaming(rest("/stream", n=1))) == b"data: 0\n\n"


def test_many_invocations_at_once(settings):
    with LambdaFunction(settings(max_environments=12)) as function:
        at_once, results = threading.Semaphore(3), []

        def invoke():
            with at_once:
                results.append(payload(function.invoke_streaming(rest("/stream", n=50))))

        threads = [threading.Thread(target=invoke) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert [result.count(b"data:") for result in results] == [50] * 12


def test_an_environment_that_is_gone_answers_at_once(settings):
    environment = Environment(settings())
    environment.kill()
    environment.wait(10)
    invocation = Invocation({}, 60)
    environment.invoke(invocation)
    assert list(invocation.happenings())[-1].error_type == "Runtime.ExitError"
