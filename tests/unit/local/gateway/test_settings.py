"""The gateway's settings between the supervisor's file and the gateway."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from local.gateway.__main__ import function_settings
from local.gateway.settings import (
    GatewaySettings,
    read_json,
    settings_from_json,
    settings_to_json,
)


def test_what_is_written_is_read() -> None:
    settings = GatewaySettings(
        port=5, web=Path("/web"), containers={"a": "http://127.0.0.1:1"}, faults="cut"
    )
    assert settings_from_json(json.loads(json.dumps(settings_to_json(settings)))) == settings


def test_an_unknown_setting_is_named() -> None:
    with pytest.raises(ValueError, match="'ports' is no setting of the gateway"):
        settings_from_json({"ports": 5})


@pytest.mark.parametrize("wrong", [{"idle_s": 0}, {"body_limit": -1}, {"port": 65536}])
def test_a_value_that_makes_no_sense_is_named(wrong: dict[str, int]) -> None:
    (name,) = wrong
    with pytest.raises(ValueError, match=name):
        GatewaySettings(**wrong)


def test_a_file_must_hold_an_object(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("[]")
    with pytest.raises(ValueError, match="does not hold an object"):
        read_json(tmp_path / "file")


def test_the_function_is_described_there_too() -> None:
    function = function_settings({"handler": "a.b", "root": "/root", "log": "/log", "env": {}})
    assert (function.handler, function.root, function.log) == ("a.b", Path("/root"), Path("/log"))
    assert function_settings({"handler": "a.b", "root": "/root"}).log is None
    with pytest.raises(TypeError):
        function_settings({"handler": "a.b", "root": "/root", "colour": "red"})
