"""The peers by name. A new one is a file beside this and a line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.peers.interface import Peer
from benchmarks.peers.keepwarm import KeepwarmPeer
from benchmarks.peers.static_generate import StaticGeneratePeer
from benchmarks.peers.transformers_serve import TransformersServePeer

PEERS: Mapping[str, Callable[[Path], Peer]] = {
    KeepwarmPeer.name: KeepwarmPeer,
    StaticGeneratePeer.name: StaticGeneratePeer,
    TransformersServePeer.name: TransformersServePeer,
}


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
