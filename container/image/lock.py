"""Makes the image's requirements: every package by its version and the sha256 of its files.

    requirements.in + constraints.txt --(uv, package index)--> requirements-cuda.txt
    requirements-cuda.txt - torch, CUDA + torch-cpu.sha256 --> requirements-cpu.txt
    requirements-cuda.txt, setuptools alone -----------------> requirements-build.txt

`python -m container.image.lock` wants `uv` in its environment. What is locked already stays as it
is where it still fits. Nothing is downloaded but what the index says of its files, so that a
machine without a GPU makes the CUDA lock too. CPU builds of
torch are published on an index of their own: their hashes are a file here.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
CUDA_ONLY = re.compile(r"(nvidia|cuda)-.+|triton")
BUILD_TOOLS = ("setuptools",)
# The oldest Python that the image may have; newer ones need nothing beyond it.
PYTHON_VERSION = "3.11"
HEADER = "# Made by container/image/lock.py of constraints.txt: make it anew, do not edit it.\n"

Entries = dict[str, str]
"""Requirement with its hashes, as pip reads it, by the package's name."""


class LockError(Exception):
    """No lock can be made; the message says why and what would mend it."""


def main() -> int:
    """Write the three files; 1 if that is not possible."""
    try:
        files = make_locks(_resolve(), (HERE / "torch-cpu.sha256").read_text(encoding="utf-8"))
    except LockError as error:
        sys.stderr.write(f"lock: {error}\n")
        return 1
    for name, text in files.items():
        (HERE / name).write_text(text, encoding="utf-8")
        sys.stdout.write(f"{name}: {len(entries(text))} packages\n")
    return 0


def make_locks(resolved: str, cpu_hashes: str) -> dict[str, str]:
    """The files by name, from what uv resolved and the CPU builds' lines of `sha256sum`.

    Raises:
        LockError: there is no torch, or no CPU build of its version.
    """
    cuda = entries(resolved)
    if "torch" not in cuda:
        raise LockError("torch is not among the packages; name it in requirements.in")
    cpu = {name: entry for name, entry in cuda.items() if not CUDA_ONLY.fullmatch(name)}
    cpu["torch"] = _cpu_torch(_version(cuda["torch"]), cpu_hashes)
    build = {name: entry for name, entry in cuda.items() if name in BUILD_TOOLS}
    files = {"cuda": cuda, "cpu": cpu, "build": build}
    return {
        f"requirements-{name}.txt": HEADER + "".join(kept.values()) for name, kept in files.items()
    }


def entries(text: str) -> Entries:
    """What a requirements file asks for. Its continuation lines are indented."""
    found: Entries = {}
    name = ""
    for line in text.splitlines(keepends=True):
        if line.startswith("#") or not line.strip():
            continue
        if not line[0].isspace():
            name = re.split(r"[=\s;]", line, maxsplit=1)[0].lower()
        found[name] = found.get(name, "") + line
    return found


def _version(entry: str) -> str:
    return entry.split("==", 1)[1].split()[0]


def _cpu_torch(version: str, cpu_hashes: str) -> str:
    wheels = re.findall(rf"^([0-9a-f]{{64}})  torch-{re.escape(version)}\+cpu-", cpu_hashes, re.M)
    if not wheels:
        raise LockError(
            f"torch-cpu.sha256 has no wheel of torch {version}: put the hashes of its CPU builds "
            "there, one line of `sha256sum` for each"
        )
    lines = [f"torch=={version}+cpu", *(f"    --hash=sha256:{digest}" for digest in wheels)]
    return " \\\n".join(lines) + "\n"


def _resolve() -> str:
    """What uv makes of requirements.in, for Linux on x86-64; it keeps to the file it writes."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "requirements-cuda.txt"
        shutil.copyfile(HERE / output.name, output)
        _compile(output)
        return output.read_text(encoding="utf-8")


def _compile(output: Path) -> None:
    command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--generate-hashes"]
    command += ["--no-header", "--no-annotate", "--python-version", PYTHON_VERSION]
    command += ["--python-platform", "x86_64-unknown-linux-gnu"]
    command += ["-c", str(ROOT / "constraints.txt"), "--output-file", str(output)]
    command += [str(HERE / "requirements.in")]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode != 0:
        raise LockError(f"uv found no solution:\n{made.stderr.strip()}")


if __name__ == "__main__":
    sys.exit(main())
