"""The image, built once for all tests, and containers of it."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from cli.default_model import cache_folder
from tests.image.making import ensure_image
from tests.image.needs import what_is_missing
from tests.image.running import Container, Image
from tests.image.store import ImageStore

StartContainer = Callable[..., Container]


@pytest.fixture(scope="session")
def say(pytestconfig: pytest.Config) -> Callable[[str], None]:
    """Print a line at once: a build takes minutes."""
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    started = time.monotonic()

    def say_it(text: str) -> None:
        with capture.global_and_fixture_disabled():
            print(f"\n[{time.monotonic() - started:5.0f} s] {text}", flush=True)

    return say_it


@pytest.fixture(scope="session")
def image(say: Callable[[str], None]) -> Iterator[Image]:
    """The image of the files as they are now, built if need be, with its files in a folder."""
    missing = what_is_missing()
    if missing is not None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
    folder = cache_folder() / "image"
    folder.mkdir(parents=True, exist_ok=True)
    store = ImageStore(folder / "storage")
    name = ensure_image(folder, store, say)
    say(f"image: {name} is ready")
    with store.mounted(name) as root:
        yield Image(name, store.details(name), root)


@pytest.fixture
def start_container(image: Image, tmp_path: Path) -> Iterator[StartContainer]:
    """Start containers that end with the test; the model lies where the platform puts it."""
    with ExitStack() as running:

        def start(
            model: Path,
            *,
            mounts: Mapping[str, Path] | None = None,
            env: Mapping[str, str] | None = None,
            arguments: tuple[str, ...] = ("serve",),
            user: int = 0,
            program: tuple[str, ...] = (),
        ) -> Container:
            folder = tmp_path / f"container-{uuid.uuid4().hex[:6]}"
            places = {"/opt/ml/model": model, **(mounts or {})}
            return running.enter_context(
                Container(image, folder, places, dict(env or {}), arguments, user, program)
            )

        yield start
