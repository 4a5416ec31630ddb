"""Lambda's event source for Kinesis: reads a stream and calls a function with what is in it.

    stream --ListShards--> a thread a shard --GetRecords--> batches --Delivery--> function
                                  ^                                     |
                                  `--------- checkpoint <---------------'

Every record reaches the function at least once, in order within its shard, or ends at the
destination for failures. Shards born of a split or a merge are read when their parents are done.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local.kinesis_checkpoints import Checkpoints
from local.kinesis_delivery import Delivery, Handler, OnFailure
from local.kinesis_event import Origin
from local.kinesis_shard import Place, ShardReader, SourceSettings

JOIN_SECONDS = 10.0

log = logging.getLogger(__name__)


class KinesisSource:
    """Runs while its block does, or from `start` to `stop`.

    Args:
        client: boto3's for Kinesis.
        handler: the function, called as Lambda calls it: (event, context).
        on_failure: gets the failure record of records that are given up; without it they are
            logged.
        checkpoints: how far an earlier run came; kept up to date.
    """

    def __init__(
        self,
        client: Any,
        handler: Handler,
        settings: SourceSettings,
        *,
        on_failure: OnFailure | None = None,
        checkpoints: Checkpoints | None = None,
    ) -> None:
        self._client = client
        self._handler = handler
        self._settings = settings
        self._on_failure = on_failure or _log_failure
        self._checkpoints = checkpoints or Checkpoints()
        self._began = datetime.now(UTC)
        self._stopping = threading.Event()
        self._readers: dict[str, ShardReader] = {}
        self._finder = threading.Thread(target=self._discover, name="shards", daemon=True)

    def start(self) -> KinesisSource:
        """Begin to read."""
        self._finder.start()
        return self

    def stop(self) -> None:
        """End; a call under way is awaited, what it leaves undone comes again in the next run."""
        self._stopping.set()
        deadline = time.monotonic() + JOIN_SECONDS
        _join(self._finder, deadline)  # from now on there are no new readers
        for reader in self._readers.values():
            _join(reader.thread, deadline)

    def __enter__(self) -> KinesisSource:
        return self.start()

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def _discover(self) -> None:
        while not self._stopping.is_set():
            try:
                self._begin(list_shards(self._client, self._settings.stream))
            except (BotoCoreError, ClientError) as error:
                log.warning("the shards could not be listed: %s", type(error).__name__)
            self._stopping.wait(self._settings.discover_s)

    def _begin(self, shards: Sequence[dict[str, Any]]) -> None:
        """Read the shards that are not read yet and whose parents are done."""
        listed = {shard["ShardId"] for shard in shards}
        for shard in shards:
            name, parents = shard["ShardId"], _parents(shard)
            waiting = [parent for parent in parents & listed if not self._finished(parent)]
            if name not in self._readers and not waiting:
                self._readers[name] = self._reader(name, bool(parents & set(self._readers)))

    def _finished(self, shard: str) -> bool:
        reader = self._readers.get(shard)
        return reader is not None and reader.finished

    def _reader(self, shard: str, born_here: bool) -> ShardReader:
        settings = self._settings
        origin = Origin(
            stream=settings.stream,
            shard=shard,
            function=settings.function,
            region=settings.region,
        )
        # A child shard is read from its beginning, whatever was asked for at the start.
        settings = replace(settings, latest=settings.latest and not born_here)
        delivery = Delivery(
            origin,
            self._handler,
            settings.delivery,
            on_failure=self._on_failure,
            checkpoint=lambda number: self._checkpoints.set(shard, number),
            stopping=self._stopping,
        )
        place = Place(
            self._client,
            settings,
            shard,
            lambda: self._checkpoints.get(shard),
            self._began,
        )
        reader = ShardReader(place, delivery, settings, self._stopping)
        reader.thread.start()
        return reader


def list_shards(client: Any, stream: str) -> list[dict[str, Any]]:
    """All shards of a stream, page by page."""
    page = client.list_shards(StreamName=stream)
    shards = list(page["Shards"])
    while token := page.get("NextToken"):
        page = client.list_shards(NextToken=token)
        shards += page["Shards"]
    return shards


def _parents(shard: dict[str, Any]) -> set[str]:
    names = (shard.get("ParentShardId"), shard.get("AdjacentParentShardId"))
    return {name for name in names if name}


def _join(thread: threading.Thread, deadline: float) -> None:
    if thread.is_alive():
        thread.join(max(0.0, deadline - time.monotonic()))


def _log_failure(failure: dict[str, Any]) -> None:
    info = failure["KinesisBatchInfo"]
    log.error(
        "%d records of %s from %s on were given up",
        info["batchSize"],
        info["shardId"],
        info["startSequenceNumber"],
    )
