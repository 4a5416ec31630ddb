"""The fake runner is a checker: these are the mistakes that it must find."""

import pytest

from serving.runner.interface import DeviceLost
from serving.sampling_params import SamplingParams
from serving.scheduler.output import ScheduledChunk, SchedulerOutput
from serving.testing.fake_runner import CacheCorrupted, FakeRunner, expected_output

VOCAB = 100
PROMPT = [5, 6, 7, 8, 9]


def chunk(name, prompt, blocks, *, start=0, end=None, output=(), samples=True):
    tokens = [*prompt, *output]
    return ScheduledChunk(
        request_id=name,
        token_ids=tokens[start:end],
        start=start,
        block_ids=list(blocks),
        samples=samples,
        sampling=SamplingParams(),
        prompt_token_ids=list(prompt),
        output_token_ids=list(output),
    )


@pytest.fixture
def runner():
    return FakeRunner(num_blocks=8, block_size=2, vocab_size=VOCAB)


def execute(runner, *chunks):
    sampled = runner.execute(SchedulerOutput(chunks=list(chunks))).sampled
    return {name: tokens[0].token_id for name, tokens in sampled.items()}


class TestOutputs:
    def test_a_prompt_in_chunks_then_decoding_gives_the_expected_output(self, runner):
        first, second = expected_output(PROMPT, 2, VOCAB)
        cut = chunk("a", PROMPT, [4, 1, 6], end=3, samples=False)
        assert execute(runner, cut) == {}
        assert execute(runner, chunk("a", PROMPT, [4, 1, 6], start=3)) == {"a": first}
        decode = chunk("a", PROMPT, [4, 1, 6], start=5, output=[first])
        assert execute(runner, decode) == {"a": second}

    def test_the_output_depends_on_every_token_and_its_order(self):
        prompts = ([1, 2, 3], [9, 2, 3], [1, 9, 3], [2, 1, 3], [1, 2])
        outputs = [tuple(expected_output(prompt, 4, 2**31)) for prompt in prompts]
        assert len(set(outputs)) == len(prompts)

    def test_tokens_stay_inside_the_vocabulary(self):
        assert all(0 <= token < 7 for token in expected_output(PROMPT, 200, 7))

    def test_a_prefix_written_in_the_same_step_is_found(self, runner):
        whole = chunk("a", PROMPT, [0, 1, 2])
        sharing = chunk("b", [*PROMPT[:4], 1], [0, 1, 3], start=4)
        assert execute(runner, whole, sharing)["b"] == expected_output([5, 6, 7, 8, 1], 1, VOCAB)[0]

    def test_it_remembers_what_it_was_asked(self, runner):
        execute(runner, chunk("a", PROMPT, [0, 1, 2]))
        assert runner.num_steps == 1
        assert runner.work[0].num_tokens == 5


class TestCorruption:
    """What a wrong scheduler or a wrong block pool would do."""

    def expect(self, runner, *chunks, match):
        with pytest.raises(CacheCorrupted, match=match):
            execute(runner, *chunks)

    def test_a_block_that_was_never_written(self, runner):
        self.expect(runner, chunk("a", PROMPT, [0, 1, 2], start=4), match="position 0, block 0")

    def test_a_stale_block(self, runner):
        execute(runner, chunk("old", [1, 1, 1, 1], [0, 1]))
        self.expect(runner, chunk("a", PROMPT, [0, 1, 2], start=4), match="position 0, block 0")

    def test_equal_tokens_behind_another_prefix(self, runner):
        """Keys and values depend on everything before them."""
        execute(runner, chunk("other", [9, 9, 7, 8], [3, 1]))
        execute(runner, chunk("a", [5, 6], [0]))
        self.expect(runner, chunk("a", PROMPT, [0, 1, 2], start=4), match="position 2, block 1")

    def test_two_sequences_writing_to_one_slot(self, runner):
        chunks = chunk("a", PROMPT, [0, 1, 2]), chunk("b", [5, 6], [0])
        self.expect(runner, *chunks, match="b and a write to slot 0")

    def test_a_block_taken_by_another_while_it_is_in_use(self, runner):
        execute(runner, chunk("a", PROMPT, [0, 1, 2]))
        execute(runner, chunk("b", [1, 1], [1]))
        decode = chunk("a", PROMPT, [0, 1, 2], start=5, output=[3])
        self.expect(runner, decode, match="position 2, block 1")

    def test_a_block_table_too_short(self, runner):
        self.expect(runner, chunk("a", PROMPT, [0, 1]), match="no block for position 4")

    @pytest.mark.parametrize("block_id", [-1, 8])
    def test_a_block_that_does_not_exist(self, runner, block_id):
        self.expect(runner, chunk("a", [1], [block_id]), match=f"no block {block_id}")

    def test_an_empty_chunk(self, runner):
        self.expect(runner, chunk("a", PROMPT, [0, 1, 2], start=5), match="empty")

    def test_tokens_that_are_not_the_sequences(self, runner):
        wrong = ScheduledChunk(
            request_id="a",
            token_ids=[1, 2],
            start=0,
            block_ids=[0],
            samples=True,
            sampling=SamplingParams(),
            prompt_token_ids=[1, 3],
            output_token_ids=[],
        )
        self.expect(runner, wrong, match="not the sequence's")

    def test_it_ends_the_engine_rather_than_one_request(self):
        assert issubclass(CacheCorrupted, DeviceLost)


class TestScriptedFailures:
    def test_a_step_fails_by_its_number(self):
        runner = FakeRunner(8, 2, VOCAB, fail_on={1: ValueError("scripted")})
        execute(runner, chunk("a", PROMPT, [0, 1, 2]))
        with pytest.raises(ValueError, match="scripted"):
            execute(runner, chunk("b", [1], [3]))
        execute(runner, chunk("b", [1], [3]))

    def test_the_next_step_fails_on_request(self, runner):
        runner.fail_next(DeviceLost("gone"))
        with pytest.raises(DeviceLost):
            execute(runner, chunk("a", PROMPT, [0, 1, 2]))

    def test_a_failed_step_leaves_nothing_to_rely_on(self, runner):
        execute(runner, chunk("a", PROMPT, [0, 1, 2]))
        runner.fail_next(ValueError("scripted"))
        with pytest.raises(ValueError, match="scripted"):
            execute(runner, chunk("b", [1], [3]))
        with pytest.raises(CacheCorrupted):
            execute(runner, chunk("a", PROMPT, [0, 1, 2], start=5, output=[1]))
