"""What the image says it is made of."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from container.sbom import bill_of_materials, installed_packages

STATUS = """\
Package: libstdc++6
Status: install ok installed
Architecture: amd64
Version: 12.2.0-14+deb12u1
Description: GNU Standard C++ Library v3
 This package: has a line with a colon.

Package: removed
Status: deinstall ok config-files
Architecture: amd64
Version: 1.0
"""
DEBIAN = {"ID": "debian", "VERSION_ID": "12"}


def distribution(
    folder: Path, name: str, version: str, *more: str
) -> importlib.metadata.Distribution:
    place = folder / f"{name}-{version}.dist-info"
    place.mkdir()
    lines = ["Metadata-Version: 2.4", f"Name: {name}", f"Version: {version}", *more]
    (place / "METADATA").write_text("\n".join(lines) + "\n")
    return importlib.metadata.Distribution.at(place)


def components(python: list[Any], status: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = bill_of_materials(python, status, DEBIAN)["components"]
    return found


def test_a_package_of_the_distribution_is_named_for_scanners() -> None:
    (found,) = components([], STATUS)
    assert found["name"] == "libstdc++6"
    assert found["purl"] == (
        "pkg:deb/debian/libstdc%2B%2B6@12.2.0-14%2Bdeb12u1?arch=amd64&distro=debian-12"
    )


def test_what_was_removed_is_left_out() -> None:
    assert [one["Package"] for one in installed_packages(STATUS)] == ["libstdc++6"]


def test_a_python_package_is_named_as_the_index_names_it(tmp_path: Path) -> None:
    (found,) = components(
        [distribution(tmp_path, "Typing_Extensions", "4.16.0+cpu", "License-Expression: PSF-2.0")]
    )
    assert found["purl"] == "pkg:pypi/typing-extensions@4.16.0%2Bcpu"
    assert found["licenses"] == [{"expression": "PSF-2.0"}]


def test_it_is_sorted_and_names_nothing_twice(tmp_path: Path) -> None:
    twice = [distribution(tmp_path, "b", "1"), distribution(tmp_path, "a", "1")]
    assert [one["name"] for one in components([*twice, *twice])] == ["a", "b"]


def test_it_is_printed_by_the_module(tmp_path: Path) -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "container.sbom"], capture_output=True, text=True, check=True
    ).stdout
    document = json.loads(printed)
    assert document["bomFormat"] == "CycloneDX"
    names = {one["name"].lower() for one in document["components"]}
    assert {"torch", "flask"} <= names
