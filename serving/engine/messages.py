"""What crosses between the client and the engine's loop: msgpack records, tagged by kind."""

from __future__ import annotations

import msgspec

from serving.request import EngineRequest, EngineStats, KVUsage, ModelInfo, TokenDelta


class Abort(msgspec.Struct, frozen=True, tag="abort"):
    """Forget these requests."""

    request_ids: list[str]


class AskKVUsage(msgspec.Struct, frozen=True, tag="ask_kv_usage"):
    """Tell who has how much of the KV cache."""


class Stop(msgspec.Struct, frozen=True, tag="stop"):
    """End the loop; what still runs is lost."""


class Loading(msgspec.Struct, frozen=True, tag="loading"):
    """The engine is at this phase of its start."""

    phase: str


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """The engine takes requests."""

    info: ModelInfo


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """The engine is about to exit: error code and one sentence."""

    code: str
    message: str


class Step(msgspec.Struct, frozen=True, tag="step"):
    """What one step gave, with the engine's state after it."""

    deltas: list[TokenDelta]
    stats: EngineStats


class TellKVUsage(msgspec.Struct, frozen=True, tag="tell_kv_usage"):
    """The answer to `AskKVUsage`; None where there are no blocks."""

    usage: KVUsage | None


class Heartbeat(msgspec.Struct, frozen=True, tag="heartbeat"):
    """Sent once a second whatever the loop does; `busy_s` is the age of the running step."""

    busy_s: float


Inbound = EngineRequest | Abort | AskKVUsage | Stop
Outbound = Loading | Ready | Failed | Step | TellKVUsage | Heartbeat

encoder = msgspec.msgpack.Encoder()
inbound_decoder = msgspec.msgpack.Decoder(Inbound)
outbound_decoder = msgspec.msgpack.Decoder(Outbound)
