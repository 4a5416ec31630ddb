"""The prompt as a part of its answer: `echo` of completions, `decoder_input_details` of inputs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import tokenizers
from flask.testing import FlaskClient
from tokenizers import processors

from container.protocols.echo import echoed_prompt
from serving.testing import ByteTokenizer, FakeEngine, FakeFaults
from serving.tokenizer import Tokenizer

AppClient = Callable[..., FlaskClient]
ROUTES = ["/v1/completions", "/invocations"]
SCORE = {"echo": True, "max_tokens": 0, "logprobs": 2}


def choices_of(client: FlaskClient, route: str = ROUTES[0], **body: Any) -> list[dict[str, Any]]:
    response = client.post(route, json=body)
    assert response.status_code == 200, response.text
    choices: list[dict[str, Any]] = response.json["choices"]
    return choices


def chunks_of(client: FlaskClient, **body: Any) -> list[dict[str, Any]]:
    events = client.post("/v1/completions", json={**body, "stream": True}).text.split("\n\n")
    contents = [json.loads(e.removeprefix("data: ")) for e in events if e and "[DONE]" not in e]
    assert "receipt" in contents[-1]
    return [content["choices"][0] for content in contents[:-1]]


class TestCompletions:
    @pytest.mark.parametrize("route", ROUTES)
    def test_a_prompt_is_scored_without_an_answer(self, client_of: AppClient, route: str) -> None:
        (choice,) = choices_of(client_of(), route, prompt="cats", **SCORE)
        assert (choice["text"], choice["finish_reason"]) == ("cats", "length")
        logprobs = choice["logprobs"]
        assert logprobs["tokens"] == ["c", "a", "t", "s"]
        assert logprobs["token_logprobs"] == [None, -0.5, -0.5, -0.5]
        assert logprobs["text_offset"] == [0, 1, 2, 3]
        assert logprobs["top_logprobs"] == [
            None,
            {"a": -0.5, "b": -1.5},
            {"t": -0.5, "u": -1.5},
            {"s": -0.5, "t": -1.5},
        ]

    def test_the_answer_follows_and_goes_on_in_every_list(self, client_of: AppClient) -> None:
        client = client_of(FakeEngine("meow"))
        (choice,) = choices_of(client, prompt="cats", echo=True, logprobs=1, max_tokens=2)
        assert choice["text"] == "catsme"
        assert choice["logprobs"]["tokens"] == list("catsme")
        assert choice["logprobs"]["text_offset"] == [0, 1, 2, 3, 4, 5]
        assert choice["logprobs"]["token_logprobs"] == [None, *[-0.5] * 5]
        assert len(choice["logprobs"]["top_logprobs"]) == 6

    def test_zero_alternatives_leave_the_token_itself(self, client_of: AppClient) -> None:
        (choice,) = choices_of(client_of(), prompt="cat", **{**SCORE, "logprobs": 0})
        assert choice["logprobs"]["top_logprobs"] == [None, {"a": -0.5}, {"t": -0.5}]

    def test_without_logprobs_only_the_text_is_repeated(self, client_of: AppClient) -> None:
        engine = FakeEngine("meow")
        (choice,) = choices_of(client_of(engine), prompt="cats ", echo=True)
        assert (choice["text"], choice["logprobs"]) == ("cats meow", None)
        assert engine.submissions[-1].params.prompt_logprobs is None

    def test_token_ids_are_decoded(self, client_of: AppClient) -> None:
        (choice,) = choices_of(client_of(), prompt=[99, 97, 257, 116], **SCORE)
        assert choice["text"] == "ca<|im_end|>t"
        assert choice["logprobs"]["tokens"] == ["c", "a", "<|im_end|>", "t"]
        assert choice["logprobs"]["text_offset"] == [0, 1, 2, 12]

    def test_several_prompts_with_several_answers_each(self, client_of: AppClient) -> None:
        client = client_of(FakeEngine("!"))
        choices = choices_of(
            client, prompt=[[97, 98], [99, 100, 101]], n=2, echo=True, logprobs=0, max_tokens=1
        )
        assert [choice["text"] for choice in choices] == ["ab!", "ab!", "cde!", "cde!"]
        values = [choice["logprobs"]["token_logprobs"] for choice in choices]
        assert values == [[None, -0.5, -0.5]] * 2 + [[None, -0.5, -0.5, -0.5]] * 2

    def test_a_prompt_of_one_token_has_one_null(self, client_of: AppClient) -> None:
        (choice,) = choices_of(client_of(), prompt="c", **SCORE)
        assert choice["logprobs"] == {
            "tokens": ["c"],
            "token_logprobs": [None],
            "top_logprobs": [None],
            "text_offset": [0],
        }

    def test_what_a_cut_answer_did_not_come_to_is_null(self, client_of: AppClient) -> None:
        engine = FakeEngine()
        client = client_of(engine, deadline_seconds=0.1)
        engine.faults = FakeFaults(stall_after=0)
        (choice,) = choices_of(client, prompt="cats", **SCORE)
        assert choice["finish_reason"] == "deadline"
        assert choice["logprobs"]["token_logprobs"] == [None] * 4
        assert len(choice["logprobs"]["tokens"]) == 4

    def test_the_settings_reach_the_engine(self, client_of: AppClient) -> None:
        engine = FakeEngine()
        choices_of(client_of(engine), prompt="cats", **SCORE)
        params = engine.submissions[-1].params
        assert (params.prompt_logprobs, params.logprobs, params.max_tokens) == (2, 2, 0)

    def test_the_receipt_is_of_the_answer_alone(self, client_of: AppClient) -> None:
        client = client_of(FakeEngine("meow"))
        plain = client.post("/v1/completions", json={"prompt": "cats"}).json["receipt"]
        echoed = client.post("/v1/completions", json={"prompt": "cats", "echo": True}).json
        assert echoed["receipt"]["sha256"] == plain["sha256"]
        assert echoed["usage"]["completion_tokens"] == 4

    @pytest.mark.parametrize(
        ("fields", "param"),
        [
            ({"echo": "yes"}, "echo"),
            ({"echo": True, "logprobs": 21}, "logprobs"),
            ({"echo": True, "logprobs": -1}, "logprobs"),
            ({"echo": True, "max_tokens": -1}, "max_tokens"),
            ({"echo": True, "prompt": ""}, "prompt"),
            ({"echo": True, "prompt": [5, 999]}, "prompt"),
        ],
    )
    def test_bad_values_are_named(
        self, client_of: AppClient, fields: dict[str, Any], param: str
    ) -> None:
        response = client_of().post("/v1/completions", json={"prompt": "a", **fields})
        assert response.status_code == 400
        assert response.json["error"]["param"] == param

    def test_a_users_own_texts_are_echoed_without_logprobs(self, client_of: AppClient) -> None:
        code = "def predict_fn(data, model):\n    return 'mine'\n"
        (choice,) = choices_of(client_of(code=code), prompt="cat", echo=True, logprobs=1)
        assert choice["text"] == "catmine"
        assert choice["logprobs"]["token_logprobs"] == [None] * 3


class TestStreams:
    def test_the_first_chunk_begins_with_the_prompt(self, client_of: AppClient) -> None:
        client = client_of(FakeEngine("meow"))
        chunks = chunks_of(client, prompt="cats", echo=True, logprobs=1)
        assert "".join(chunk["text"] for chunk in chunks) == "catsmeow"
        assert chunks[0]["logprobs"]["tokens"] == list("catsm")
        assert chunks[0]["logprobs"]["token_logprobs"] == [None, *[-0.5] * 4]
        offsets = [at for chunk in chunks for at in chunk["logprobs"]["text_offset"]]
        assert offsets == list(range(8))

    def test_without_logprobs_too(self, client_of: AppClient) -> None:
        chunks = chunks_of(client_of(FakeEngine("meow")), prompt="cats", echo=True)
        assert "".join(chunk["text"] for chunk in chunks) == "catsmeow"
        assert all(chunk["logprobs"] is None for chunk in chunks)

    def test_a_prompt_alone_is_one_chunk(self, client_of: AppClient) -> None:
        (chunk,) = chunks_of(client_of(), prompt="cats", **SCORE)
        assert (chunk["text"], chunk["finish_reason"]) == ("cats", "length")
        assert len(chunk["logprobs"]["tokens"]) == 4

    def test_each_of_n_answers_begins_with_it_once(self, client_of: AppClient) -> None:
        chunks = chunks_of(client_of(FakeEngine("meow")), prompt="cats", n=2, echo=True)
        texts = ["".join(c["text"] for c in chunks if c["index"] == index) for index in range(2)]
        assert texts == ["catsmeow"] * 2


class TestInputs:
    def test_decoder_input_details_are_the_prefill(self, client_of: AppClient) -> None:
        parameters = {"decoder_input_details": True, "max_new_tokens": 1}
        body = {"inputs": ["cat", "do"], "parameters": parameters}
        first, second = client_of(FakeEngine("meow")).post("/invocations", json=body).json
        assert first["details"]["prefill"] == [
            {"id": 99, "text": "c", "logprob": None},
            {"id": 97, "text": "a", "logprob": -0.5},
            {"id": 116, "text": "t", "logprob": -0.5},
        ]
        assert [token["text"] for token in second["details"]["prefill"]] == ["d", "o"]
        assert [token["text"] for token in first["details"]["tokens"]] == ["m"]

    def test_details_alone_do_not_compute_them(self, client_of: AppClient) -> None:
        engine = FakeEngine()
        body = {"inputs": "cat", "parameters": {"details": True}}
        (answer,) = client_of(engine).post("/invocations", json=body).json
        assert answer["details"]["prefill"] == []
        assert engine.submissions[-1].params.prompt_logprobs is None

    @pytest.mark.parametrize(("value", "stream"), [(True, True), (1, False)])
    def test_bad_values_are_named(self, client_of: AppClient, value: Any, stream: bool) -> None:
        body = {"inputs": "a", "stream": stream, "parameters": {"decoder_input_details": value}}
        response = client_of().post("/invocations", json=body)
        assert response.status_code == 400
        assert response.json["error"]["param"] == "parameters.decoder_input_details"


class WithMarks(ByteTokenizer):
    """Puts a mark before and after each text, as the tokenizers of many models do."""

    def __init__(self) -> None:
        super().__init__()
        fast = tokenizers.Tokenizer.from_str(self._fast.to_str())
        fast.post_processor = processors.TemplateProcessing(
            single="<|im_start|> $A <|im_end|>",
            special_tokens=[("<|im_start|>", 256), ("<|im_end|>", 257)],
        )
        self._fast = fast


class TestOffsets:
    @pytest.mark.parametrize("tokenizer", [ByteTokenizer(), WithMarks()])
    @pytest.mark.parametrize("text", ["plain", "caf\u00e9 \u65e5\u672c \U0001f600!", "<|im_end|>x"])
    def test_they_never_fall_and_stay_inside_the_text(
        self, tokenizer: Tokenizer, text: str
    ) -> None:
        prompt = echoed_prompt(text, tokenizer)
        assert prompt.text == text
        assert prompt.token_ids == tokenizer.encode(text, add_special_tokens=True)
        assert len(prompt.tokens) == len(prompt.offsets) == len(prompt.token_ids)
        assert prompt.offsets == sorted(prompt.offsets)
        assert prompt.offsets[0] == 0 and prompt.offsets[-1] <= len(text)

    def test_marks_that_are_not_in_the_text_take_no_room(self) -> None:
        prompt = echoed_prompt("ab", WithMarks())
        assert prompt.tokens == ["<|im_start|>", "a", "b", "<|im_end|>"]
        assert prompt.offsets == [0, 0, 1, 2]

    def test_the_parts_of_a_character_are_at_its_place(self) -> None:
        prompt = echoed_prompt("a\u00e9b", ByteTokenizer())
        assert (prompt.offsets[0], prompt.offsets[1], prompt.offsets[-1]) == (0, 1, 2)

    def test_text_found_at_the_offsets_is_the_tokens(self, default_model: Any) -> None:
        text = "Keys and values of earlier turns, in 16 blocks: that is all."
        prompt = echoed_prompt(text, Tokenizer(default_model))
        for token, at in zip(prompt.tokens, prompt.offsets, strict=True):
            assert text.startswith(token, at)

    def test_unusual_token_ids_stand_one_after_another(self, default_model: Any) -> None:
        tokenizer = Tokenizer(default_model)
        ids = [token for word in ("un", "us", "ual") for token in tokenizer.encode(word)]
        prompt = echoed_prompt(ids, tokenizer)
        assert prompt.token_ids == ids != tokenizer.encode("unusual")
        assert (prompt.text, prompt.offsets[-1]) == ("unusual", 4)
