"""The peers by name. A new one is a file beside this and a line here.

A name may have a part for its mode behind a `-`; the part before it names the environment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from benchmarks.peers.interface import Peer
from benchmarks.peers.keepwarm import KeepwarmPeer
from benchmarks.peers.llama_cpp import LlamaCppPeer
from benchmarks.peers.openvino import OpenVinoPeer
from benchmarks.peers.static_generate import StaticGeneratePeer
from benchmarks.peers.transformers_serve import TransformersServePeer
from benchmarks.peers.vllm import VllmPeer

PEERS: Mapping[str, Callable[[Path], Peer]] = {
    KeepwarmPeer.name: KeepwarmPeer,
    "keepwarm-bf16": partial(KeepwarmPeer, mode="bf16"),
    "keepwarm-int8": partial(KeepwarmPeer, mode="int8"),
    "keepwarm-plain": partial(KeepwarmPeer, mode="plain"),
    "openvino-f16-f32": partial(OpenVinoPeer, kind="f16", arithmetic="f32"),
    "openvino-f16": partial(OpenVinoPeer, kind="f16"),
    "openvino-q8_0": partial(OpenVinoPeer, kind="q8_0"),
    "openvino-q4_1": partial(OpenVinoPeer, kind="q4_1"),
    VllmPeer.name: VllmPeer,
    "llama-q8_0": partial(LlamaCppPeer, kind="q8_0"),
    "llama-f32": partial(LlamaCppPeer, kind="f32"),
    "llama-q4_1": partial(LlamaCppPeer, kind="q4_1"),
    StaticGeneratePeer.name: StaticGeneratePeer,
    TransformersServePeer.name: TransformersServePeer,
}
USUAL = (
    "keepwarm",
    "openvino-f16-f32",
    "keepwarm-bf16",
    "openvino-f16",
    "keepwarm-int8",
    "openvino-q8_0",
    "vllm",
    "llama-q8_0",
    "generate",
    "transformers",
)
"""What runs when nobody names any: one mode for each rival, so that all fit into twenty minutes."""

CHAT_ONLY = frozenset({"generate", "transformers"})
"""Too slow, or without arrivals: they run the chat and no other scenario."""


def peers_by_name(names: str, model: Path) -> list[Peer]:
    """The peers of a comma-separated list, in its order.

    Raises:
        ValueError: an unknown name, a name twice, or no name.
    """
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in PEERS]
    if unknown or not wanted or len(set(wanted)) != len(wanted):
        raise ValueError(
            f"--peers takes different names out of {', '.join(PEERS)}, separated by commas; "
            f"got {names!r}"
        )
    return [PEERS[name](model) for name in wanted]
