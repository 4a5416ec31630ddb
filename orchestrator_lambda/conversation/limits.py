"""How long texts may be, and the checks that say so."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator_lambda.errors import InvalidRequest, PayloadTooLarge


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Lengths in characters; `messages` counts those of one conversation, over all branches."""

    message: int = 200_000
    system: int = 32_000
    title: int = 200
    comment: int = 2_000
    messages: int = 10_000


def check_text(text: object, *, param: str, limit: int, empty: bool = False) -> str:
    """`text` as it may be stored.

    Raises:
        InvalidRequest: it is no string, is empty or blank, or cannot be written as UTF-8.
        PayloadTooLarge: it is longer than `limit`.
    """
    if not isinstance(text, str):
        raise InvalidRequest(f"{param} must be a string", param=param)
    if not empty and not text.strip():
        raise InvalidRequest(f"{param} must not be empty", param=param)
    if len(text) > limit:
        raise PayloadTooLarge(
            f"{param} has {len(text)} characters; {limit} are allowed", param=param
        )
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidRequest(f"{param} holds half of a surrogate pair", param=param) from None
    return text
