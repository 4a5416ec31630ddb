"""Names with several values: headers, whose names know no case, and query parameters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping


class MultiMap(Mapping[str, str]):
    """Names and their values in the order they came; reading one name gives its last value.

    Immutable, so that a request can be handed on without a copy.
    """

    def __init__(self, items: Mapping[str, str] | Iterable[tuple[str, str]] = ()) -> None:
        pairs = items.items() if isinstance(items, Mapping) else items
        self._values: dict[str, list[str]] = {}
        for name, value in pairs:
            self._values.setdefault(self._key(name), []).append(value)

    def get_list(self, name: str) -> list[str]:
        """All values of a name, in order; empty where it is absent."""
        return list(self._values.get(self._key(name), ()))

    def pairs(self) -> list[tuple[str, str]]:
        """Every name with every value."""
        return [(name, value) for name, values in self._values.items() for value in values]

    @staticmethod
    def _key(name: str) -> str:
        return name

    def __getitem__(self, name: str) -> str:
        return self._values[self._key(name)][-1]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._key(name) in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        """Names alone: values may be tokens or text of a user."""
        return f"{type(self).__name__}({', '.join(self._values)})"


class Query(MultiMap):
    """Decoded query parameters."""


class Headers(MultiMap):
    """Header fields by name in any case; several lines of one field read as one, by commas."""

    @staticmethod
    def _key(name: str) -> str:
        return name.lower()

    def __getitem__(self, name: str) -> str:
        return ", ".join(self._values[self._key(name)])
