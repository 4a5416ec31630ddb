"""What a release replaces: the functions, the API in front of them, and who may sign in."""

from __future__ import annotations

from typing import Any

from aws_cdk import aws_kms as kms
from constructs import Construct

from infrastructure.edge.api import ChatApi
from infrastructure.edge.sign_in import SignInPool
from infrastructure.functions.consumer import Consumer
from infrastructure.functions.dead_letters import DeadLetters
from infrastructure.functions.orchestrator import Orchestrator
from infrastructure.functions.sweeper import Sweeper
from infrastructure.settings import Stage
from infrastructure.stacks.base import StageStack
from infrastructure.stacks.data import DataStack
from infrastructure.stacks.models import Backends
from infrastructure.stacks.network import NetworkStack


class ChatStack(StageStack):
    """The orchestrator and what works for it.

    Attributes:
        sign_in: who issues tokens.
        orchestrator: the function behind the API.
        sweeper: ends what others left behind.
        consumer: counts telemetry.
        dead_letters: what nobody could do.
        api: the one door to the orchestrator.
    """

    def __init__(
        self,
        scope: Construct,
        *,
        stage: Stage,
        network: NetworkStack,
        data: DataStack,
        models: Backends,
        key: kms.IKey,
    ) -> None:
        super().__init__(scope, "chat", stage=stage, about="functions, API, sign-in")
        place: dict[str, Any] = {
            "stage": stage,
            "vpc": network.vpc,
            "security": network.security,
            "key": key,
            "tables": data.tables,
            "events": data.events,
        }
        stores: dict[str, Any] = {"texts": data.texts, "sessions": data.sessions}
        self.sign_in = SignInPool(self, "SignIn", stage=stage)
        self.dead_letters = DeadLetters(self, "DeadLetters", stage=stage, key=key)
        self.orchestrator = Orchestrator(
            self,
            "Orchestrator",
            **place,
            **stores,
            endpoint=models.endpoint,
            fleet=models.fleet,
            sign_in=self.sign_in,
        )
        self.sweeper = Sweeper(
            self,
            "Sweeper",
            **place,
            **stores,
            environment=self.orchestrator.environment,
            dead_letters=self.dead_letters,
        )
        self.consumer = Consumer(self, "Consumer", **place, dead_letters=self.dead_letters)
        self.api = ChatApi(
            self,
            "Api",
            stage=stage,
            endpoint=network.endpoints.execute_api,
            function=self.orchestrator.alias,
            sign_in=self.sign_in,
            key=key,
        )
