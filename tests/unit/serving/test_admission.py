"""What is refused before the engine hears of it: with a code, a field, and the numbers."""

import pytest

from serving.engine.admission import MAX_RETRY_MS, MIN_RETRY_MS, Backlog, check_fits
from serving.errors import ContextLengthExceeded, InvalidRequest, Overloaded
from serving.request import ModelInfo
from serving.sampling_params import SamplingParams

LIMIT, VOCAB = 100, 50
INFO = ModelInfo(
    model_path="m",
    architecture="Fake",
    dtype="float32",
    device="cpu",
    backend="cpu",
    max_model_len=LIMIT,
    vocab_size=VOCAB,
    eos_token_ids=[0],
    block_size=4,
    total_blocks=25,
)


def check(prompt, **sampling):
    check_fits(prompt, SamplingParams(**sampling), INFO)


class TestFits:
    @pytest.mark.parametrize(
        ("prompt", "max_tokens"), [(1, 99), (99, 1), (100, 0), (1, 0), (99, None), (50, 50)]
    )
    def test_what_just_fits_is_let_through(self, prompt, max_tokens):
        check([1] * prompt, max_tokens=max_tokens)

    @pytest.mark.parametrize(
        ("prompt", "max_tokens", "param", "numbers"),
        [
            (100, 1, "messages", ["100"]),
            (100, None, "messages", ["100"]),
            (101, 0, "messages", ["101", "100"]),
            (5000, None, "messages", ["5000", "100"]),
            (60, 41, "max_tokens", ["60", "41", "100", "40"]),
            (1, 100, "max_tokens", ["1", "100", "99"]),
            (1, 2**31 - 1, "max_tokens", ["99"]),
        ],
    )
    def test_what_can_never_fit_is_refused_with_the_numbers(
        self, prompt, max_tokens, param, numbers
    ):
        with pytest.raises(ContextLengthExceeded) as caught:
            check([1] * prompt, max_tokens=max_tokens)
        error = caught.value
        assert (error.status, error.code, error.param) == (400, "context_length_exceeded", param)
        assert all(number in error.message for number in numbers)

    def test_an_empty_prompt_is_refused(self):
        with pytest.raises(InvalidRequest, match="empty") as caught:
            check([])
        assert caught.value.param == "prompt"

    @pytest.mark.parametrize("token_id", [-1, VOCAB, 2**40])
    def test_a_token_outside_the_vocabulary_is_refused(self, token_id):
        with pytest.raises(InvalidRequest, match=str(VOCAB)) as caught:
            check([1, token_id, 2], max_tokens=1)
        assert caught.value.param == "prompt"

    @pytest.mark.parametrize(
        ("param", "value"), [("logit_bias", {VOCAB: 1.0}), ("stop_token_ids", (3, VOCAB))]
    )
    def test_so_is_one_in_the_sampling_settings(self, param, value):
        with pytest.raises(InvalidRequest, match=param) as caught:
            check([1], max_tokens=1, **{param: value})
        assert caught.value.param == param

    def test_the_edges_of_the_vocabulary_are_inside(self):
        check([0, VOCAB - 1], max_tokens=1, stop_token_ids=(VOCAB - 1,), logit_bias={0: 1.0})


class TestBacklog:
    def test_it_is_full_when_batch_and_queue_are(self):
        backlog = Backlog(max_running=2, max_waiting=3)
        backlog.check(4)
        with pytest.raises(Overloaded) as caught:
            backlog.check(5)
        error = caught.value
        assert (error.status, error.code) == (429, "overloaded")
        assert "5" in error.message
        assert isinstance(error.retry_after_ms, int)

    def test_retry_after_is_about_the_time_until_a_place_is_free(self):
        backlog = Backlog(max_running=4, max_waiting=0)
        for _ in range(200):
            backlog.finished(8.0)
        assert self._retry_after(backlog) == pytest.approx(2000, rel=0.01)

    @pytest.mark.parametrize(("seconds", "wanted"), [(0.0, MIN_RETRY_MS), (1e6, MAX_RETRY_MS)])
    def test_retry_after_stays_within_reason(self, seconds, wanted):
        backlog = Backlog(max_running=1, max_waiting=0)
        for _ in range(200):
            backlog.finished(seconds)
        assert self._retry_after(backlog) == wanted

    def _retry_after(self, backlog):
        with pytest.raises(Overloaded) as caught:
            backlog.check(1000)
        return caught.value.retry_after_ms
