"""Compiles the kernels for the processor at hand, once: the library is kept in a cache folder.

Its name is a hash of the sources, the flags, the compiler and the processor, so that none of them
can change unnoticed. Two processes that compile at once both succeed; one result stays.
"""

from __future__ import annotations

import hashlib
import logging
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from serving.native.cache_folder import cache_folder, candidates, is_ours

logger = logging.getLogger(__name__)

SOURCES = Path(__file__).parent / "src"
FLAGS = ("-O3", "-march=native", "-std=c++17", "-fPIC", "-shared", "-pthread")
COMPILERS = ("c++", "g++", "clang++")
_TIME_LIMIT_S = 120.0


class CannotCompile(Exception):
    """No library; the message says why and what would mend it."""


def library_path(env: Mapping[str, str] = os.environ) -> Path:
    """The compiled kernels.

    Raises:
        CannotCompile: there is no compiler, or it failed.
    """
    name = library_name(env)
    for folder in candidates("kernels", env):
        if (folder / name).is_file() and is_ours(folder):
            return folder / name
    home = cache_folder("kernels", env)
    if home is None:
        raise CannotCompile("no folder to keep compiled kernels in; set KEEPWARM_HOME to yours")
    return _compile(_compiler(env), home / name)


def library_name(env: Mapping[str, str] = os.environ) -> str:
    """The name under which the compiled kernels are kept: it changes with whatever they depend on.

    Raises:
        CannotCompile: there is no compiler.
    """
    return f"kernels-{_fingerprint(_compiler(env))}.so"


def _compile(compiler: str, target: Path) -> Path:
    logger.info("compiling the CPU kernels for this processor (once, some seconds)")
    handle, unfinished = tempfile.mkstemp(suffix=".so", dir=target.parent)
    os.close(handle)
    try:
        command = [compiler, *FLAGS, str(SOURCES / "library.cpp"), "-o", unfinished]
        made = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=_TIME_LIMIT_S
        )
        if made.returncode:
            complaint = (made.stderr.splitlines() or ["no message"])[0]
            raise CannotCompile(f"{compiler} failed on the CPU kernels: {complaint}")
        os.replace(unfinished, target)
    except subprocess.TimeoutExpired as error:
        raise CannotCompile(f"{compiler} took more than {_TIME_LIMIT_S:g} s") from error
    finally:
        Path(unfinished).unlink(missing_ok=True)
    return target


def _compiler(env: Mapping[str, str]) -> str:
    for name in (env.get("CXX", ""), *COMPILERS):
        found = shutil.which(name, path=env.get("PATH")) if name else None
        if found:
            return found
    raise CannotCompile("no C++ compiler was found; install one (Debian: apt-get install g++)")


def _fingerprint(compiler: str) -> str:
    digest = hashlib.sha256()
    for source in sorted(SOURCES.iterdir()):
        digest.update(source.read_bytes())
    version = subprocess.run(
        [compiler, "--version"], capture_output=True, check=False, timeout=_TIME_LIMIT_S
    )
    digest.update(version.stdout + " ".join(FLAGS).encode() + _processor().encode())
    return digest.hexdigest()[:16]


def _processor() -> str:
    """What `-march=native` depends on."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() + platform.machine()
    kept = {line for line in lines if line.startswith(("flags", "Features", "model name"))}
    return platform.machine() + "".join(sorted(kept))
