"""What these tests need of a machine; `python -m tests.image.needs` fails where it is missing."""

from __future__ import annotations

import os
import platform
import shutil
import sys

TOOLS = ("buildah", "debootstrap", "runc")


def what_is_missing() -> str | None:
    """What to do before these tests can run here; None when nothing."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return "the image's tests need a Linux machine of the x86-64 kind"
    tools = [tool for tool in TOOLS if shutil.which(tool) is None]
    if tools:
        return (
            f"the image's tests need {', '.join(tools)}: "
            f"sudo apt-get install --no-install-recommends {' '.join(tools)}"
        )
    if os.geteuid() != 0:
        return "the image's tests need root, for mounts and chroot: sudo make test-image"
    return None


if __name__ == "__main__":
    missing = what_is_missing()
    if missing is not None:
        sys.exit(missing)
