"""Images on this machine, apart from the user's own: buildah with a storage folder of its own."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

RUN_FOLDERS = Path("/run/keepwarm-image")
"""Of mounts, one for each store; gone after a restart of the machine, as mounts are."""


class ImageStore:
    """Base, built images and their layers below one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._run_folder = RUN_FOLDERS / hashlib.sha256(bytes(folder)).hexdigest()[:12]
        self._driver = "overlay"
        if self._try("info").returncode != 0:
            self._driver = "vfs"

    def has(self, image: str) -> bool:
        return self._try("inspect", "--type", "image", image).returncode == 0

    def remove_others(self, repository: str, keep: str) -> None:
        """Free the disk of older builds; layers that `keep` shares with them stay."""
        listed = self._run("images", "--format", "{{.Name}}:{{.Tag}}")
        for image in listed.split():
            if image.startswith(f"{repository}:") and image != keep:
                self._run("rmi", image)

    def forget_layers(self) -> None:
        """Free the disk of all that was kept to make later builds quicker."""
        self._run("rmi", "--prune", "--force")

    def details(self, image: str) -> dict[str, Any]:
        """All that the image says of itself: configuration, history, layers."""
        made = self._run("inspect", "--type", "image", image)
        details: dict[str, Any] = json.loads(made)
        return details

    def add_from_folder(self, folder: Path, image: str) -> None:
        """An image of one layer: the folder's files."""
        container = self._run("from", "scratch").strip()
        try:
            self._run("add", "--quiet", container, f"{folder}/")
            self._run("commit", "--quiet", container, image)
        finally:
            self._try("rm", container)

    def build(
        self, project: Path, image: str, wheelhouse: Path, arguments: Mapping[str, str], log: Path
    ) -> None:
        """Build the Dockerfile; what it prints goes to `log`. Layers are kept where that is cheap.

        Raises:
            AssertionError: it failed; the log's end says why.
        """
        command = self._command("build", "--isolation", "chroot", "--pull-never", "--tag", image)
        command += ["--layers"] if self._driver == "overlay" else []
        command += ["--build-context", f"wheelhouse={wheelhouse}"]
        for name, value in arguments.items():
            command += ["--build-arg", f"{name}={value}"]
        with log.open("wb") as output:
            made = subprocess.run(
                [*command, str(project)], stdout=output, stderr=subprocess.STDOUT, check=False
            )
        assert made.returncode == 0, f"the image was not built:\n{log.read_text()[-6000:]}"

    @contextmanager
    def mounted(self, image: str) -> Iterator[Path]:
        """The image's files, as a folder."""
        container = self._run("from", "--pull-never", image).strip()
        try:
            yield Path(self._run("mount", container).strip())
        finally:
            self._run("rm", container)

    def _command(self, *arguments: str) -> list[str]:
        places = ["--root", str(self._folder), "--runroot", str(self._run_folder)]
        return ["buildah", *places, "--storage-driver", self._driver, *arguments]

    def _try(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self._command(*arguments), capture_output=True, text=True, check=False
        )

    def _run(self, *arguments: str) -> str:
        done = self._try(*arguments)
        assert done.returncode == 0, f"buildah {arguments[0]} failed: {done.stderr[-3000:]}"
        return done.stdout
