"""What may stand in a log line. What is not known to be harmless is replaced, not trusted.

A message is a constant of ours (a test reads every call in the package and sees to it). Numbers may
go into it and beside it. A text may stand only in a field whose name says that it is an id or a
code of ours, and only if it looks like one: one word, no spaces, not long. So a line has place for
ids, and none for what a person or a model has written. The one exception is a `Complaint`, which is
made before there is any request.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

REDACTED = "[redacted]"
MAX_MESSAGE = 200
MAX_ITEMS = 32
MAX_COMPLAINT = 1000

_FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,63}")
_WORD = re.compile(r"[A-Za-z0-9_.:/@+=$#<>-]{1,128}")
_SECRET = re.compile(r"eyJ[\w-]{8,}|(AKIA|ASIA)[0-9A-Z]{12}|^Bearer", re.IGNORECASE)
_CREDENTIALS = re.compile(r"//[^/\s]*@")
_NAMES_OF_CODES = re.compile(
    r"(^|[_.])(ids?|type|place|code|kind|name|reason|source|method|route|state|status|phase|outcome"
    r"|operation|backends?|model|variant|endpoint|instance|stream|table|bucket|region|version"
    r"|revision|level|hash|sha256|tenant|user|conversation|error)$"
)


class Complaint(str):
    """A sentence about a wrong setting: it names a variable and what would be right.

    Settings' errors alone may become one (a test sees to it); they quote no secret. Credentials
    that somebody has written where none belong are taken out all the same.
    """

    __slots__ = ()

    def __new__(cls, sentence: str) -> Complaint:
        """The sentence without what looks like a secret, on one line, not too long."""
        harmless = _CREDENTIALS.sub(f"//{REDACTED}@", _SECRET.sub(REDACTED, sentence))
        return super().__new__(cls, " ".join(harmless.split())[:MAX_COMPLAINT])


def safe_fields(fields: Mapping[str, object]) -> dict[str, object]:
    """Fields of a line, those of them redacted that could hold anybody's words."""
    return {
        name if _FIELD.fullmatch(name) else REDACTED: safe_value(name, value)
        for name, value in list(fields.items())[:MAX_ITEMS]
    }


def safe_value(name: str, value: object) -> object:
    """The value of one field; lists and objects by their items."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Complaint):
        return str(value)
    if isinstance(value, str):
        return str(value) if _is_code(name, value) else REDACTED
    if isinstance(value, Mapping):
        return safe_fields({str(inner): item for inner, item in value.items()})
    if isinstance(value, list | tuple | set | frozenset):
        return [safe_value(name, item) for item in list(value)[:MAX_ITEMS]]
    return REDACTED


def safe_message(template: object, args: object) -> str:
    """The message of a record: of its arguments, numbers alone go in."""
    if not isinstance(template, str):
        return REDACTED
    try:
        filled = template % _numbers(args) if args else template
    except (TypeError, ValueError, KeyError):
        filled = template
    return filled[:MAX_MESSAGE]


def _is_code(name: str, value: str) -> bool:
    named = _NAMES_OF_CODES.search(name) is not None
    return named and (not value or (bool(_WORD.fullmatch(value)) and not _SECRET.search(value)))


def _numbers(args: object) -> object:
    if isinstance(args, Mapping):
        return {name: safe_value("", value) for name, value in args.items()}
    if isinstance(args, tuple):
        return tuple(safe_value("", value) for value in args)
    return safe_value("", args)
