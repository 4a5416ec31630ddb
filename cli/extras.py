"""What the commands of the local stack need beside the engine's packages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cli.errors import CliError

NEEDED = ("boto3", "cryptography", "jwt", "psutil", "redis")


@contextmanager
def extras() -> Iterator[None]:
    """Imports of the local stack; one that is not installed is a sentence.

    Raises:
        CliError: names the package and the command that installs it.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        name = (error.name or "").partition(".")[0]
        if name not in (*NEEDED, "botocore"):
            raise
        raise CliError(f"the Python package {name} is not installed; run: make setup") from error
