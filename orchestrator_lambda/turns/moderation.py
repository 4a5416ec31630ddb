"""Hooks that may refuse a text: before it reaches the model, and before an answer stands."""

from __future__ import annotations

import importlib
from typing import Protocol

from orchestrator_lambda.errors import ConfigError


class Moderator(Protocol):
    """Raises Moderated to refuse. Neither method may keep or log the text."""

    def before(self, text: str) -> None:
        """Look at a user's message; refused, nothing of it is stored."""

    def after(self, text: str) -> None:
        """Look at an answer as far as it has come; called at each checkpoint and at the end.

        Refused, the answer is withdrawn: readers are told to forget it and none of it is stored.
        """


class NoModerator:
    """Lets everything pass."""

    def before(self, text: str) -> None:
        """See Moderator."""

    def after(self, text: str) -> None:
        """See Moderator."""


def load_moderator(name: str) -> Moderator:
    """The object that `module:object` names; a class is called without arguments.

    Raises:
        ConfigError: there is none, or it lacks a hook.
    """
    if not name:
        return NoModerator()
    module, _, attribute = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError):
        raise ConfigError(
            f"KEEPWARM_MODERATION={name!r} must be module:object of something that is there"
        ) from None
    moderator = found() if isinstance(found, type) else found
    if not all(callable(getattr(moderator, hook, None)) for hook in ("before", "after")):
        raise ConfigError(f"KEEPWARM_MODERATION={name!r} must have the hooks before and after")
    checked: Moderator = moderator
    return checked
