"""The image, made on a machine that has no container registry and perhaps no network for pip.

    debootstrap -> base image, tagged with the name that the Dockerfile asks for
    pip download -> a folder of the locked files, of whatever place this machine's pip knows
    buildah -> the image, tagged with the hash of all that goes into it

Each is kept and not made again: the second time, there is nothing to do.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from container.image.fingerprint import ROOT, fingerprint
from container.image.lock import HERE as LOCKS
from container.image.lock import PYTHON_VERSION
from tests.image.store import ImageStore

SUITE = "bookworm"  # whose Python is the lock's oldest
BASE_IMAGE = f"docker.io/library/debian:{SUITE}-slim"
ARGUMENTS = {"BASE_IMAGE": BASE_IMAGE, "ACCELERATOR": "cpu"}
REPOSITORY = "localhost/keepwarm"
CPU_BUILDS = (
    "torch's CPU builds are on an index of their own: name it in PIP_EXTRA_INDEX_URL, or a folder "
    "that has them in PIP_FIND_LINKS"
)

Say = Callable[[str], None]


def ensure_image(folder: Path, store: ImageStore, say: Say) -> str:
    """Name of the image of the files as they are now. Several processes may call this at once."""
    made_of = fingerprint(**ARGUMENTS)
    image = f"{REPOSITORY}:cpu-{made_of}"
    with _lock(folder / "lock"):
        if store.has(image):
            return image
        if not store.has(BASE_IMAGE):
            say(f"base image: debootstrap of {SUITE} (once)")
            _make_base(store, folder)
        wheels = _wheelhouse(folder, store, say)
        say(f"image: buildah; log in {folder / 'build.log'}")
        arguments = {**ARGUMENTS, "PIP_NO_INDEX": "1", "FINGERPRINT": made_of}
        store.build(ROOT, image, wheels, arguments, folder / "build.log")
        store.remove_others(REPOSITORY, keep=image)
    return image


def _make_base(store: ImageStore, folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder) as place:
        system = Path(place) / "system"
        command = ["debootstrap", "--variant=minbase", SUITE, str(system)]
        _run(command, folder / "debootstrap.log")
        for leftover in ("var/cache/apt/archives", "var/lib/apt/lists"):
            shutil.rmtree(system / leftover)
        # The container has its own; the host's would go into the image.
        (system / "etc/resolv.conf").unlink(missing_ok=True)
        store.add_from_folder(system, BASE_IMAGE)


def _wheelhouse(folder: Path, store: ImageStore, say: Say) -> Path:
    """The locked files, checked by pip against their hashes; kept by the hash of the locks.

    Layers that were made of other locks are of no use any more.
    """
    locks = [LOCKS / "requirements-build.txt", LOCKS / "requirements-cpu.txt"]
    digest = hashlib.sha256(b"".join(lock.read_bytes() for lock in locks)).hexdigest()[:16]
    wheels = folder / f"wheelhouse-{digest}"
    if wheels.is_dir():
        return wheels
    say("wheelhouse: pip download of the locked files (once)")
    for old in folder.glob("wheelhouse-*"):
        shutil.rmtree(old)
    store.forget_layers()
    unfinished = folder / f"wheelhouse-{digest}.unfinished"
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes"]
    command += ["--python-version", PYTHON_VERSION, "--dest", str(unfinished)]
    for lock in locks:
        command += ["--requirement", str(lock)]
    _run(command, folder / "download.log", CPU_BUILDS)
    unfinished.rename(wheels)
    return wheels


def _run(command: list[str], log: Path, hint: str = "") -> None:
    with log.open("wb") as output:
        done = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, check=False)
    assert done.returncode == 0, f"{command[0]} failed:\n{log.read_text()[-4000:]}\n{hint}"


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
