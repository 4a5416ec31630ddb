"""What is in the image, and what is not."""

from __future__ import annotations

import json
import os
import re
import stat
import struct
from collections.abc import Callable, Iterator
from pathlib import Path, PurePath

import pytest

from container.image.fingerprint import ROOT, image_files
from container.image.lock import HERE as LOCKS
from container.image.lock import entries
from tests.image.running import Image

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]

HOME = PurePath("opt/keepwarm")
LARGEST_BYTES = 2_500_000_000


def files_below(folder: Path) -> Iterator[Path]:
    """Every file and link; links are not followed out of the image."""
    for place, _, names in os.walk(folder):
        yield from (Path(place) / name for name in names)


@pytest.fixture(scope="module")
def packages(image: Image) -> Path:
    (found,) = (image.root / HOME / "venv/lib").glob("python3.*/site-packages")
    return found


def test_its_size(image: Image, say: Callable[[str], None]) -> None:
    sizes = [
        (layer["size"], entry["created_by"])
        for layer, entry in zip(
            json.loads(image.details["Manifest"])["layers"],
            [one for one in image.details["OCIv1"]["history"] if not one.get("empty_layer")],
            strict=True,
        )
    ]
    for size, made_by in sizes:
        say(f"{size / 1e6:7.0f} MB  {made_by[:80]}")
    total = sum(size for size, _ in sizes)
    say(f"{total / 1e6:7.0f} MB  in all")
    assert total < LARGEST_BYTES


def test_its_entry_point_is_a_program_and_not_a_shell(image: Image) -> None:
    program, script = image.config["Entrypoint"]
    assert program.endswith("/python")
    assert (image.root / script.lstrip("/")).stat().st_mode & stat.S_IXOTH
    assert image.config["Cmd"] == ["serve"]
    assert image.config["StopSignal"] == "SIGTERM"
    assert list(image.config["ExposedPorts"]) == ["8080/tcp"]


def test_its_labels_are_those_of_the_hosting_contract(image: Image) -> None:
    labels = image.config["Labels"]
    assert labels["com.amazonaws.sagemaker.capabilities.accept-bind-to-port"] == "true"
    assert labels["keepwarm.accelerator"] == "cpu"
    assert image.name.endswith(f":cpu-{labels['keepwarm.fingerprint']}")


def test_it_listens_on_every_address_and_asks_no_hub(image: Image) -> None:
    env = dict(entry.split("=", 1) for entry in image.config["Env"])
    assert env["KEEPWARM_HOST"] == "0.0.0.0"
    assert env["HF_HUB_OFFLINE"] == "1"
    assert env["PATH"].startswith("/opt/keepwarm/venv/bin:")
    assert "LD_LIBRARY_PATH" not in env


def test_of_the_project_it_holds_what_it_runs_and_nothing_else(image: Image) -> None:
    home = image.root / HOME
    held = {
        path.relative_to(home)
        for path in files_below(home)
        if not path.is_relative_to(home / "venv") and path.suffix != ".pyc"
    }
    assert held == set(image_files(ROOT))
    assert not [path for path in held if "tests" in path.parts]


def test_its_packages_are_those_of_the_lock(packages: Path) -> None:
    locked = entries((LOCKS / "requirements-cpu.txt").read_text())
    wanted = {name: entry.split("==")[1].split()[0] for name, entry in locked.items()}
    found = {}
    for folder in packages.glob("*.dist-info"):
        name, version = folder.name.removesuffix(".dist-info").rsplit("-", 1)
        found[re.sub(r"[-_.]+", "-", name).lower()] = version
    del found["pip"]  # for KEEPWARM_INSTALL_REQUIREMENTS
    assert found == wanted


def test_bytecode_came_along_so_that_the_first_start_is_quick(packages: Path, image: Image) -> None:
    sources = [packages / "torch/__init__.py", packages / "transformers/__init__.py"]
    for source in [*sources, image.root / HOME / "container/app.py"]:
        (compiled,) = (source.parent / "__pycache__").glob(f"{source.stem}.cpython-*.pyc")
        flags, changed = struct.unpack("<II", compiled.read_bytes()[4:12])
        assert flags == 0
        assert changed == int(source.stat().st_mtime)


@pytest.mark.parametrize(
    "folder",
    ["root", "home", "tmp", "wheelhouse", "var/tmp", "var/lib/apt/lists", "var/cache/apt"],
)
def test_nothing_is_left_of_the_build(image: Image, folder: str) -> None:
    kept = {".bashrc", ".profile"}
    left = [path for path in files_below(image.root / folder) if path.name not in kept]
    assert left == []


def test_it_holds_no_weights_no_history_and_no_keys(image: Image) -> None:
    forbidden = re.compile(
        r".*\.(safetensors|gguf|ckpt|pt|key|p12|pfx)|pytorch_model.*|\.git|\.env|\.netrc|\.pypirc|pip\.conf"
        r"|id_(rsa|dsa|ecdsa|ed25519)|credentials"
    )
    found = [
        path.relative_to(image.root)
        for path in files_below(image.root)
        if forbidden.fullmatch(path.name) and not path.is_relative_to(image.root / "usr")
    ]
    assert found == []


def test_it_says_nothing_of_the_machine_that_built_it(image: Image) -> None:
    said = json.dumps([image.config, image.details["OCIv1"]["history"]])
    for word in ("PIP_NO_INDEX", "wheelhouse-", str(ROOT), "PASSWORD", "TOKEN", "SECRET"):
        assert word not in said


def test_any_user_may_read_it_and_only_root_may_change_it(image: Image) -> None:
    for path in files_below(image.root / HOME):
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            continue
        assert mode & stat.S_IROTH, path
        assert not mode & (stat.S_IWGRP | stat.S_IWOTH), path
        assert path.lstat().st_uid == 0, path
