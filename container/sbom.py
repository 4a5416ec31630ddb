"""What this image is made of, as a CycloneDX document: `python -m container.sbom` prints it.

The image tells it itself, from the records of its two package managers, so that nothing has to be
unpacked or guessed from outside, and the same image always says the same.
"""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any
from urllib.parse import quote

DPKG_STATUS = Path("/var/lib/dpkg/status")

Component = dict[str, Any]


def bill_of_materials(
    python: Iterable[Distribution], dpkg_status: str, system: dict[str, str]
) -> dict[str, Any]:
    """The document, sorted by package.

    Args:
        python: distributions on the path.
        dpkg_status: text of dpkg's status file; empty where there is none.
        system: of `/etc/os-release`, `ID` and `VERSION_ID`.
    """
    found = {part["bom-ref"]: part for part in map(_python_component, python)}
    found |= {part["bom-ref"]: part for part in _debian_components(dpkg_status, system)}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "container", "name": "keepwarm"}},
        "components": [found[name] for name in sorted(found)],
    }


def installed_packages(dpkg_status: str) -> Iterator[dict[str, str]]:
    """The fields of every installed package in dpkg's status file."""
    for stanza in dpkg_status.split("\n\n"):
        lines = [line for line in stanza.splitlines() if line[:1].strip() and ": " in line]
        fields = dict(line.split(": ", 1) for line in lines)
        if fields.get("Status", "").endswith(" installed"):
            yield fields


def _debian_components(dpkg_status: str, system: dict[str, str]) -> Iterator[Component]:
    name = system.get("ID", "debian")
    distro = f"{name}-{system.get('VERSION_ID', '')}".rstrip("-")
    for fields in installed_packages(dpkg_status):
        package, version = fields["Package"], fields["Version"]
        purl = f"pkg:deb/{name}/{_quote(package)}@{_quote(version)}"
        yield _component(package, version, f"{purl}?arch={fields['Architecture']}&distro={distro}")


def _python_component(found: Distribution) -> Component:
    name, version = found.metadata["Name"], found.version
    purl = f"pkg:pypi/{_quote(name.lower().replace('_', '-'))}@{_quote(version)}"
    component = _component(name, version, purl)
    if "License-Expression" in found.metadata:
        component["licenses"] = [{"expression": found.metadata["License-Expression"]}]
    return component


def _component(name: str, version: str, purl: str) -> Component:
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}


def _quote(text: str) -> str:
    return quote(text, safe="")


def main() -> None:
    """Print this image's document."""
    status = DPKG_STATUS.read_text(encoding="utf-8") if DPKG_STATUS.is_file() else ""
    document = bill_of_materials(distributions(), status, platform.freedesktop_os_release())
    sys.stdout.write(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
