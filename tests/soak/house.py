"""The whole orchestrator on one machine, and the trouble that is made for it.

readers -> Lambda environments -> redis-server
                               -> faulty proxy -> ministack (DynamoDB, S3, Kinesis)
                               -> two faulty containers
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.lambda_environment import FunctionSettings
from local.lambda_function import LambdaFunction
from local.ministack import client, ministack
from orchestrator_lambda.history import schema
from orchestrator_lambda.history.dynamodb import DynamoHistory
from orchestrator_lambda.history.table import Table
from orchestrator_lambda.history.texts import S3Objects
from tests.soak.container import FaultyContainer
from tests.soak.proxy import FaultyProxy
from tests.support.redis_server import RedisServer, redis_server

ROOT = Path(__file__).parents[2]
TABLE, BUCKET, STREAM = "keepwarm", "keepwarm-texts", "keepwarm-events"
FAR_FUTURE_MS = 2**41


@dataclass
class SoakHouse:
    """Everything that runs."""

    function: LambdaFunction
    redis: RedisServer
    proxy: FaultyProxy
    containers: list[FaultyContainer]
    history: DynamoHistory
    kinesis: Any
    random: random.Random
    stream: str = STREAM
    killed: dict[str, int] = field(default_factory=dict)

    def make_trouble(self, over: threading.Event) -> None:
        """Kill Lambdas and Redis now and then, until it is over."""
        while not over.wait(self.random.uniform(0.2, 1.0)):
            if self.random.random() < 0.6:
                self._kill_a_lambda()
            if self.random.random() < 0.15:
                self._restart_redis(over)

    def be_kind(self) -> None:
        """No faults from now on."""
        self.proxy.chance = 0.0
        for container in self.containers:
            container.chance = 0.0

    def sweep(self) -> Any:
        """What the schedule does every minute."""
        return self.function.invoke({"source": "aws.events", "detail-type": "Scheduled Event"})

    def left_over(self) -> int:
        """Unfinished turns and events that are not known to be in Kinesis."""
        unfinished = list(self.history.unfinished(older_than_ms=FAR_FUTURE_MS, limit=10_000))
        outbox = list(self.history.outbox(older_than_ms=FAR_FUTURE_MS, limit=10_000))
        return len(unfinished) + len(outbox)

    def locks(self) -> int:
        """Locks that outlive everything that could hold them."""
        deadline = time.monotonic() + 15
        while (left := len(self.redis.client().keys("kw:*:lock"))) and time.monotonic() < deadline:
            time.sleep(0.2)
        return left

    def faults(self) -> dict[str, int]:
        """How often each kind of trouble was made."""
        made = {f"store: {name}": count for name, count in self.proxy.faults.items()}
        for container in self.containers:
            for name, count in container.faults.items():
                made[f"container: {name}"] = made.get(f"container: {name}", 0) + count
        return made | self.killed

    def _kill_a_lambda(self) -> None:
        environments = self.function.environments
        if environments:
            self.random.choice(environments).kill()
            self.killed["lambda killed"] = self.killed.get("lambda killed", 0) + 1

    def _restart_redis(self, over: threading.Event) -> None:
        self.redis.kill()
        over.wait(self.random.uniform(0.2, 1.5))
        self.redis.start()
        self.killed["redis killed"] = self.killed.get("redis killed", 0) + 1


@contextmanager
def soak_house(seed: int, folder: Path, *, chance: float = 0.03) -> Iterator[SoakHouse]:
    """All parts while the block runs.

    Args:
        chance: of each fault at each opportunity.
    """
    with (
        ministack() as url,
        FaultyProxy(url, seed, chance) as proxy,
        redis_server(folder) as redis,
        FaultyContainer(seed, chance) as one,
        FaultyContainer(seed + 1, chance) as other,
    ):
        client("dynamodb", url).create_table(**schema.table_definition(TABLE))
        client("s3", url).create_bucket(Bucket=BUCKET)
        client("kinesis", url).create_stream(StreamName=STREAM, ShardCount=2)
        settings = FunctionSettings(
            handler="orchestrator_lambda.handler.handler",
            root=ROOT,
            env=function_environment(proxy.url, redis.url, [one.url, other.url]),
            timeout_s=60.0,
            max_environments=24,
            log=folder / "lambda.log",
        )
        table = Table(client("dynamodb", url), TABLE)
        with LambdaFunction(settings) as function:
            yield SoakHouse(
                function=function,
                redis=redis,
                proxy=proxy,
                containers=[one, other],
                history=DynamoHistory(table, S3Objects(client("s3", url), BUCKET)),
                kinesis=client("kinesis", url),
                random=random.Random(f"trouble:{seed}"),
            )


def function_environment(stores: str, redis: str, fleets: list[str]) -> dict[str, str]:
    """The function's variables."""
    backends = [
        {"kind": "fleet", "name": f"fleet-{number}", "url": url, "stall_seconds": 1.0}
        for number, url in enumerate(fleets)
    ]
    return {
        "AWS_ENDPOINT_URL": stores,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "KEEPWARM_ENV": "local",
        "KEEPWARM_IDENTITY": "local",
        "KEEPWARM_TABLE": TABLE,
        "KEEPWARM_BUCKET": BUCKET,
        "KEEPWARM_STREAM": STREAM,
        "KEEPWARM_REDIS_URL": redis,
        "KEEPWARM_BACKENDS": json.dumps(backends),
        "KEEPWARM_RATE_BURST": "0",
        "KEEPWARM_TITLES": "false",
        "KEEPWARM_GRACE_SECONDS": "1",
        "KEEPWARM_LOCK_SECONDS": "2",
        "KEEPWARM_DEGRADED_GRACE_SECONDS": "4",
        "KEEPWARM_CHECKPOINT_SECONDS": "0.5",
    }
