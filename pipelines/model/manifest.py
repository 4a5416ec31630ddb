"""manifest.json: every file of an artifact with its size and sha256, the same for the same files.

{"format": 1, "sha256": of the lines below, "total_bytes": n,
 "files": {"config.json": {"sha256": ..., "size": ...}, ...}}
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

MANIFEST = "manifest.json"
FORMAT = 1


@dataclass(frozen=True)
class Entry:
    """What the manifest says of one file."""

    sha256: str
    size: int


def entry_of(content: bytes) -> Entry:
    """The entry of a small file's content."""
    return Entry(hashlib.sha256(content).hexdigest(), len(content))


def digest(entries: Mapping[str, Entry]) -> str:
    """The artifact's own name: a sha256 over `sha256  size  path` of every file, in order."""
    lines = (f"{entry.sha256}  {entry.size}  {path}\n" for path, entry in sorted(entries.items()))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def render(entries: Mapping[str, Entry]) -> bytes:
    """The file's content."""
    content = {
        "format": FORMAT,
        "sha256": digest(entries),
        "total_bytes": sum(entry.size for entry in entries.values()),
        "files": {
            path: {"sha256": entry.sha256, "size": entry.size}
            for path, entry in sorted(entries.items())
        },
    }
    return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()


def parse(content: bytes) -> dict[str, Entry]:
    """The reverse of `render`.

    Raises:
        ValueError: it is no manifest, or does not agree with itself.
    """
    try:
        data = json.loads(content)
        files = {
            path: Entry(str(facts["sha256"]), int(facts["size"]))
            for path, facts in data["files"].items()
        }
        wanted = (data["format"], data["sha256"])
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("it is no manifest of files") from error
    if wanted != (FORMAT, digest(files)):
        raise ValueError("its own digest does not agree with its list of files")
    return files


def differences(listed: Mapping[str, Entry], found: Mapping[str, Entry]) -> list[str]:
    """What is not as listed, one sentence a file."""
    changed = [path for path in listed if path in found and listed[path] != found[path]]
    return [
        *(f"{path} is missing" for path in sorted(listed.keys() - found.keys())),
        *(f"{path} is not listed" for path in sorted(found.keys() - listed.keys())),
        *(f"{path} was changed" for path in sorted(changed)),
    ]
