"""One answer went wrong; the turn is a record with its reason, and the run goes on.

StagingError
|-- StreamBroken          refused, not what was asked for, or it reports an error
`-- StreamTruncated       it ended without its end or without its receipt
"""

from __future__ import annotations

from pipelines.errors import StagingError


class StreamBroken(StagingError):
    """An answer was refused, reported an error, or is no answer."""


class StreamTruncated(StagingError):
    """An answer ended early: no finish reason, no receipt, or a receipt of another text."""
