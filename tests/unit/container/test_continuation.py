"""The prompt that goes on with a partial answer: nothing added, nothing taken away."""

from __future__ import annotations

import json
from typing import Any

import pytest
import tokenizers
from flask.testing import FlaskClient
from tokenizers import decoders, models, pre_tokenizers, trainers

from container.protocols.continuation import continuation_prompt
from serving.errors import InvalidRequest
from serving.testing import FakeEngine
from serving.testing.byte_tokenizer import ByteTokenizer
from serving.tokenizer import Message
from tests.unit.container.conftest import AppClient

USER = {"role": "user", "content": "hi"}
HEAD = "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"
TEXT = "one two\n\nthree\n\nfour\n\n\nfive\n"


def begun(text: str) -> list[Message]:
    return [USER, {"role": "assistant", "content": text}]


@pytest.mark.parametrize(
    "text", ["Hel", "", " ", "Hel ", "  \n Hel\t", "Hel\n\n", "\n", "<think>\nso", "Grüße 👋"]
)
def test_the_prompt_ends_with_the_text_as_it_is(text: str) -> None:
    assert continuation_prompt(ByteTokenizer(), begun(text)) == HEAD + text


class FussyTemplate(ByteTokenizer):
    """Strips contents, and knows no role but the user's before an answer."""

    def render_chat(self, messages: list[Message], **options: Any) -> str:
        if any(message["role"] == "assistant" for message in messages):
            raise InvalidRequest("the template refused the messages")
        stripped = [{**message, "content": message["content"].strip()} for message in messages]
        return super().render_chat(stripped, **options)


def test_the_template_has_no_hand_on_the_text() -> None:
    assert continuation_prompt(FussyTemplate(), begun(" Hel ")) == HEAD + " Hel "


def test_what_the_template_refuses_before_it_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="template"):
        continuation_prompt(FussyTemplate(), [*begun("x"), USER, *begun("y")[1:]])


class WordTokenizer(ByteTokenizer):
    """A byte-level BPE that has learned words and line breaks, splitting as GPT-2 does."""

    def __init__(self) -> None:
        super().__init__()
        fast = tokenizers.Tokenizer(models.BPE())
        fast.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
        fast.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=400,
            show_progress=False,
            special_tokens=["<|im_start|>", "<|im_end|>"],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        )
        fast.train_from_iterator([TEXT + "\n\n\n"] * 9 + ["a\n\n\n\n"] * 9, trainer)
        self._fast = fast


def test_line_breaks_at_its_end_keep_the_tokens_that_they_have_within_a_text() -> None:
    tokenizer = WordTokenizer()
    head, whole = tokenizer.encode(HEAD), tokenizer.encode(HEAD + TEXT)
    changed = 0
    for count in range(len(head), len(whole)):
        text = tokenizer.decode(whole[:count], skip_special_tokens=False).removeprefix(HEAD)
        prompt = continuation_prompt(tokenizer, begun(text))
        ids = prompt if isinstance(prompt, list) else tokenizer.encode(prompt)
        if not tokenizer.decode(whole[count : count + 1]).isspace():
            assert ids == whole[:count], repr(text)
        changed += isinstance(prompt, list)
    assert changed, "no line break was at stake: the test shows nothing"


def answer(client: FlaskClient, **fields: Any) -> Any:
    body = {"messages": begun("Hel"), "continue_final_message": True, **fields}
    return client.post("/invocations", data=json.dumps(body), content_type="application/json")


def test_the_answer_is_the_new_text_alone(client_of: AppClient) -> None:
    engine = FakeEngine("lo.")
    response = answer(client_of(engine))
    assert response.json["choices"][0]["message"]["content"] == "lo."
    prompt = engine.tokenizer.decode(
        engine.submissions[-1].prompt_token_ids, skip_special_tokens=False
    )
    assert prompt == HEAD + "Hel"


def test_several_answers_may_go_on_from_one_text(client_of: AppClient) -> None:
    choices = answer(client_of(FakeEngine("lo.")), n=2).json["choices"]
    assert [choice["message"]["content"] for choice in choices] == ["lo.", "lo."]


def test_a_request_without_a_text_to_go_on_with_is_answered_400(client_of: AppClient) -> None:
    response = answer(client_of(FakeEngine("lo.")), messages=[USER])
    assert response.status_code == 400
    assert response.json["error"]["param"] == "continue_final_message"
    assert "assistant" in response.json["error"]["message"]
