"""Stop strings in a text that arrives in pieces: what is safe to show, and where to cut."""

from __future__ import annotations

from collections.abc import Sequence


class StopStrings:
    """Watches one answer for its stop strings.

    Text is held back only while it may be the beginning of a stop string. The result does not
    depend on how the text is cut into pieces: the string that is complete first ends it, and of
    several complete at the same character the longest, so that no part of it is shown.

    `matched` is the string that was found, None before.
    """

    def __init__(self, stops: Sequence[str]) -> None:
        self._automata = [_Automaton(stop) for stop in stops]
        self._held = ""
        self.matched: str | None = None

    def feed(self, piece: str) -> str:
        """The text that is now safe to show; empty for good once a stop string was found."""
        if self.matched is not None:
            return ""
        if not self._automata:
            return piece
        text = self._held + piece
        for position, character in enumerate(piece, start=len(self._held) + 1):
            found = [it.pattern for it in self._automata if it.advance(character)]
            if found:
                self.matched = max(found, key=len)
                self._held = ""
                return text[: position - len(self.matched)]
        return self._split(text, max(it.length for it in self._automata))

    def finish(self) -> str:
        """What was held back: no more text comes to make a stop string of it."""
        held, self._held = self._held, ""
        return held

    def _split(self, text: str, unsafe: int) -> str:
        safe = len(text) - unsafe
        self._held = text[safe:]
        return text[:safe]


class _Automaton:
    """Knuth, Morris and Pratt's matcher: `length` characters of the pattern end the text so far."""

    __slots__ = ("_fallback", "length", "pattern")

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.length = 0
        self._fallback = [0]
        for character in pattern[1:]:
            self._fallback.append(self._next_length(self._fallback[-1], character))

    def advance(self, character: str) -> bool:
        """Take one character; whether the pattern is complete with it."""
        self.length = self._next_length(self.length, character)
        return self.length == len(self.pattern)

    def _next_length(self, length: int, character: str) -> int:
        while length and self.pattern[length] != character:
            length = self._fallback[length - 1]
        return length + 1 if self.pattern[length] == character else 0
