"""Texts to and from where they are stored: the message's item, pieces beside it, or S3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from boto3.dynamodb.types import Binary
from botocore.exceptions import BotoCoreError, ClientError

from orchestrator_lambda.errors import StoreUnavailable
from orchestrator_lambda.history import schema
from orchestrator_lambda.history.codec import EncodedText, decode_text, encode_text
from orchestrator_lambda.history.items import Item, seq_of
from orchestrator_lambda.history.table import Table, key_of


class Objects(Protocol):
    """Where very long texts are."""

    def put(self, key: str, data: bytes) -> None:
        """Write an object; again is harmless."""

    def get(self, key: str) -> bytes:
        """Read it."""

    def delete_all(self, prefix: str) -> None:
        """Remove all objects under a prefix."""


class S3Objects:
    """Objects in a bucket, with few retries by boto3: each call may be repeated.

    Raises:
        StoreUnavailable: S3 cannot be reached, or an object that should be there is not.
    """

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put(self, key: str, data: bytes) -> None:
        """See Objects."""
        self._call(lambda: self._client.put_object(Bucket=self._bucket, Key=key, Body=data))

    def get(self, key: str) -> bytes:
        """See Objects."""

        def read() -> bytes:
            return bytes(self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read())

        return bytes(self._call(read))

    def delete_all(self, prefix: str) -> None:
        """See Objects."""
        pages = self._client.get_paginator("list_objects_v2")
        for page in self._call(lambda: list(pages.paginate(Bucket=self._bucket, Prefix=prefix))):
            keys = [{"Key": one["Key"]} for one in page.get("Contents", ())]
            if keys:
                self._delete(keys)

    def _delete(self, keys: Sequence[Mapping[str, str]]) -> None:
        asked = {"Objects": list(keys), "Quiet": True}
        answer = self._call(lambda: self._client.delete_objects(Bucket=self._bucket, Delete=asked))
        if answer.get("Errors"):  # it says 200 all the same
            raise StoreUnavailable("long messages could not be deleted", retry_after_ms=1000)

    def _call(self, call: Any) -> Any:
        try:
            return call()
        except (ClientError, BotoCoreError) as error:
            raise StoreUnavailable(
                f"the store of long messages failed ({type(error).__name__})", retry_after_ms=1000
            ) from error


class Texts:
    """Writes a text's pieces, then tells what its message's item has to say about it.

    Args:
        objects: None keeps very long texts in pieces, too.
    """

    def __init__(self, table: Table, objects: Objects | None) -> None:
        self._table = table
        self._objects = objects

    def write(self, conversation_id: str, seq: int, text: str, expires_s: int | None) -> Item:
        """Attributes of the message's item; pieces and objects are written before it returns."""
        encoded = encode_text(text)
        if encoded.inline:
            return {"text": encoded.name, "z": Binary(encoded.data), "pieces": 0, "s3": ""}
        if encoded.in_object and self._objects is not None:
            key = object_key(conversation_id, seq, encoded.name)
            self._objects.put(key, encoded.data)
            return {"text": encoded.name, "z": Binary(b""), "pieces": 0, "s3": key}
        self._write_chunks(conversation_id, seq, encoded, expires_s)
        pieces = len(encoded.chunks)
        return {"text": encoded.name, "z": Binary(b""), "pieces": pieces, "s3": ""}

    def _write_chunks(
        self, conversation_id: str, seq: int, encoded: EncodedText, expires_s: int | None
    ) -> None:
        for number, data in enumerate(encoded.chunks):
            item = key_of(conversation_id, schema.chunk_key(seq, encoded.name, number))
            expiry = {} if expires_s is None else {schema.TTL: expires_s}
            self._table.put({**item, **expiry, "z": Binary(data)})

    def read(self, item: Mapping[str, Any]) -> str:
        """The text of a message's item, its pieces fetched."""
        pieces: Sequence[Item] = []
        if int(item.get("pieces", 0)):
            prefix = schema.chunk_key(seq_of(item), item["text"], 0)[:-4]
            pieces = list(
                self._table.query(
                    f"#{schema.PK} = :p AND begins_with(#{schema.SK}, :s)",
                    {":p": item[schema.PK], ":s": prefix},
                )
            )
        return self.assemble(item, pieces)

    def assemble(self, item: Mapping[str, Any], pieces: Sequence[Mapping[str, Any]]) -> str:
        """The text out of an item and those of its pieces that were read with it, in order."""
        wanted = int(item.get("pieces", 0))
        if item.get("s3"):
            if self._objects is None:
                raise StoreUnavailable("a message lies in a bucket; KEEPWARM_BUCKET names none")
            return decode_text(self._objects.get(item["s3"]), item["text"])
        if wanted:
            return decode_text(b"".join(one["z"] for one in pieces[:wanted]), item["text"])
        return decode_text(item["z"], item["text"])


def object_prefix(conversation_id: str) -> str:
    """All of a conversation's objects begin with it."""
    return f"messages/{conversation_id}/"


def object_key(conversation_id: str, seq: int, name: str) -> str:
    """Where a very long text is."""
    return f"{object_prefix(conversation_id)}{seq:010d}-{name}"
