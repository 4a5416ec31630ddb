"""The client over an engine on a thread: what streams give, and what is refused."""

import contextlib
from concurrent.futures import ThreadPoolExecutor

import pytest

from serving.config import SchedulerConfig
from serving.engine.client import Client
from serving.engine.messages import Ready
from serving.engine.protocol import EngineState
from serving.errors import ContextLengthExceeded, InvalidRequest, Overloaded
from serving.request import FinishReason
from serving.testing.byte_tokenizer import ByteTokenizer
from tests.unit.serving.thread_client import (
    BLOCK_SIZE,
    MAX_MODEL_LEN,
    NUM_BLOCKS,
    PROMPT,
    Clients,
    GatedRunner,
    answer_to,
    ask,
    everything_is_free,
    info_of,
    take_all,
    text_of,
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


class TestStreams:
    def test_an_answer_arrives_token_by_token(self, client):
        outputs = take_all(client.submit(PROMPT, ask(8)))
        tokens = tokens_of(outputs)
        assert tokens == answer_to(PROMPT, 8)
        assert "".join(output.text for output in outputs) == text_of(tokens)
        assert [output.finish_reason for output in outputs] == [None] * 7 + [FinishReason.LENGTH]

    def test_token_ids_are_as_good_a_prompt_as_text(self, client):
        by_text = take_all(client.submit(PROMPT, ask()))
        by_ids = take_all(client.submit(list(PROMPT.encode()), ask()))
        assert [o.token_ids for o in by_text] == [o.token_ids for o in by_ids]

    def test_iterating_gives_the_same(self, client):
        with client.submit(PROMPT, ask(5)) as stream:
            outputs = list(stream)
        assert tokens_of(outputs) == answer_to(PROMPT, 5)
        assert outputs[-1].finished and not any(o.finished for o in outputs[:-1])

    def test_after_the_last_output_there_is_none(self, client):
        stream = client.submit(PROMPT, ask(1))
        take_all(stream)
        with pytest.raises(StopIteration):
            stream.next()
        assert list(stream) == []

    def test_usage_counts_prompt_answer_and_cache(self, client):
        take_all(client.submit(PROMPT, ask(4)))
        last = take_all(client.submit(PROMPT, ask(4)))[-1]
        assert last.usage.prompt_tokens == len(PROMPT)
        assert last.usage.completion_tokens == 4
        assert last.usage.cached_tokens == (len(PROMPT) - 1) // BLOCK_SIZE * BLOCK_SIZE

    def test_a_warm_hint_ends_at_once_with_no_text(self, client):
        (output,) = take_all(client.submit(PROMPT, ask(0)))
        assert (output.text, output.token_ids) == ("", [])
        assert output.finish_reason is FinishReason.LENGTH
        last = take_all(client.submit(PROMPT + "!", ask(1)))[-1]
        assert last.usage.cached_tokens == len(PROMPT) // BLOCK_SIZE * BLOCK_SIZE

    def test_salts_share_no_cache(self, client):
        take_all(client.submit(PROMPT, ask(), cache_salt="a"))
        other = take_all(client.submit(PROMPT, ask(), cache_salt="b"))[-1]
        same = take_all(client.submit(PROMPT, ask(), cache_salt="a"))[-1]
        assert other.usage.cached_tokens == 0
        assert same.usage.cached_tokens > 0

    def test_a_stop_string_ends_the_request_in_the_engine_too(self, make_client):
        answer = text_of(answer_to(PROMPT, 100))
        client = make_client()
        stop = answer[10:13]
        outputs = take_all(client.submit(PROMPT, ask(100, stop=(stop,))))
        assert outputs[-1].finish_reason is FinishReason.STOP
        assert "".join(o.text for o in outputs) == answer[: answer.index(stop)]
        wait_until(lambda: everything_is_free(client))

    def test_nothing_within_the_timeout_is_none(self, make_client):
        runner = GatedRunner()
        stream = make_client(runner).submit(PROMPT, ask(2))
        assert stream.next(timeout=0.02) is None
        runner.open()
        assert len(take_all(stream)) == 2

    def test_concurrent_submits_from_many_threads(self, make_client):
        client = make_client(max_num_seqs=8, max_waiting=100)
        prompts = [f"{'shared beginning ' * (index % 3)}{index}" for index in range(60)]

        def converse(prompt):
            outputs = take_all(client.submit(prompt, ask(6)))
            return tokens_of(outputs)

        with ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(converse, prompts))
        assert answers == [answer_to(prompt, 6) for prompt in prompts]
        wait_until(lambda: everything_is_free(client))


