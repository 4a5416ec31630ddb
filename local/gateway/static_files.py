"""The built page as CloudFront serves it from its bucket: types, caching, compression, safety.

A file whose name holds a hash of its content is kept for ever, everything else is asked for again.
A path that is no file and looks like none is a view of the page: it gets the index.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote

MIN_COMPRESSED = 1024
INDEX = "index.html"
FOREVER = "public, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"

# Scripts and connections of this origin alone. No picture from elsewhere either: an address in an
# answer's Markdown could carry words of the conversation away.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self'",
        "style-src 'self'",
        "style-src-attr 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "worker-src 'self' blob:",
        "manifest-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
SECURITY_HEADERS = (
    ("Content-Security-Policy", CONTENT_SECURITY_POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=()"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)

NOT_BUILT = b"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Keepwarm</title>
<h1>The page is not built</h1>
<p>The API is here, below <code>/v1</code>. To build the page: <code>make web</code></p>
"""

_HASHED = re.compile(r"[-.][A-Za-z0-9_-]{8,}\.[a-z0-9]+$")
_TEXT = re.compile(r"text/|application/(json|javascript|manifest\+json|wasm)|image/svg")
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}


@dataclass(frozen=True)
class StaticAnswer:
    """A whole answer."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""


class StaticFiles:
    """Answers for a folder; None as folder means that the page is not built."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder.resolve() if folder is not None else None

    def answer(self, path: str, headers: Mapping[str, str]) -> StaticAnswer:
        """The answer to GET.

        Args:
            path: encoded, without the query.
            headers: of the request, names in lower case.
        """
        if self._folder is None or not (self._folder / INDEX).is_file():
            return _page(503, NOT_BUILT)
        relative = unquote(path, errors="replace").lstrip("/") or INDEX
        file = _inside(self._folder, relative)
        if file is None and _looks_like_a_file(relative):
            return _page(404, b"<!doctype html><title>Not found</title><h1>Not found</h1>\n")
        return _file_answer(file or self._folder / INDEX, headers)


def _inside(folder: Path, relative: str) -> Path | None:
    """The file of that name inside the folder, links followed; None for anything else."""
    parts = relative.split("/")
    if any(part.startswith(".") or set(part) & set("\\\0") for part in parts):
        return None
    try:
        found = (folder / relative).resolve()
        inside = found.is_relative_to(folder) and found.is_file()
    except (OSError, ValueError):
        return None
    return found if inside else None


def _looks_like_a_file(relative: str) -> bool:
    last = relative.rsplit("/", 1)[-1]
    return "." in last or relative.startswith("assets/")


def _file_answer(file: Path, headers: Mapping[str, str]) -> StaticAnswer:
    try:
        stat = file.stat()
        content = _content(file, stat.st_mtime_ns, stat.st_size)
    except OSError:
        return _page(404, b"<!doctype html><title>Not found</title><h1>Not found</h1>\n")
    described = content.headers + SECURITY_HEADERS
    if content.tag in headers.get("if-none-match", ""):
        return StaticAnswer(304, described)
    if content.compressed and _takes_gzip(headers.get("accept-encoding", "")):
        return StaticAnswer(200, (*described, ("Content-Encoding", "gzip")), content.compressed)
    return StaticAnswer(200, described, content.data)


@dataclass(frozen=True)
class _Content:
    data: bytes
    compressed: bytes
    tag: str
    headers: tuple[tuple[str, str], ...]


@lru_cache(maxsize=256)
def _content(file: Path, changed_ns: int, size: int) -> _Content:
    """A file's bytes; another time or size of the file makes another entry."""
    data = file.read_bytes()
    kind = _TYPES.get(file.suffix) or mimetypes.guess_type(file.name)[0]
    kind = kind or "application/octet-stream"
    worth_it = len(data) >= MIN_COMPRESSED and _TEXT.match(kind)
    tag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
    cached = FOREVER if file.parent.name == "assets" and _HASHED.search(file.name) else ASK_AGAIN
    headers = (
        ("Content-Type", kind),
        ("Cache-Control", cached),
        ("ETag", f"W/{tag}"),
        ("Vary", "Accept-Encoding"),
    )
    compressed = gzip.compress(data, mtime=0) if worth_it else b""
    return _Content(data, compressed, tag, headers)


def _takes_gzip(accepted: str) -> bool:
    for part in accepted.lower().split(","):
        name, _, quality = part.partition(";")
        if name.strip() in ("gzip", "*"):
            return quality.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def _page(status: int, body: bytes) -> StaticAnswer:
    headers = (("Content-Type", _TYPES[".html"]), ("Cache-Control", "no-store"))
    return StaticAnswer(status, headers + SECURITY_HEADERS, body)
