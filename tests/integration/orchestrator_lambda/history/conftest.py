from dataclasses import dataclass, field
from typing import Any

import pytest

from orchestrator_lambda.conversation.ids import new_conversation_id
from orchestrator_lambda.conversation.model import (
    Conversation,
    Message,
    MessageStatus,
    Role,
    Totals,
)
from orchestrator_lambda.history import schema
from orchestrator_lambda.history.dynamodb import DynamoHistory
from orchestrator_lambda.history.interface import Checkpoint, StartedTurn, TurnEnd, TurnStart
from orchestrator_lambda.history.table import Backoff, Table
from orchestrator_lambda.history.texts import S3Objects
from tests.support.aws_local import AwsLocal
from tests.support.faulty_client import FaultyClient

NOW_MS = 1_800_000_000_000
AT_ONCE = Backoff(attempts=4, sleep=lambda seconds: None)


@dataclass
class Store:
    """A history over real stores, whose clients can be made to fail.

    Attributes:
        now_s: its clock.
    """

    dynamodb: FaultyClient
    s3: FaultyClient
    table_name: str
    bucket: str
    now_s: float = NOW_MS / 1000
    history: DynamoHistory = field(init=False)
    without_bucket: DynamoHistory = field(init=False)

    def __post_init__(self) -> None:
        table = Table(self.dynamodb, self.table_name, AT_ONCE)
        objects = S3Objects(self.s3, self.bucket)
        self.history = DynamoHistory(table, objects, clock=lambda: self.now_s)
        self.without_bucket = DynamoHistory(table, None, clock=lambda: self.now_s)

    def talk(self, **fields: Any) -> Conversation:
        """A new conversation, stored."""
        about = {"owner": "u-ann", "title": "", "created_ms": NOW_MS, "updated_ms": NOW_MS}
        conversation = Conversation(**{"id": new_conversation_id(), **about, **fields})
        self.history.create(conversation)
        return conversation

    def items(self, conversation_id: str) -> list[dict[str, Any]]:
        """Everything in the table, as it is there."""
        found: list[dict[str, Any]] = self.dynamodb.client.query(
            TableName=self.table_name,
            KeyConditionExpression="PK = :p",
            ExpressionAttributeValues={":p": {"S": f"C#{conversation_id}"}},
            ConsistentRead=True,
        )["Items"]
        return found

    def objects(self, conversation_id: str) -> list[str]:
        """Keys of everything in the bucket."""
        prefix = f"messages/{conversation_id}/"
        found = self.s3.client.list_objects_v2(Bucket=self.bucket, Prefix=prefix)
        return [one["Key"] for one in found.get("Contents", ())]


@pytest.fixture(scope="session")
def places(aws: AwsLocal) -> tuple[str, str]:
    return aws.table(schema.table_definition("history")), aws.bucket()


@pytest.fixture
def store(aws: AwsLocal, places: tuple[str, str]) -> Store:
    dynamodb, s3 = FaultyClient(aws.client("dynamodb")), FaultyClient(aws.client("s3"))
    return Store(dynamodb, s3, *places)


def start(
    conversation: Conversation, question: str = "Hello?", *, key: str = "k", digest: str = "h"
) -> TurnStart:
    """The beginning of a turn below the head."""
    seq, before = conversation.next_seq, conversation.head
    user = Message(
        seq=seq,
        parent=before,
        role=Role.USER,
        text=question,
        status=MessageStatus.COMPLETE,
        created_ms=NOW_MS,
    )
    answer = Message(
        seq=seq + 1,
        parent=seq,
        role=Role.ASSISTANT,
        text="",
        status=MessageStatus.STREAMING,
        created_ms=NOW_MS,
    )
    return TurnStart(
        conversation=conversation,
        user=user,
        answer=answer,
        idempotency_key=key,
        request_hash=digest,
        now_ms=NOW_MS,
        outbox={f"{conversation.id}:{seq + 1}:started": {"n": 1}},
    )


def end(
    started: StartedTurn, text: str, *, status: MessageStatus = MessageStatus.COMPLETE
) -> TurnEnd:
    """The commit of a turn that `start` has begun."""
    answer = Message(
        seq=started.answer_seq,
        parent=started.answer_seq - 1,
        role=Role.ASSISTANT,
        text=text,
        status=status,
        created_ms=NOW_MS,
        tokens=3,
    )
    return TurnEnd(
        conversation_id=started.conversation.id,
        fence=started.conversation.fence,
        answer=answer,
        totals=Totals(turns=1, input_tokens=10, output_tokens=3),
        now_ms=NOW_MS,
        expires_s=started.conversation.expires_s,
        outbox={f"{started.conversation.id}:{started.answer_seq}:ended": {"n": 2}},
    )


def checkpoint(started: StartedTurn, text: str, **fields: Any) -> Checkpoint:
    """Partial text of a turn."""
    about = {"event_seq": 1, "now_ms": NOW_MS, "expires_s": started.conversation.expires_s}
    return Checkpoint(
        conversation_id=started.conversation.id,
        answer_seq=started.answer_seq,
        text=text,
        **{"fence": started.conversation.fence, **about, **fields},
    )