class TestRefusals:
    def test_what_can_never_fit(self, client):
        with pytest.raises(ContextLengthExceeded):
            client.submit("x" * MAX_MODEL_LEN, ask(1))
        with pytest.raises(ContextLengthExceeded):
            client.submit(PROMPT, ask(MAX_MODEL_LEN))

    @pytest.mark.parametrize("prompt", ["", [], [-1], [ByteTokenizer().vocab_size]])
    def test_a_prompt_that_is_none(self, client, prompt):
        with pytest.raises(InvalidRequest):
            client.submit(prompt, ask())

    def test_a_request_id_in_use(self, make_client):
        client = make_client(GatedRunner())
        first = client.submit(PROMPT, ask(), request_id="mine")
        assert first.request_id == "mine"
        with pytest.raises(InvalidRequest, match="mine") as caught:
            client.submit("another", ask(), request_id="mine")
        assert caught.value.param == "request_id"

    def test_a_request_id_is_free_again_when_its_request_ended(self, client):
        for prompt in ("one", "two", "three"):
            outputs = take_all(client.submit(prompt, ask(), request_id="mine"))
            assert tokens_of(outputs) == answer_to(prompt, 8)

    def test_names_are_made_up_where_none_is_given(self, client):
        names = {client.submit(PROMPT, ask(1)).request_id for _ in range(20)}
        assert len(names) == 20

    def test_too_many_at_once(self, make_client):
        runner = GatedRunner()
        client = make_client(runner, max_num_seqs=2, max_waiting=1)
        streams = [client.submit(PROMPT, ask(2)) for _ in range(3)]
        with pytest.raises(Overloaded) as caught:
            client.submit(PROMPT, ask(2))
        assert caught.value.retry_after_ms > 0
        runner.open()
        for stream in streams:
            take_all(stream)
        take_all(client.submit(PROMPT, ask(2)))

    def test_a_refused_request_leaves_nothing_behind(self, make_client):
        client = make_client(max_num_seqs=1, max_waiting=0)
        for _ in range(5):
            with pytest.raises(InvalidRequest):
                client.submit([], ask())
        take_all(client.submit(PROMPT, ask(1)))

    def test_a_request_that_cannot_be_sent_leaves_nothing_behind(self):
        class Refusing:
            """A transport that takes no message but the second."""

            sent = 0

            def start(self, on_message, on_end):
                on_message(Ready(info_of(ByteTokenizer())))

            def send(self, message):
                self.sent += 1
                if self.sent == 1:
                    raise OverflowError("cannot be encoded")

            def close(self):
                pass

        client = Client(Refusing(), ByteTokenizer(), SchedulerConfig(max_num_seqs=1, max_waiting=0))
        with pytest.raises(OverflowError):
            client.submit(PROMPT, ask(), request_id="mine")
        client.submit(PROMPT, ask(), request_id="mine")

    @pytest.mark.parametrize("salt", ["\ud800", "\x00", "x" * 100_000])
    def test_no_salt_ends_the_engine(self, client, salt):
        """A tenant's name comes from outside: it is served or refused, nothing else."""
        with contextlib.suppress(InvalidRequest):
            take_all(client.submit(PROMPT, ask(1), cache_salt=salt))
        assert client.state is EngineState.READY
        take_all(client.submit(PROMPT, ask(1)))


class TestStats:
    def test_they_follow_the_engine(self, make_client):
        runner = GatedRunner()
        client = make_client(runner, max_num_seqs=1)
        streams = [client.submit(f"{PROMPT} {index}", ask(2)) for index in range(3)]
        runner.let(1)
        wait_until(lambda: client.stats().running == 1)
        assert client.stats().total_blocks == NUM_BLOCKS
        runner.open()
        for stream in streams:
            take_all(stream)
        wait_until(lambda: client.stats().generated_tokens == 6)
        assert client.stats().prompt_tokens == 3 * (len(PROMPT) + 2)

    def test_model_info_and_state(self, client):
        assert client.model_info.max_model_len == MAX_MODEL_LEN
        assert client.state is EngineState.READY
        assert client.failure is None
