"""The parts of a running server, put together once."""

from __future__ import annotations

from container.admission import Admission
from container.handler import Handler
from container.lifecycle import Lifecycle
from container.session_headers import SessionProtocol
from container.sessions import SessionStore
from container.settings import ContainerSettings
from container.telemetry import Telemetry
from serving.engine.protocol import EngineState
from serving.errors import EngineUnavailable
from serving.request import EngineStats, KVUsage, ModelInfo


class Runtime:
    """Everything that requests share."""

    def __init__(self, settings: ContainerSettings) -> None:
        self.settings = settings
        self.handler = Handler(settings)
        self.admission = Admission(settings.max_concurrent)
        self.store = SessionStore(settings.session_seconds, settings.max_sessions)
        self.sessions = SessionProtocol(settings, self.store)
        self.lifecycle = Lifecycle(
            self.handler,
            self.admission,
            warmup_tokens=settings.warmup_tokens,
            drain_s=settings.drain_seconds,
        )
        self.telemetry = Telemetry(
            stats=self._stats,
            info=self._info,
            active=lambda: self.admission.active,
            sessions=lambda: len(self.store),
            serving=lambda: self.lifecycle.trouble() is None,
        )

    def kv_usage(self) -> KVUsage | None:
        """Who has how much of the KV cache; None for a model that is not served from blocks.

        Raises:
            EngineUnavailable: the engine is loading, stuck or dead.
        """
        engine = self.handler.engine
        if engine is None:
            self.lifecycle.check_open()
            return None
        return engine.kv_usage() if hasattr(engine, "kv_usage") else None

    def _info(self) -> ModelInfo | None:
        engine = self.handler.engine
        if engine is None or engine.state is EngineState.LOADING:
            return None
        try:
            return engine.model_info
        except EngineUnavailable:  # it died while it was loading
            return None

    def _stats(self) -> EngineStats | None:
        engine = self.handler.engine
        return None if engine is None else engine.stats()
