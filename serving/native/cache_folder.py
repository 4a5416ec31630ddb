"""Where compiled kernels and packed weights are kept: a folder that nobody else writes to."""

from __future__ import annotations

import logging
import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

logger = logging.getLogger(__name__)


def candidates(name: str, env: Mapping[str, str]) -> list[Path]:
    """Folders for `name`, best first; the last one is this user's and temporary."""
    home = env.get("KEEPWARM_HOME")
    cache = Path(home) if home else Path(env.get("XDG_CACHE_HOME") or "~/.cache") / "keepwarm"
    # In one piece: a parent folder of somebody else's could be exchanged.
    temporary = Path(tempfile.gettempdir()) / f"keepwarm-{name}-{os.getuid()}"
    return [cache.expanduser() / name, temporary]


def cache_folder(name: str, env: Mapping[str, str]) -> Path | None:
    """The first of the candidates that can be made and is ours alone; None if there is none."""
    for folder in candidates(name, env):
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if is_ours(folder):
                return folder
        except OSError as error:
            logger.info("%s cannot be kept in %s: %s", name, folder, error)
    return None


def is_ours(folder: Path) -> bool:
    """Whether nobody else can have put a file there: a library would run with our rights."""
    facts = folder.stat()
    return facts.st_uid == os.getuid() and not facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
