"""An engine without a process of its own."""

from __future__ import annotations

from serving.config import SchedulerConfig
from serving.engine.client import Client
from serving.engine.core import Core
from serving.engine.transport import ThreadTransport
from serving.request import ModelInfo
from serving.tokenizer import Tokenizer


class LocalEngineClient(Client):
    """The engine's loop on a thread of this process: tests, offline use, fake runners."""

    def __init__(
        self, core: Core, info: ModelInfo, tokenizer: Tokenizer, scheduler: SchedulerConfig
    ) -> None:
        super().__init__(ThreadTransport(core, info), tokenizer, scheduler)
