"""What can go wrong while measuring. One answer that fails is `pipelines.speed.errors`'s matter.

BenchmarkError
|-- PeerFailed          a peer cannot be started, or ended before it was told to
|   `-- PeerSkipped     it was not tried: not installed, or no time is left
`-- ResultsUnreadable   a results file was not written by this package
"""

from __future__ import annotations


class BenchmarkError(Exception):
    """Base of the errors that this package raises on purpose; the message is for people."""


class PeerFailed(BenchmarkError):
    """A peer could not be installed or started, or ended early."""


class PeerSkipped(PeerFailed):
    """A peer is not here, or there is no time for it: the report says so, and nothing is broken."""


class ResultsUnreadable(BenchmarkError):
    """A results file is not JSON of the expected shape."""
