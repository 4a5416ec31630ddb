"""What goes into the image, and one hash of it: the same hash, the same image.

`python -m container.image.fingerprint` prints the hash. The weights are no part of it, so that a
swap of the model needs no new image.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path, PurePath

ROOT = Path(__file__).parents[2]
RECIPE = ("Dockerfile", ".dockerignore")
SOURCES = ("LICENSE", "container", "serving")
TOOLS = PurePath("container", "image")


def image_files(root: Path = ROOT) -> list[PurePath]:
    """The project's files that the Dockerfile copies, in order; .dockerignore says the same."""
    found: list[PurePath] = []
    for name in SOURCES:
        top = root / name
        below = [top] if top.is_file() else sorted(path for path in top.rglob("*"))
        found += [path.relative_to(root) for path in below if path.is_file()]
    return [path for path in found if _is_copied(path)]


def fingerprint(root: Path = ROOT, **build_arguments: str) -> str:
    """Hex digits that change with the recipe, its arguments, the locks and the sources."""
    digest = hashlib.sha256()
    for name, value in sorted(build_arguments.items()):
        digest.update(f"{name}={value}\0".encode())
    for path in (*map(PurePath, RECIPE), *image_files(root)):
        content = hashlib.sha256((root / path).read_bytes()).hexdigest()
        digest.update(f"{path.as_posix()} {content}\0".encode())
    return digest.hexdigest()[:24]


def _is_copied(path: PurePath) -> bool:
    if any(part.startswith(".") or part == "__pycache__" for part in path.parts):
        return False
    if path.is_relative_to(TOOLS):
        return path.match("container/image/requirements-*.txt")
    return path.name != "README.md"


if __name__ == "__main__":
    sys.stdout.write(fingerprint() + "\n")
