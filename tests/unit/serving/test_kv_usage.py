"""The snapshot of the KV cache, from the scheduler to the client's caller."""

import pytest

from serving.engine.messages import (
    AskKVUsage,
    TellKVUsage,
    encoder,
    inbound_decoder,
    outbound_decoder,
)
from serving.errors import EngineDead, EngineUnavailable, InvalidRequest
from serving.request import EngineRequest, KVSession, KVUsage
from serving.sampling_params import SamplingParams
from tests.unit.serving.small_engine import SmallEngine, prompt_of
from tests.unit.serving.thread_client import (
    BLOCK_SIZE,
    NUM_BLOCKS,
    PATIENCE_S,
    PROMPT,
    Clients,
    GatedRunner,
    ask,
    everything_is_free,
    take,
    take_all,
    wait_until,
)

SOON_S = 0.02


class LabelledEngine(SmallEngine):
    """A small engine whose requests have labels."""

    def ask(self, name, prompt, label, max_tokens=1):
        self.outputs[name] = []
        self.core.add(
            EngineRequest(
                request_id=name,
                prompt_token_ids=prompt,
                sampling=SamplingParams(max_tokens=max_tokens, temperature=0.0),
                label=label,
            )
        )

    def sessions(self):
        return {session.label: session for session in self.core.kv_usage().sessions}


@pytest.fixture
def make_client():
    with Clients() as make:
        yield make


class TestTheEngine:
    def test_a_session_runs_as_long_as_one_of_its_sequences_does(self):
        engine = LabelledEngine()
        engine.ask("r1", prompt_of(9), "a", max_tokens=2)
        engine.ask("r2", prompt_of(9, seed=1), "a", max_tokens=4)
        running = []
        while engine.core.has_work:
            engine.step()
            running.append(engine.sessions()["a"].running)
        assert running == [True, True, True, False]

    def test_tokens_grow_with_the_answer(self):
        engine = LabelledEngine()
        engine.ask("r", prompt_of(9), "a", max_tokens=4)
        tokens = []
        while engine.core.has_work:
            engine.step()
            tokens.append(engine.sessions()["a"].tokens)
        # The last token of the answer is never computed, and the tail is no use to anybody later.
        assert tokens == [9, 10, 11, 12]

    def test_who_waits_without_a_block_is_not_listed(self):
        engine = LabelledEngine(max_num_seqs=1)
        engine.ask("r1", prompt_of(9), "a", max_tokens=9)
        engine.ask("r2", prompt_of(9, seed=1), "b")
        engine.step()
        assert list(engine.sessions()) == ["a"]

    def test_who_is_preempted_keeps_what_is_still_warm_and_takes_it_up_again_unshared(self):
        engine = LabelledEngine(num_blocks=7)
        for name in ("old", "young"):
            engine.ask(name, prompt_of(9, seed=len(name)), name, max_tokens=6)
        for _ in range(5):  # both have twelve tokens; for the thirteenth there is one block
            engine.step()
        assert engine.core.stats().preemptions == 1
        old, young = (engine.sessions()[name] for name in ("old", "young"))
        assert (old.running, old.blocks, old.tokens) == (True, 4, 13)
        assert (young.running, young.blocks, young.tokens) == (False, 3, 12)
        engine.run()
        usage = engine.core.kv_usage()
        assert engine.deltas["young"].preemptions == 1
        assert (usage.used, usage.shared) == (0, 0)

    def test_a_failed_step_leaves_nothing_to_anybody(self):
        engine = LabelledEngine()
        engine.ask("r", prompt_of(9), "a", max_tokens=9)
        engine.step()
        engine.runner.fail_next(RuntimeError("scripted"))
        engine.step()
        usage = engine.core.kv_usage()
        assert (usage.free, usage.sessions) == (usage.total, [])

    def test_an_abort_frees_what_was_used(self):
        engine = LabelledEngine()
        engine.ask("r", prompt_of(9), "a", max_tokens=9)
        engine.step()
        assert engine.core.kv_usage().used == 3
        engine.core.abort("r")
        assert engine.core.kv_usage().used == 0
        assert engine.sessions()["a"].blocks == 2


class TestTheWire:
    def test_question_and_answer_cross_the_border(self):
        session = KVSession(label="a", blocks=3, shared=1, tokens=40, running=True, age_s=0.0)
        usage = KVUsage(
            block_size=16, total=9, free=5, cached=1, used=3, shared=1, sessions=[session], other=1
        )
        for told in (usage, None):
            raw = encoder.encode(TellKVUsage(told))
            assert outbound_decoder.decode(raw) == TellKVUsage(told)
        assert inbound_decoder.decode(encoder.encode(AskKVUsage())) == AskKVUsage()


class TestTheClient:
    def test_a_session_is_told_with_what_it_left_warm(self, make_client):
        client = make_client()
        take_all(client.submit(PROMPT, ask(1), label="a"))
        wait_until(lambda: everything_is_free(client))
        usage = client.kv_usage(PATIENCE_S)
        warm = len(PROMPT) // BLOCK_SIZE
        assert (usage.total, usage.cached, usage.used) == (NUM_BLOCKS, warm, 0)
        (session,) = usage.sessions
        assert (session.label, session.blocks, session.running) == ("a", warm, False)
        assert session.tokens == warm * BLOCK_SIZE

    def test_during_a_long_step_the_answer_before_is_told(self, make_client):
        runner = GatedRunner()
        client = make_client(runner)
        before = client.kv_usage(PATIENCE_S)
        client.submit(PROMPT, ask(4), label="a")
        runner.await_step()
        assert client.kv_usage(SOON_S) == before
        runner.open()
        wait_until(lambda: client.kv_usage(PATIENCE_S).sessions != [])

    def test_without_one_before_it_is_unavailable_for_a_moment(self, make_client):
        runner = GatedRunner()
        client = make_client(runner)
        stream = client.submit(PROMPT, ask(4))
        runner.await_step()
        with pytest.raises(EngineUnavailable, match="step") as caught:
            client.kv_usage(SOON_S)
        assert caught.value.retry_after_ms == 1000
        runner.open()
        take(stream)
        assert client.kv_usage(PATIENCE_S).total == NUM_BLOCKS

    def test_a_dead_engine_is_not_waited_for(self, make_client):
        client = make_client()
        assert client.kv_usage(PATIENCE_S).total == NUM_BLOCKS
        client._on_end("it was killed")
        with pytest.raises(EngineDead, match="killed"):
            client.kv_usage(PATIENCE_S)

    @pytest.mark.parametrize("label", ["x" * 65, "caf\u00e9", "two\nlines", "\ud800"])
    def test_a_label_that_cannot_be_shown_is_refused(self, make_client, label):
        with pytest.raises(InvalidRequest, match="printable ASCII") as caught:
            make_client().submit(PROMPT, ask(1), label=label)
        assert caught.value.param == "label"
