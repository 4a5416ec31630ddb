"""What is kept: conversations, texts, events, sessions. Nothing here is replaced by a release."""

from __future__ import annotations

from aws_cdk import aws_kms as kms
from constructs import Construct

from infrastructure.data.events import Events
from infrastructure.data.history import HistoryTables
from infrastructure.data.sessions import SessionStore
from infrastructure.data.texts import Texts
from infrastructure.settings import Stage
from infrastructure.stacks.base import StageStack
from infrastructure.stacks.network import NetworkStack


class DataStack(StageStack):
    """The stores.

    Attributes:
        tables: conversations and marks.
        texts: long messages.
        events: telemetry on its way.
        sessions: locks, stream buffers, rates.
    """

    def __init__(
        self, scope: Construct, *, stage: Stage, network: NetworkStack, key: kms.IKey
    ) -> None:
        super().__init__(scope, "data", stage=stage, about="conversations, events, sessions")
        self.tables = HistoryTables(self, "History", stage=stage, key=key)
        self.texts = Texts(self, "Texts", stage=stage, key=key)
        self.events = Events(self, "Events", stage=stage, key=key)
        self.sessions = SessionStore(
            self, "Sessions", stage=stage, vpc=network.vpc, security=network.security, key=key
        )
