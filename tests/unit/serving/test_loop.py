"""The engine's loop: reads, steps, tells; waits without work, and a moment for a next turn."""

import time

import pytest

from serving.engine.anticipation import LONGEST_S
from serving.engine.loop import EngineLoop
from serving.engine.messages import Abort, Step, Stop
from serving.request import EngineRequest, EngineStats, FinishReason, TokenDelta
from serving.sampling_params import SamplingParams


class CountingCore:
    """Each request takes as many steps as its prompt has tokens."""

    def __init__(self):
        self.left = {}
        self.log = []

    @property
    def has_work(self):
        return bool(self.left)

    def add(self, request):
        self.log.append(f"add {request.request_id}")
        self.left[request.request_id] = len(request.prompt_token_ids)

    def abort(self, request_id):
        self.log.append(f"abort {request_id}")
        self.left.pop(request_id, None)

    def step(self):
        self.log.append("step")
        self.left = {name: count - 1 for name, count in self.left.items() if count > 1}
        return [TokenDelta(request_id="x", token_ids=[1])]

    def stats(self):
        return EngineStats(running=len(self.left))


class Script:
    """Feeds the loop batches of messages, then Stop; notes whether it was willing to wait."""

    def __init__(self, *batches):
        self.batches = [*batches, [Stop()]]
        self.waited = []
        self.sent = []

    def receive(self, wait_s):
        self.waited.append(wait_s)
        return self.batches.pop(0)


def request(name, steps):
    return EngineRequest(
        request_id=name, prompt_token_ids=[0] * steps, sampling=SamplingParams(max_tokens=1)
    )


def run(script):
    core = CountingCore()
    EngineLoop(core, script.receive, script.sent.append).run()
    return core


def test_where_no_answer_ends_it_waits_only_without_work():
    script = Script([request("a", 2)], [], [], [])
    run(script)
    assert script.waited == [None, 0.0, None, None, None]


class Slow(CountingCore):
    """Steps that take long enough to be worth a wait; `x` ends in each of them."""

    def step(self):
        time.sleep(0.02)
        super().step()
        return [TokenDelta(request_id="x", token_ids=[1], finish_reason=FinishReason.STOP)]


def test_behind_an_answer_that_ended_it_waits_a_moment_for_the_next_turn():
    script = Script([request("a", 3)], [request("b", 2)], [])
    EngineLoop(Slow(), script.receive, script.sent.append).run()
    assert script.waited[0] is None
    assert all(0 < wait_s <= LONGEST_S for wait_s in script.waited[1:3])


def test_it_stops_to_wait_where_no_next_turn_comes():
    script = Script([request("a", 1000)], *[[]] * 10)
    EngineLoop(Slow(), script.receive, script.sent.append).run()
    assert script.waited[1] > 0.0
    assert script.waited[-3:] == [0.0] * 3


def test_every_step_is_told_with_the_state_after_it():
    script = Script([request("a", 2)], [])
    run(script)
    assert [type(message) for message in script.sent] == [Step, Step]
    assert [message.stats.running for message in script.sent] == [1, 0]
    assert all(len(message.deltas) == 1 for message in script.sent)


def test_new_requests_join_between_two_steps():
    core = run(Script([request("a", 3)], [request("b", 1), request("c", 1)]))
    assert core.log == ["add a", "step", "add b", "add c", "step"]


def test_messages_are_taken_in_order_so_an_abort_finds_its_request():
    core = run(Script([request("a", 3), request("b", 2), Abort(["a", "b"])]))
    assert core.log == ["add a", "add b", "abort a", "abort b"]


def test_an_abort_tells_the_new_state_at_once():
    script = Script([request("a", 3)], [Abort(["a"])])
    run(script)
    assert script.sent[-1] == Step([], EngineStats(running=0))


def test_stop_ends_it_whatever_still_runs():
    core = run(Script([request("a", 1000)], [Stop()]))
    assert core.log == ["add a", "step"]


def test_a_core_that_raises_ends_the_loop_with_its_error():
    class Broken(CountingCore):
        def step(self):
            raise RuntimeError("gone")

    script = Script([request("a", 1)])
    with pytest.raises(RuntimeError, match="gone"):
        EngineLoop(Broken(), script.receive, script.sent.append).run()


def test_the_age_of_the_running_step_is_seen_while_it_runs():
    ages = []

    class Watched(CountingCore):
        def step(self):
            ages.append(loop.busy_s)
            return super().step()

    script = Script([request("a", 1)])
    loop = EngineLoop(Watched(), script.receive, script.sent.append)
    assert loop.busy_s == 0.0
    loop.run()
    assert ages[0] > 0.0
    assert loop.busy_s == 0.0
