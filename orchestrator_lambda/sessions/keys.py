"""Names in Redis. All keys of a conversation, and all of a user, lie in one slot each."""

from __future__ import annotations

import hashlib
import re

_PLAIN = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def plain(name: str) -> str:
    """The name itself, or a digest of one that could not stand between braces."""
    if _PLAIN.fullmatch(name):
        return name
    return f"h-{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:40]}"


class ConversationKeys:
    """Keys of one conversation."""

    def __init__(self, conversation_id: str) -> None:
        tag = f"kw:{{c:{plain(conversation_id)}}}"
        self.tag = tag
        self.lock = f"{tag}:lock"
        self.endpoint_session = f"{tag}:endpoint"
        self.home = f"{tag}:home"
        self.answers = f"{tag}:answers"

    def stream(self, answer_seq: int | str) -> str:
        """Buffered events of an answer."""
        return f"{self.tag}:events:{answer_seq}"

    def fence(self, answer_seq: int | str) -> str:
        """The highest fence that has written them."""
        return f"{self.tag}:fence:{answer_seq}"

    def stop(self, answer_seq: int | str) -> str:
        """There while somebody wants it stopped."""
        return f"{self.tag}:stop:{answer_seq}"


class UserKeys:
    """Keys of one user."""

    def __init__(self, user: str) -> None:
        tag = f"kw:{{u:{plain(user)}}}"
        self.tag = tag
        self.bucket = f"{tag}:bucket"

    def spent(self, day: str) -> str:
        """Tokens spent in a day."""
        return f"{self.tag}:spent:{day}"

    def spends(self, day: str) -> str:
        """What they were spent on."""
        return f"{self.tag}:spends:{day}"
