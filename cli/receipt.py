"""The receipt that ends every whole answer, and the line that a person reads of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Receipt:
    """What one answer took; `sha256` is of the whole text in UTF-8.

    `ttft_ms` (request to first text) is None for an answer without text.
    """

    finish_reason: str
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    ttft_ms: float | None
    decode_ms: float
    sha256: str

    @classmethod
    def from_wire(cls, wire: Any) -> Receipt:
        """Read the JSON object of the terminal event.

        Raises:
            ValueError: a part is missing or of another type.
        """
        try:
            usage, ttft_ms = wire["usage"], wire["ttft_ms"]
            return cls(
                finish_reason=str(wire["finish_reason"]),
                prompt_tokens=int(usage["prompt_tokens"]),
                completion_tokens=int(usage["completion_tokens"]),
                cached_tokens=int(usage["prompt_tokens_details"]["cached_tokens"]),
                ttft_ms=None if ttft_ms is None else float(ttft_ms),
                decode_ms=float(wire["decode_ms"]),
                sha256=str(wire["sha256"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"the receipt is not whole: {error!r}") from error

    def line(self) -> str:
        """One line for a person."""
        new_tokens = self.prompt_tokens - self.cached_tokens
        parts = [
            f"{self.cached_tokens} cached + {new_tokens} new tokens in",
            f"{self.completion_tokens} out",
        ]
        if self.ttft_ms is not None:
            parts.append(f"first after {self.ttft_ms:.0f} ms")
        if self.completion_tokens > 1 and self.decode_ms > 0:
            rate = (self.completion_tokens - 1) / self.decode_ms * 1000
            parts.append(f"{rate:.1f} tokens/s")
        return f"[receipt: {', '.join(parts)}, {self.finish_reason}]"
