"""An application in this process, around a fake engine or a model's own code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from container import defaults
from container.app import create_app
from container.runtime import Runtime
from container.settings import ContainerSettings
from serving.testing import FakeEngine


class ClosingClient(FlaskClient):
    """Closes each response when it is read, as a server does; `buffered=False` leaves it open."""

    def open(self, *args: Any, buffered: bool = True, **kwargs: Any) -> Any:
        return super().open(*args, buffered=buffered, **kwargs)


AppClient = Callable[..., FlaskClient]


@pytest.fixture
def runtime_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Runtime]:
    """A runtime whose built-in model_fn returns the engine given; loaded and serving."""

    def build(engine: FakeEngine | None = None, code: str = "", **settings: Any) -> Runtime:
        monkeypatch.setattr(defaults, "model_fn", lambda model_dir: engine or FakeEngine())
        if code:
            (tmp_path / "code").mkdir(exist_ok=True)
            (tmp_path / "code" / "inference.py").write_text(code)
        runtime = Runtime(ContainerSettings(model_dir=str(tmp_path), **settings))
        failures: list[str] = []
        runtime.lifecycle._start(lambda: failures.append(runtime.lifecycle._reason))
        assert not failures, failures
        return runtime

    return build


@pytest.fixture
def client_of(runtime_of: Callable[..., Runtime]) -> AppClient:
    """A test client of the application around `runtime_of`'s runtime."""

    def build(engine: FakeEngine | None = None, code: str = "", **settings: Any) -> FlaskClient:
        runtime = runtime_of(engine, code, **settings)
        app = create_app(runtime)
        app.extensions["keepwarm"] = runtime
        app.test_client_class = ClosingClient
        return app.test_client()

    return build
