"""What can go wrong while measuring.

BenchmarkError
|-- PeerFailed      a peer cannot be started, or ended before it was told to
|-- StreamBroken    one answer failed; the turn counts as an error, the run goes on
`-- ResultsUnreadable   a results file was not written by this package
"""

from __future__ import annotations


class BenchmarkError(Exception):
    """Base of the errors that this package raises on purpose; the message is for people."""


class PeerFailed(BenchmarkError):
    """A peer could not be installed or started, or ended early."""


class StreamBroken(BenchmarkError):
    """An answer was refused, reported an error, or ended without its finish reason."""


class ResultsUnreadable(BenchmarkError):
    """A results file is not JSON of the expected shape."""
