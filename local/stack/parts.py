"""The parts of the stack, and who needs whom.

redis    stores (DynamoDB, Kinesis, S3)    container    fleet
   |        |         |                        |          |
   |        |      consumer                sagemaker      |
   `--------`--------------- gateway ---------`-----------'
              (edge, REST API, the function's environments, sign-in, the page)
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from local.gateway.settings import GatewaySettings, settings_to_json
from local.ministack import READY_PATH, ministack_command, ministack_environment
from local.stack import settings as names
from local.stack.function import ROOT, function_environment
from local.stack.part import Part
from local.stack.probes import answers, exists, listens, says_pong
from local.stack.redis_command import redis_arguments, redis_command
from local.stack.settings import StackSettings
from local.stack.stores import make_stores
from local.telemetry_file import aside

LOAD_S = 900.0  # a large model on a slow disk


def stack_parts(settings: StackSettings, ports: Mapping[str, int]) -> list[Part]:
    """The parts that are wanted and what they need.

    A part is started when what it cannot start without is ready; the containers, which take the
    longest, load meanwhile.

    `ports` has one for every part that listens.

    Raises:
        StackError, EmulatorMissing: a program is not installed.
    """
    wanted = _with_needs(settings)
    makers: dict[str, Callable[[], Part]] = {
        names.REDIS: lambda: _redis(settings, ports[names.REDIS]),
        names.STORES: lambda: _stores(settings, ports[names.STORES]),
        names.CONTAINER: lambda: _container(settings, ports, names.CONTAINER),
        names.FLEET: lambda: _container(settings, ports, names.FLEET),
        names.SAGEMAKER: lambda: _sagemaker(ports),
        names.CONSUMER: lambda: _consumer(settings, ports),
        names.GATEWAY: lambda: _gateway(settings, ports),
    }
    return [makers[name]() for name in names.NAMES if name in wanted]


def loads_model(only: Sequence[str]) -> bool:
    """Whether one of these parts, or what they need, loads the weights; empty means all parts."""
    return not only or bool(
        {names.CONTAINER, names.FLEET, names.SAGEMAKER, names.GATEWAY} & {*only}
    )


def _needs(settings: StackSettings) -> dict[str, tuple[str, ...]]:
    backends = (names.SAGEMAKER, *((names.FLEET,) if settings.with_fleet else ()))
    return {
        names.SAGEMAKER: (names.CONTAINER,),
        names.CONSUMER: (names.STORES,),
        names.GATEWAY: (names.REDIS, names.STORES, *backends),
    }


def _with_needs(settings: StackSettings) -> set[str]:
    needs = _needs(settings)
    everything = [name for name in names.NAMES if name != names.FLEET or settings.with_fleet]
    waiting, wanted = list(settings.only or everything), set[str]()
    while waiting:
        name = waiting.pop()
        if name not in wanted:
            wanted.add(name)
            waiting += needs.get(name, ())
    return wanted


def _redis(settings: StackSettings, port: int) -> Part:
    folder = settings.data / "redis"
    folder.mkdir(parents=True, exist_ok=True)
    return Part(
        name=names.REDIS,
        title="Redis: sessions",
        command=(redis_command(), *redis_arguments(port, folder, keep=settings.keep)),
        port=port,
        probe=says_pong(port),
    )


def _stores(settings: StackSettings, port: int) -> Part:
    url = f"http://127.0.0.1:{port}"
    return Part(
        name=names.STORES,
        title="DynamoDB, Kinesis, S3",
        command=(ministack_command(),),
        env=ministack_environment(port, settings.data / "stores" if settings.keep else None),
        port=port,
        probe=answers(port, READY_PATH),
        prepare=lambda: make_stores(url),
    )


def _container(settings: StackSettings, ports: Mapping[str, int], name: str) -> Part:
    port = ports[name]
    title = "container: SageMaker" if name == names.CONTAINER else "container: EC2 fleet"
    return Part(
        name=name,
        title=title,
        command=_python("container.server", "--model", settings.model, "--port", port),
        env={
            "KEEPWARM_HOST": "127.0.0.1",
            "KEEPWARM_INSTANCE_ID": name,
            "HF_HUB_OFFLINE": "1",
            **settings.env,
        },
        port=port,
        probe=answers(port, "/ping"),
        ready_s=LOAD_S,
        stop_s=35.0,  # it gives running answers 25 s of their own
    )


def _sagemaker(ports: Mapping[str, int]) -> Part:
    port = ports[names.SAGEMAKER]
    container = f"http://127.0.0.1:{ports[names.CONTAINER]}"
    return Part(
        name=names.SAGEMAKER,
        title="SageMaker runtime",
        command=_python("local.sagemaker_runtime", "--container", container, "--port", port),
        port=port,
        probe=listens(port),
    )


def _consumer(settings: StackSettings, ports: Mapping[str, int]) -> Part:
    file = telemetry_file(settings)
    stores = f"http://127.0.0.1:{ports[names.STORES]}"
    kept = ("--checkpoints", settings.data / "checkpoints.json") if settings.keep else ()
    return Part(
        name=names.CONSUMER,
        title="telemetry consumer",
        command=_python("local.telemetry_consumer", "--stores", stores, "--file", file, *kept),
        needs=(names.STORES,),
        probe=exists(file),
    )


def _gateway(settings: StackSettings, ports: Mapping[str, int]) -> Part:
    file = settings.folder / "gateway.json"
    content = {
        "gateway": _gateway_settings(settings, ports),
        "function": _function(settings, ports),
    }
    file.write_text(json.dumps(content, indent=2), encoding="utf-8")
    file.chmod(0o600)
    return Part(
        name=names.GATEWAY,
        title="edge, API and page",
        command=_python("local.gateway", "--settings", file),
        needs=(names.REDIS, names.STORES),
        port=ports[names.GATEWAY],
        probe=answers(ports[names.GATEWAY], "/v1/health"),
    )


def _gateway_settings(settings: StackSettings, ports: Mapping[str, int]) -> dict[str, Any]:
    containers = [names.CONTAINER, *([names.FLEET] if settings.with_fleet else [])]
    return settings_to_json(
        GatewaySettings(
            port=ports[names.GATEWAY],
            web=settings.web,
            faults=settings.faults,
            containers={name: f"http://127.0.0.1:{ports[name]}" for name in containers},
            parts_file=settings.folder / "state.json",
            telemetry_file=telemetry_file(settings),
        )
    )


def _function(settings: StackSettings, ports: Mapping[str, int]) -> dict[str, Any]:
    return {
        "handler": "orchestrator_lambda.handler.handler",
        "root": str(ROOT),
        "env": function_environment(settings, ports),
        "log": str(settings.logs / "function.log"),
    }


def telemetry_file(settings: StackSettings) -> Path:
    """What the consumer writes and the page under the hood reads."""
    return settings.folder / "telemetry.jsonl"


def _python(module: str, *arguments: object) -> tuple[str, ...]:
    return (sys.executable, "-m", module, *map(str, arguments))


def clear(settings: StackSettings) -> None:
    """Put the last stack's files away; its data too, unless they are to be kept."""
    if not settings.keep:
        shutil.rmtree(settings.data, ignore_errors=True)
    shutil.rmtree(settings.logs, ignore_errors=True)
    for file in (telemetry_file(settings), aside(telemetry_file(settings))):
        file.unlink(missing_ok=True)
    settings.logs.mkdir(parents=True, exist_ok=True)
