"""`KEEPWARM_BACKENDS`: what it makes, and how each mistake is named."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from orchestrator_lambda.backends.config import build_router
from orchestrator_lambda.backends.fleet import FleetBackend
from orchestrator_lambda.backends.sagemaker import SageMakerBackend
from orchestrator_lambda.errors import ConfigError
from orchestrator_lambda.settings import Settings

ENDPOINT = {"kind": "sagemaker", "endpoint": "chat", "region": "eu-west-1"}
FLEET = {"kind": "fleet", "url": "http://lb.internal:8080"}


def test_entries_become_backends_in_their_order() -> None:
    settings = Settings.from_env({"KEEPWARM_BACKENDS": json.dumps([ENDPOINT, FLEET])})
    router = build_router(settings.backend_entries())
    assert [type(member.backend) for member in router.members] == [SageMakerBackend, FleetBackend]
    assert [member.name for member in router.members] == ["chat", "lb.internal"]
    assert router.healthy()


def test_every_field_is_read() -> None:
    made: dict[str, Any] = {}

    def make_client(**options: Any) -> object:
        made.update(options)
        return object()

    full = {
        **ENDPOINT,
        "name": "main",
        "weight": 3,
        "variant": "blue",
        "inference_component": "ic",
        "endpoint_url": "http://127.0.0.1:1",
        "prefix_aware": True,
        "prefix_length": 4096,
        "session_mode": True,
        "connect_seconds": 1,
        "stall_seconds": 30,
        "pool": 2,
    }
    fleet = {**FLEET, "name": "spill", "weight": 1, "ca_file": "/ca.pem", "url": "https://lb/x"}
    router = build_router([full, fleet], make_client=make_client)
    assert [(member.name, member.weight) for member in router.members] == [
        ("main", 3.0),
        ("spill", 1.0),
    ]
    assert (made["region"], made["endpoint_url"]) == ("eu-west-1", "http://127.0.0.1:1")
    assert (made["limits"].stall_s, made["limits"].connect_s, made["limits"].pool) == (30, 1, 2)
    backend = router.members[0].backend
    assert isinstance(backend, SageMakerBackend)
    assert (backend._endpoint.header_bytes, backend._endpoint.prefix_aware) == (4096, True)
    assert backend._endpoint.sessions is not None


def test_the_client_never_repeats_a_call_and_does_not_wait_long() -> None:
    router = build_router([ENDPOINT])
    backend = router.members[0].backend
    assert isinstance(backend, SageMakerBackend)
    config = backend._client.meta.config
    assert config.retries["total_max_attempts"] == 1
    assert (config.connect_timeout, config.read_timeout, config.tcp_keepalive) == (2, 20, True)


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([], "is empty"),
        ([{}], r"\[0\].kind must be"),
        ([{"kind": "vllm"}], r"\[0\].kind must be sagemaker or fleet"),
        ([{"kind": ["fleet"]}], r"\[0\].kind"),
        ([ENDPOINT, {"kind": "sagemaker"}], r"\[1\].endpoint is missing"),
        ([{**ENDPOINT, "endpoint": "a_b"}], r"\[0\].endpoint must be letters"),
        ([{**ENDPOINT, "endpoint": "x" * 64}], r"\[0\].endpoint"),
        ([{**ENDPOINT, "endpoint": 7}], r"\[0\].endpoint"),
        ([{**ENDPOINT, "varient": "x"}], r"\[0\].varient is no field of kind sagemaker"),
        ([{**FLEET, "endpoint": "x"}], r"\[0\].endpoint is no field of kind fleet"),
        ([{**ENDPOINT, "region": "europe"}], r"\[0\].region must be"),
        ([{**ENDPOINT, "endpoint_url": "x"}], r"\[0\].endpoint_url"),
        ([{**ENDPOINT, "prefix_aware": "yes"}], r"\[0\].prefix_aware must be true or false"),
        ([{**ENDPOINT, "prefix_length": 100}], r"\[0\].prefix_length .*\[1024, 65536\]"),
        ([{**ENDPOINT, "stall_seconds": True}], r"\[0\].stall_seconds"),
        ([{**ENDPOINT, "pool": 0}], r"\[0\].pool"),
        ([{**ENDPOINT, "pool": 1.5}], r"\[0\].pool must be a whole number"),
        ([{**ENDPOINT, "name": "a b"}], r"\[0\].name"),
        ([{**ENDPOINT, "weight": 0}], r"\[0\].weight"),
        ([{**ENDPOINT, "weight": 1}, FLEET], "weight"),
        ([FLEET, FLEET], "same name"),
        ([{"kind": "fleet"}], r"\[0\].url is missing"),
        ([{**FLEET, "url": "lb:8080"}], r"\[0\].url must be http"),
        ([{**FLEET, "url": "ftp://lb"}], r"\[0\].url must be http"),
        ([{**FLEET, "url": "http://user:pw@lb"}], r"\[0\].url must be http"),
        ([{**FLEET, "url": "http://lb:99999"}], r"\[0\].url"),
    ],
)
def test_mistakes_name_the_entry_and_the_field(entries: list[Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words) as wrong:
        build_router(entries)
    assert "KEEPWARM_BACKENDS" in wrong.value.message


def test_a_region_that_nobody_names_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    with pytest.raises(ConfigError, match=r"\[0\].region is missing"):
        build_router([{"kind": "sagemaker", "endpoint": "chat"}])


def test_importing_the_backends_imports_no_client_library() -> None:
    code = (
        "import sys, orchestrator_lambda.backends.config\n"
        "heavy = {'boto3', 'botocore', 'urllib3', 'http.client', 'ssl'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    printed = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert printed.strip() == "[]"
