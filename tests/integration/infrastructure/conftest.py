"""The whole edge for every test here."""

from __future__ import annotations

from tests.support.edge import edges

__all__ = ["edges"]
