"""The ends a request can have before its time: abort, deadline, failure, shutdown."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from serving.engine.protocol import EngineState
from serving.errors import EngineDead, EngineDraining, GenerationFailed
from serving.request import FinishReason
from serving.runner.interface import DeviceLost
from serving.testing.byte_tokenizer import ByteTokenizer
from serving.testing.fake_runner import FakeRunner
from tests.unit.serving.thread_client import (
    ASCII,
    BLOCK_SIZE,
    NUM_BLOCKS,
    PATIENCE_S,
    PROMPT,
    Clients,
    GatedRunner,
    answer_to,
    ask,
    everything_is_free,
    take,
    take_all,
    tokens_of,
    wait_until,
)


@pytest.fixture
def make_client():
    with Clients() as make:
        yield make


@pytest.fixture
def client(make_client):
    return make_client()


class TestAborts:
    def test_an_abort_frees_the_blocks_and_keeps_the_text_so_far(self, make_client):
        runner = GatedRunner()
        client = make_client(runner)
        stream = client.submit(PROMPT, ask(100))
        runner.let(3)
        outputs = [take(stream) for _ in range(3)]
        stream.abort()
        last = take(stream)
        assert last.finish_reason is FinishReason.ABORT
        assert tokens_of(outputs) == answer_to(PROMPT, 3)
        assert last.usage.completion_tokens == 3
        runner.open()
        wait_until(lambda: everything_is_free(client))

    def test_leaving_the_with_block_aborts(self, make_client):
        runner = GatedRunner()
        client = make_client(runner)
        with client.submit(PROMPT, ask(100)) as stream:
            runner.let(1)
            take(stream)
        runner.open()
        wait_until(lambda: everything_is_free(client))
        assert runner.num_steps < 100

    def test_aborting_twice_or_after_the_end_does_nothing(self, client):
        stream = client.submit(PROMPT, ask(2))
        outputs = take_all(stream)
        stream.abort()
        stream.abort()
        assert outputs[-1].finish_reason is FinishReason.LENGTH
        with pytest.raises(StopIteration):
            stream.next()

    def test_a_waiting_request_can_be_aborted(self, make_client):
        runner = GatedRunner()
        client = make_client(runner, max_num_seqs=1)
        first = client.submit(PROMPT, ask(3))
        second = client.submit("another", ask(3))
        second.abort()
        assert take(second).finish_reason is FinishReason.ABORT
        runner.open()
        assert take_all(first)[-1].finish_reason is FinishReason.LENGTH
        wait_until(lambda: everything_is_free(client))

    def test_an_aborted_name_used_again_at_once_gets_its_own_answer(self, make_client):
        """A client that lost its connection sends the same request id again."""
        runner = GatedRunner()
        client = make_client(runner)
        first = client.submit(PROMPT, ask(50), request_id="mine")
        runner.await_step()  # the engine computes for the first one now
        first.abort()
        second = client.submit("something else", ask(5), request_id="mine")
        runner.open()
        outputs = take_all(second)
        assert tokens_of(outputs) == answer_to("something else", 5)
        wait_until(lambda: everything_is_free(client))

    def test_a_storm_of_aborts_frees_everything(self, make_client):
        client = make_client(FakeRunner(NUM_BLOCKS, BLOCK_SIZE, ASCII, step_time=0.001))
        streams = [client.submit(PROMPT + str(index), ask(60)) for index in range(40)]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda stream: stream.abort(), streams))
        assert all(take_all(stream)[-1].finished for stream in streams)
        wait_until(lambda: everything_is_free(client))


class TestDeadlines:
    def test_it_cuts_the_answer_and_keeps_the_text_so_far(self, make_client):
        runner = GatedRunner()
        client = make_client(runner)
        stream = client.submit(PROMPT, ask(100), deadline=time.monotonic() + 0.3)
        runner.let(3)
        outputs = take_all(stream)
        assert outputs[-1].finish_reason is FinishReason.DEADLINE
        assert tokens_of(outputs) == answer_to(PROMPT, 3)
        assert outputs[-1].usage.completion_tokens == 3
        runner.open()
        wait_until(lambda: everything_is_free(client))

    def test_one_in_the_past_cuts_at_once(self, make_client):
        client = make_client(GatedRunner())
        stream = client.submit(PROMPT, ask(), deadline=time.monotonic() - 1)
        assert take(stream).finish_reason is FinishReason.DEADLINE

    def test_one_in_the_future_does_not_matter(self, client):
        stream = client.submit(PROMPT, ask(3), deadline=time.monotonic() + 1000)
        assert take_all(stream)[-1].finish_reason is FinishReason.LENGTH

    def test_a_caller_who_is_slower_than_the_engine_is_cut_too(self, make_client):
        """There is always an output waiting for him: he must not go on for ever."""
        client = make_client(FakeRunner(NUM_BLOCKS, BLOCK_SIZE, ASCII, step_time=0.01))
        deadline = time.monotonic() + 0.3
        stream = client.submit(PROMPT, ask(150), deadline=deadline)
        outputs = []
        while not outputs or not outputs[-1].finished:
            outputs.append(take(stream))
            time.sleep(0.02)
        assert outputs[-1].finish_reason is FinishReason.DEADLINE
        tokens = tokens_of(outputs)
        assert tokens == answer_to(PROMPT, len(tokens))

    def test_a_timeout_before_the_deadline_is_only_a_timeout(self, make_client):
        client = make_client(GatedRunner())
        stream = client.submit(PROMPT, ask(), deadline=time.monotonic() + 1000)
        assert stream.next(timeout=0.01) is None


class TestFailures:
    def test_a_failed_step_ends_who_runs_while_who_waits_goes_on(self, make_client):
        runner = GatedRunner(fail_on={1: ValueError("secret")})
        client = make_client(runner, max_num_seqs=1)
        runs = client.submit(PROMPT, ask(9))
        runner.let(1)
        assert take(runs).token_ids == answer_to(PROMPT, 1)
        waits = client.submit("another", ask(9))
        runner.open()
        with pytest.raises(GenerationFailed) as caught:
            take(runs)
        assert "secret" not in caught.value.message
        with pytest.raises(StopIteration):
            runs.next()
        outputs = take_all(waits)
        assert tokens_of(outputs) == answer_to("another", 9)
        assert client.state is EngineState.READY
        assert client.stats().failed_steps == 1

    def test_a_lost_device_is_the_end_for_all(self, make_client):
        runner = GatedRunner(fail_on={1: DeviceLost("gone")})
        client = make_client(runner, max_num_seqs=1)
        streams = [client.submit(f"{PROMPT} {index}", ask(9)) for index in range(3)]
        runner.let(1)
        take(streams[0])
        runner.open()
        for stream in streams:
            with pytest.raises(EngineDead):
                take_all(stream)
        assert client.state is EngineState.DEAD
        assert client.failure
        with pytest.raises(EngineDead):
            client.submit(PROMPT, ask())

    def test_a_caller_who_waits_without_a_timeout_hears_of_it(self, make_client):
        runner = GatedRunner(fail_on={0: DeviceLost("gone")})
        client = make_client(runner)
        stream = client.submit(PROMPT, ask())
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(stream.next)
            runner.open()
            with pytest.raises(EngineDead):
                waiting.result(timeout=PATIENCE_S)


class TestShutdown:
    def test_what_runs_ends_with_its_text_so_far(self, make_client):
        runner = GatedRunner()
        client = make_client(runner)
        stream = client.submit(PROMPT, ask(100))
        runner.let(2)
        outputs = [take(stream), take(stream)]
        threading.Timer(0.1, runner.open).start()  # the engine ends with the step it is in
        client.shutdown()
        outputs += take_all(stream)
        assert outputs[-1].finish_reason is FinishReason.SHUTDOWN
        assert tokens_of(outputs) == answer_to(PROMPT, 2)

    def test_it_gives_no_more_than_its_timeout(self, make_client):
        runner = FakeRunner(NUM_BLOCKS, BLOCK_SIZE, ASCII, step_time=0.05)
        client = make_client(runner)
        stream = client.submit(PROMPT, ask(200))
        take(stream)
        began = time.monotonic()
        client.shutdown(timeout=0.1)
        assert time.monotonic() - began < 5
        assert take_all(stream)[-1].finish_reason is FinishReason.SHUTDOWN

    def test_what_is_quick_enough_ends_by_itself(self, client):
        stream = client.submit(PROMPT, ask(20))
        client.shutdown(timeout=PATIENCE_S)
        assert take_all(stream)[-1].finish_reason is FinishReason.LENGTH

    def test_nothing_new_is_taken_afterwards(self, client):
        client.shutdown()
        with pytest.raises(EngineDraining):
            client.submit(PROMPT, ask())
        client.shutdown()

    def test_draining_refuses_the_new_and_finishes_the_old(self, make_client):
        runner = GatedRunner()
        client = make_client(runner)
        stream = client.submit(PROMPT, ask(4))
        client.drain()
        with pytest.raises(EngineDraining):
            client.submit(PROMPT, ask())
        runner.open()
        assert take_all(stream)[-1].finish_reason is FinishReason.LENGTH

    def test_a_submit_that_crosses_the_shutdown_is_refused_or_ended(self, make_client):
        """Whoever submitted must not wait for ever."""

        class SlowTokenizer(ByteTokenizer):
            def encode(self, text, *, add_special_tokens=False):
                if text == PROMPT:
                    client.shutdown()
                return super().encode(text, add_special_tokens=add_special_tokens)

        client = make_client(tokenizer=SlowTokenizer())
        try:
            stream = client.submit(PROMPT, ask())
        except EngineDraining:
            return
        output = stream.next(timeout=1.0)
        assert output is not None and output.finish_reason is FinishReason.SHUTDOWN
