"""The licence: from the model card, a licence file, or the command line; held against a list."""

from __future__ import annotations

import re

from pipelines.model.report import Finding, failed, ok, warning
from pipelines.model.scan import Inventory

LICENCE = "licence"
ALLOWED = frozenset(
    ("apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "isc", "cc0-1.0", "cc-by-4.0",
     "unlicense", "0bsd", "zlib", "bsl-1.0", "cdla-permissive-2.0")
)  # fmt: skip

_MARKS: tuple[tuple[str, str], ...] = (
    (r"apache license,? version 2\.0|apache license\s+version 2\.0", "apache-2.0"),
    (r"permission is hereby granted, free of charge, to any person obtaining a copy", "mit"),
    (r"neither the name of .{0,200}? may be used to endorse", "bsd-3-clause"),
    (r"redistribution and use in source and binary forms", "bsd-2-clause"),
    (r"permission to use, copy, modify, and/?or distribute this software", "isc"),
    (r"cc0 1\.0 universal", "cc0-1.0"),
    (r"attribution-noncommercial", "cc-by-nc"),
    (r"attribution 4\.0 international", "cc-by-4.0"),
    (r"llama [\d.]+ (community )?licen[cs]e", "llama"),
    (r"gemma terms of use", "gemma"),
    (r"gnu affero general public licen[cs]e", "agpl-3.0"),
    (r"gnu general public licen[cs]e", "gpl"),
    (r"mistral ai (non-production|research) licen[cs]e", "mistral-research"),
    (r"qwen (research )?licen[cs]e agreement", "qwen"),
)
_FRONT_MATTER = re.compile(r"\A\ufeff?---\s*\n(.*?)\n---\s*(?:\n|\Z)", re.DOTALL)
_FILES = re.compile(r"(licen[cs]e|copying|notice)([-._].*)?", re.IGNORECASE)


def check_licence(
    inventory: Inventory, *, given: str = "", also_allowed: frozenset[str] = frozenset()
) -> list[Finding]:
    """A licence is known, and allowed: `ALLOWED` or `also_allowed`. What is `given` wins."""
    allowed = ALLOWED | {name.lower() for name in also_allowed}
    card, files = _from_card(inventory), _from_files(inventory)
    names = [given.strip().lower()] if given.strip() else list(dict.fromkeys([*card, *files]))
    if not names:
        unread = _licence_files(inventory)
        return [
            warning(
                LICENCE,
                f"{unread[0]} is a licence of no kind that is known here"
                if unread
                else "neither README.md nor a LICENSE file says what the licence is",
                "add `license: ...` to README.md's front matter, or give --license",
            )
        ]
    refused = [name for name in names if name not in allowed]
    if refused:
        message = f"the licence {', '.join(refused)} is not on the list of allowed ones"
        fix = f"after reading it: --allow-license {refused[0]}"
        return [failed(LICENCE, message, fix)]
    where = "as given" if given.strip() else "as README.md says" if card else "by its licence file"
    return ok(LICENCE, f"{', '.join(names)}, {where}")


def _from_card(inventory: Inventory) -> list[str]:
    """`license` of the front matter, a text or a list; `other` gives way to `license_name`."""
    front = _FRONT_MATTER.match(inventory.text("README.md") or "")
    if front is None:
        return []
    names = _values(front[1], "license")
    if names == ["other"]:
        names = _values(front[1], "license_name") or names
    return names


def _values(yaml: str, key: str) -> list[str]:
    """The texts of a top-level key: `key: a`, `key: [a, b]`, or lines `- a` below it."""
    lines = yaml.splitlines()
    for number, line in enumerate(lines):
        if not line.startswith(f"{key}:"):
            continue
        inline = line.removeprefix(f"{key}:").split(" #")[0].strip()
        if inline:
            return [text for part in inline.strip("[]").split(",") if (text := _plain(part))]
        below = []
        for after in lines[number + 1 :]:
            if not after.lstrip().startswith("- "):
                break
            below.append(_plain(after.lstrip().removeprefix("- ")))
        return [text for text in below if text]
    return []


def _plain(text: str) -> str:
    return text.split(" #")[0].strip().strip("'\"").lower()


def _from_files(inventory: Inventory) -> list[str]:
    names = []
    for path in _licence_files(inventory):
        text = " ".join((inventory.text(path) or "").lower().split())
        names += [name for pattern, name in _MARKS if re.search(pattern, text)][:1]
    return list(dict.fromkeys(names))


def _licence_files(inventory: Inventory) -> list[str]:
    names = (path for path in sorted(inventory.files) if "/" not in path)
    return [path for path in names if _FILES.fullmatch(path)]
