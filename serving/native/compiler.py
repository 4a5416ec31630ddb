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
import stat
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

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
    compiler = _compiler(env)
    name = f"kernels-{_fingerprint(compiler)}.so"
    for folder in _folders(env):
        if (folder / name).is_file() and _is_ours(folder):
            return folder / name
    for folder in _folders(env):
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if _is_ours(folder):
                return _compile(compiler, folder / name)
        except OSError as error:
            logger.info("kernels cannot be kept in %s: %s", folder, error)
    raise CannotCompile("no folder to keep compiled kernels in; set KEEPWARM_HOME to one of yours")


def _compile(compiler: str, target: Path) -> Path:
    logger.info("compiling the CPU kernels for this processor (once, some seconds)")
    handle, unfinished = tempfile.mkstemp(suffix=".so", dir=target.parent)
    os.close(handle)
    try:
        command = [compiler, *FLAGS, str(SOURCES / "decoder.cpp"), "-o", unfinished]
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


def _folders(env: Mapping[str, str]) -> list[Path]:
    """Where compiled kernels are kept, best first; the last one is this user's and temporary."""
    home = env.get("KEEPWARM_HOME")
    cache = Path(home) if home else Path(env.get("XDG_CACHE_HOME") or "~/.cache") / "keepwarm"
    fallback = Path(tempfile.gettempdir()) / f"keepwarm-{os.getuid()}"
    return [cache.expanduser() / "kernels", fallback]


def _is_ours(folder: Path) -> bool:
    """Whether nobody else can have put a library there: it would run with our rights."""
    facts = folder.stat()
    return facts.st_uid == os.getuid() and not facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


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
