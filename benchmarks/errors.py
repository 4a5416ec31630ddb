"""What can go wrong while measuring. One answer that fails is `pipelines.speed.errors`'s matter.

BenchmarkError
|-- PeerFailed          a peer cannot be started, or ended before it was told to
`-- ResultsUnreadable   a results file was not written by this package
"""

from __future__ import annotations


class BenchmarkError(Exception):
    """Base of the errors that this package raises on purpose; the message is for people."""


class PeerFailed(BenchmarkError):
    """A peer could not be installed or started, or ended early."""


class ResultsUnreadable(BenchmarkError):
    """A results file is not JSON of the expected shape."""
