"""A request for an image: read from a message, sent again, told to a build and read back."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from pipelines.errors import BuildError
from pipelines.image.request import ImageRequest
from tests.support.image_account import FINGERPRINT, SOURCE, message

EXECUTION = "arn:aws:sagemaker:us-east-1:123456789012:pipeline/keepwarm/execution/abc"
TOKEN = "a1B2c3D4e5"


def request(**changes: str) -> ImageRequest:
    body = json.loads(message(TOKEN, EXECUTION))
    body["arguments"] |= changes
    return ImageRequest.parse(json.dumps(body))


def test_it_comes_back_from_its_own_message() -> None:
    waiting = request().waiting(12.5)
    assert ImageRequest.parse(waiting.message()) == waiting


def test_it_waits_since_the_first_time() -> None:
    assert request().waiting(1.0).waiting(2.0).waits_since == 1.0


def test_it_comes_back_from_the_build_that_it_started() -> None:
    assert ImageRequest.of_variables(request().variables()) == request()


def test_a_build_without_a_token_has_none() -> None:
    assert ImageRequest.of_variables({"FINGERPRINT": FINGERPRINT}) is None


@pytest.mark.parametrize("key", ["status", "Status"])
def test_a_stop_is_seen_however_it_is_spelled(key: str) -> None:
    body = {"token": TOKEN, "pipelineExecutionArn": EXECUTION, key: "Stopping"}
    assert ImageRequest.parse(json.dumps(body)).stopping


@pytest.mark.parametrize("word", ["build", ""])
def test_no_image_is_named_by_a_word_or_by_nothing(word: str) -> None:
    assert request(ImageUri=word).image == ""


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"ImageUri": "repo:latest"}, "ImageUri must be an image by digest"),
        ({"Fingerprint": "../../x"}, "Fingerprint must be hex digits"),
        ({"Fingerprint": ""}, "Fingerprint must be hex digits"),
        ({"ImageSource": "https://example.com/x"}, "ImageSource must be s3://bucket/key"),
    ],
)
def test_what_cannot_be_asked_for_is_said(changes: dict[str, str], said: str) -> None:
    with pytest.raises(BuildError, match=said):
        request(**changes).check()


def test_what_can_be_asked_for_passes() -> None:
    request().check()
    assert request().source == SOURCE


def test_the_functions_bring_nothing_heavy_into_a_lambda() -> None:
    program = (
        "import sys, pipelines.functions.build_image, pipelines.functions.build_finished\n"
        "heavy = {'torch', 'transformers', 'sagemaker', 'numpy', 'rich', 'container'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "[]"
