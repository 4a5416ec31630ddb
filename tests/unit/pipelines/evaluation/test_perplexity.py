from __future__ import annotations

import math
from typing import Any

import pytest

from pipelines.errors import StagingError
from pipelines.evaluation.document import metrics
from pipelines.evaluation.perplexity import combine, measure_perplexity, score_passage
from pipelines.evaluation.sample import Passage, digest, shipped_sample
from pipelines.target.interface import Body
from tests.support.scripted_target import ScriptedTarget

PASSAGE = Passage("one", "abcdef")


def answered(tokens: list[str], logprobs: list[Any]) -> dict[str, Any]:
    return {"choices": [{"logprobs": {"tokens": tokens, "token_logprobs": logprobs}}]}


def by_pieces(width: int, loss: float) -> ScriptedTarget:
    """An endpoint with tokens of `width` characters, each worth `loss` nats a character."""

    def answer(body: Body) -> dict[str, Any]:
        text = body["prompt"]
        tokens = [text[at : at + width] for at in range(0, len(text), width)]
        return answered(tokens, [None, *(-loss * len(token) for token in tokens[1:])])

    return ScriptedTarget(answer)


def test_perplexity_and_bits_per_byte_by_hand() -> None:
    score = score_passage(PASSAGE, answered(["ab", "cd", "ef"], [None, -math.log(4), -math.log(2)]))
    assert (score.tokens, score.bytes) == (2, 4)
    found = combine([score])
    assert found.perplexity == pytest.approx(math.sqrt(8))
    assert found.bits_per_byte == pytest.approx(3 / 4)


def test_a_long_passage_counts_for_more() -> None:
    short = score_passage(Passage("s", "ab"), answered(["a", "b"], [None, -8.0]))
    long = score_passage(Passage("l", "abcd"), answered([*"abcd"], [None, -1.0, -1.0, -1.0]))
    assert combine([short, long]).perplexity == pytest.approx(math.exp(11 / 4))


def test_a_token_that_begins_the_text_takes_no_bytes() -> None:
    with_begin = answered(["<s>", "abc", "def"], [None, -1.0, -1.0])
    assert score_passage(PASSAGE, with_begin).bytes == 6


def test_bits_per_byte_hardly_depend_on_the_tokenizer_and_perplexity_does() -> None:
    passages = shipped_sample()
    fine, coarse = (measure_perplexity(by_pieces(width, 0.7), passages) for width in (1, 4))
    assert fine.bits_per_byte == pytest.approx(coarse.bits_per_byte)
    assert coarse.perplexity > 3 * fine.perplexity
    assert fine.tokenizer != coarse.tokenizer


def test_the_same_tokenizer_has_the_same_name_whatever_the_model() -> None:
    good, bad = (measure_perplexity(by_pieces(3, loss), [PASSAGE]) for loss in (0.5, 2.0))
    assert good.tokenizer == bad.tokenizer


def test_the_endpoint_is_asked_for_the_prompts_own_tokens() -> None:
    target = by_pieces(3, 1.0)
    measure_perplexity(target, [PASSAGE])
    assert target.asked == [{"prompt": "abcdef", "echo": True, "logprobs": 0, "max_tokens": 0}]


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ({"choices": []}, "gives no log-probabilities of a prompt"),
        ({"choices": [{"text": "abcdef", "logprobs": None}]}, "gives no log-probabilities"),
        (answered(["abc", "def"], [None, None]), "no log-probability for token 1 of one"),
        (answered(["abc", "def"], [None]), "1 log-probabilities for 2 tokens"),
        (answered(["abcdef"], [None]), "at least two"),
        (answered(["abc", "def"], [None, "-1"]), "no log-probability for token 1"),
    ],
)
def test_an_endpoint_that_keeps_them_to_itself_cannot_be_evaluated(
    answer: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(StagingError, match=sentence):
        measure_perplexity(ScriptedTarget(lambda body: answer), [PASSAGE])


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_model_that_computes_no_numbers_has_no_perplexity(loss: float) -> None:
    found = combine([score_passage(PASSAGE, answered(["abc", "def"], [None, -loss]))])
    assert metrics(found, []) == {"perplexity": None, "bits_per_byte": None}


def test_a_model_that_despairs_has_bits_but_no_finite_perplexity() -> None:
    found = combine([score_passage(PASSAGE, answered(["abc", "def"], [None, -9999.0]))])
    assert found.perplexity == math.inf
    assert math.isfinite(found.bits_per_byte)


def test_the_shipped_sample_is_prose_and_code_in_ascii_and_small_enough_for_any_context() -> None:
    passages = shipped_sample()
    assert len(passages) == 8
    assert sum(len(one.text.split()) for one in passages) > 1600
    assert all(one.text.isascii() and len(one.text) < 2000 for one in passages)
    assert any("def " in one.text for one in passages)


def test_another_sample_has_another_digest() -> None:
    assert digest(shipped_sample()) != digest(shipped_sample(quick=True))
