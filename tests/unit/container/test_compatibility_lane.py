"""Old-style scripts: model_fn returns anything, and the model's own functions compute."""

from __future__ import annotations

import io
import json
import logging
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from flask.testing import FlaskClient

from container.handler import Handler
from container.settings import ContainerSettings
from serving.errors import ConfigError

AppClient = Callable[..., FlaskClient]
OLD_STYLE_MODEL = "def model_fn(model_dir): return 2.0\n"


@pytest.mark.parametrize("body", [b"{", b'"\xff"'], ids=["no JSON", "no UTF-8"])
def test_a_body_that_the_models_own_input_fn_cannot_read_is_the_senders_fault(
    client_of: AppClient, body: bytes
) -> None:
    code = OLD_STYLE_MODEL + (
        "import json\n"
        "def input_fn(body, content_type): return json.loads(body)\n"
        "def predict_fn(data, model): return data\n"
    )
    response = client_of(code=code).post("/invocations", data=body, content_type="a/b")
    assert (response.status_code, response.json["error"]["code"]) == (400, "invalid_json")


def test_an_old_style_script_works_unchanged(
    client_of: AppClient, caplog: pytest.LogCaptureFixture
) -> None:
    code = OLD_STYLE_MODEL + "def predict_fn(data, model): return data * model\n"
    with caplog.at_level(logging.INFO, "keepwarm.handler"):
        client = client_of(code=code)
    response = client.post("/invocations", json=[[1, 2]])
    assert response.json == [[2.0, 4.0]]
    assert "not batched" in caplog.text


def test_an_old_style_script_speaks_csv_and_npy(client_of: AppClient) -> None:
    client = client_of(code=OLD_STYLE_MODEL + "def predict_fn(data, model): return data * model\n")
    response = client.post(
        "/invocations",
        data="1,2",
        content_type="text/csv; charset=utf-8",
        headers={"Accept": "application/x-npy;q=0.9, image/png"},
    )
    assert response.content_type == "application/x-npy"
    assert np.array_equal(np.load(io.BytesIO(response.data)), [2, 4])


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Content-Type": "image/png"}, 415, "unsupported_media_type"),
        ({"Content-Type": "application/json", "Accept": "image/png"}, 406, "not_acceptable"),
        ({"Content-Type": "application/x-npy"}, 400, "invalid_request"),
    ],
)
def test_media_types_nobody_reads_are_refused(
    client_of: AppClient, headers: dict[str, str], status: int, code: str
) -> None:
    client = client_of(code=OLD_STYLE_MODEL + "def predict_fn(data, model): return data\n")
    response = client.post("/invocations", data=b"[1]", headers=headers)
    assert response.status_code == status
    assert response.json["error"]["code"] == code


def test_a_json_object_arrives_as_a_dict(client_of: AppClient) -> None:
    code = OLD_STYLE_MODEL + "def predict_fn(data, model): return [type(data).__name__]\n"
    assert client_of(code=code).post("/invocations", json={"a": 1}).json == ["dict"]


def test_transform_fn_takes_the_place_of_the_three(client_of: AppClient) -> None:
    code = OLD_STYLE_MODEL + (
        "def transform_fn(model, body, content_type, accept):\n"
        "    return f'{model} {body} {content_type} {accept}', 'text/plain'\n"
    )
    response = client_of(code=code).post(
        "/invocations", data="x,y", content_type="text/csv", headers={"Accept": "text/plain"}
    )
    assert response.data == b"2.0 x,y text/csv text/plain"


def test_each_request_has_a_context_of_its_own(client_of: AppClient) -> None:
    code = OLD_STYLE_MODEL + (
        "def predict_fn(data, model, context):\n"
        "    return {'id': context.get_request_id(),\n"
        "            'tag': context.get_request_header(0, 'X-Tag'),\n"
        "            'dir': context.system_properties['model_dir']}\n"
    )
    client = client_of(code=code)
    first, second = (
        client.post("/invocations", json=[1], headers={"X-Tag": tag}).json for tag in "ab"
    )
    assert (first["tag"], second["tag"]) == ("a", "b")
    assert first["id"] != second["id"]


def test_generators_of_old_style_scripts_are_streamed(client_of: AppClient) -> None:
    code = (
        OLD_STYLE_MODEL + "def predict_fn(data, model):\n    yield {'n': 1}\n    yield {'n': 2}\n"
    )
    response = client_of(code=code).post("/invocations", json=[1])
    assert response.data == b'{"n":1}\n{"n":2}\n'
    assert response.content_type == "application/jsonlines"


def test_pre_model_fn_and_model_warmup_fn_run_around_model_fn(client_of: AppClient) -> None:
    code = (
        "calls = []\n"
        "def pre_model_fn(model_dir): calls.append('pre')\n"
        "def model_fn(model_dir): calls.append('model'); return calls\n"
        "def model_warmup_fn(model_dir, model): model.append('warm-up')\n"
        "def predict_fn(data, model): return list(model)\n"
    )
    answer = client_of(code=code).post("/invocations", json=[1]).json
    assert answer == ["pre", "model", "warm-up"]


def test_old_style_requests_are_computed_one_at_a_time(client_of: AppClient) -> None:
    code = (
        "import threading, time\n"
        "def model_fn(model_dir): return {'now': 0, 'most': 0}\n"
        "def predict_fn(data, model):\n"
        "    model['now'] += 1\n"
        "    model['most'] = max(model['most'], model['now'])\n"
        "    time.sleep(0.02)\n"
        "    model['now'] -= 1\n"
        "    return [model['most']]\n"
    )
    client = client_of(code=code)
    app = client.application
    threads = [
        threading.Thread(target=lambda: app.test_client().post("/invocations", json=[1]))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert client.post("/invocations", json=[1]).json == [1]


def test_a_streamed_old_style_answer_keeps_its_place_until_it_ends(client_of: AppClient) -> None:
    code = OLD_STYLE_MODEL + "def predict_fn(data, model):\n    yield 'a'\n    yield 'b'\n"
    client = client_of(code=code, deadline_seconds=0.3)
    first = client.post("/invocations", json=[1], buffered=False)
    assert next(iter(first.response)) == b"a"
    refused = client.post("/invocations", json=[1])
    assert refused.status_code == 429
    first.close()
    assert client.post("/invocations", json=[1]).data == b"ab"


def test_a_model_that_is_no_engine_needs_a_predict_fn(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "inference.py").write_text(OLD_STYLE_MODEL)
    with pytest.raises(ConfigError, match="float, which is no engine"):
        Handler(ContainerSettings(model_dir=str(tmp_path))).load()


def test_json_lines_that_fail_end_with_the_error_as_a_line(client_of: AppClient) -> None:
    code = OLD_STYLE_MODEL + (
        "def predict_fn(data, model):\n    yield {'n': 1}\n    raise ValueError('secret')\n"
    )
    first, last = client_of(code=code).post("/invocations", json=[1]).data.splitlines()
    assert json.loads(first) == {"n": 1}
    assert json.loads(last)["error"]["code"] == "user_code_error"


def test_bare_texts_that_fail_break_off(client_of: AppClient) -> None:
    code = OLD_STYLE_MODEL + (
        "def predict_fn(data, model):\n    yield 'a'\n    raise ValueError('secret')\n"
    )
    with pytest.raises(BrokenPipeError):
        client_of(code=code).post("/invocations", json=[1])
