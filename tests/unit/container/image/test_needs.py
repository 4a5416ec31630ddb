"""What `make test-image` says on a machine that cannot build images."""

from __future__ import annotations

import os
import platform
import shutil
import sys

import pytest

from tests.image.needs import what_is_missing


@pytest.fixture(autouse=True)
def a_machine_that_can(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda tool: f"/usr/bin/{tool}")


def test_nothing_is_missing_where_all_is_there() -> None:
    assert what_is_missing() is None


def test_a_missing_tool_is_named_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shutil, "which", lambda tool: None if tool == "buildah" else tool)
    said = what_is_missing()
    assert said is not None
    assert said.endswith("apt-get install --no-install-recommends buildah")


def test_another_user_than_root_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "sudo make test-image" in str(what_is_missing())


def test_another_kind_of_machine_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    assert "x86-64" in str(what_is_missing())
