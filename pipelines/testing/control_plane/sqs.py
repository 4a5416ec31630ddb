"""SQS, and Lambda's polling of it: messages come late, twice, and again when they were let down."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from pipelines.testing.control_plane.part import Answer, ApiError, Parameters, Part

Handler = Callable[[Answer], Answer]
VISIBILITY_S = 360.0


@dataclass
class Message:
    """One message, and how often it was handed out."""

    identity: str
    body: str
    receives: int = 0


@dataclass
class Queue:
    """One queue.

    Attributes:
        receives: how often a message is handed out before it is a dead letter.
        waiting: messages that nobody has dealt with.
        dead_letters: messages that were handed out too often.
    """

    name: str
    receives: int = 6
    handler: Handler | None = None
    waiting: dict[str, Message] = field(default_factory=dict)
    dead_letters: list[Message] = field(default_factory=list)


class Queues(Part):
    """SendMessage and its kin; `subscribe` is Lambda's event source mapping.

    Attributes:
        queues: by name.
        copies: how often each message is delivered.
    """

    service = "sqs"

    def __init__(self, plane: Any) -> None:
        super().__init__(plane)
        self.queues: dict[str, Queue] = {}
        self.copies = 1
        self._count = itertools.count(1)

    def resources(self) -> Iterable[str]:
        for queue in self.queues.values():
            yield from (f"message/{queue.name}/{identity}" for identity in queue.waiting)

    def get_queue_url(self, parameters: Parameters) -> Answer:
        return {"QueueUrl": self.url(self._queue(parameters["QueueName"]).name)}

    def send_message(self, parameters: Parameters) -> Answer:
        queue = self._queue(parameters["QueueUrl"])
        delay = parameters.get("DelaySeconds", 0)
        return {"MessageId": self.deliver(queue.name, parameters["MessageBody"], delay)}

    def make(self, name: str, receives: int = 6) -> str:
        """A queue, empty; its URL."""
        self.queues[name] = Queue(name, receives)
        return self.url(name)

    def subscribe(self, name: str, handler: Handler) -> None:
        """Hand a queue's messages to `handler(event)`, which reports what it could not do."""
        self._queue(name).handler = handler

    def deliver(self, queue: str, body: str, delay_s: float = 0.0) -> str:
        """Put a message into a queue, named or by its URL; the message's id."""
        found = self._queue(queue)
        first = ""
        for _ in range(self.copies):
            message = Message(f"message-{next(self._count):05d}", body)
            found.waiting[message.identity] = message
            self._hand_out_after(delay_s, found, message)
            first = first or message.identity
        return first

    def url(self, name: str) -> str:
        """The URL of a queue."""
        account, region = self.arn("").split(":")[4], self.arn("").split(":")[3]
        return f"https://sqs.{region}.amazonaws.com/{account}/{name}"

    def _hand_out_after(self, delay_s: float, queue: Queue, message: Message) -> None:
        self.plane.after(delay_s, lambda: self._hand_out(queue, message))

    def _hand_out(self, queue: Queue, message: Message) -> None:
        if queue.handler is None:
            return
        message.receives += 1
        if self._is_done(queue.handler, message):
            del queue.waiting[message.identity]
        elif message.receives >= queue.receives:
            queue.dead_letters.append(queue.waiting.pop(message.identity))
        else:
            self._hand_out_after(VISIBILITY_S, queue, message)

    def _is_done(self, handler: Handler, message: Message) -> bool:
        try:
            answer = handler({"Records": [self.record(message)]})
        except Exception:  # whatever a function raises, its batch is handed out again
            return False
        failed = [one["itemIdentifier"] for one in answer.get("batchItemFailures", [])]
        return message.identity not in failed

    def record(self, message: Message) -> Answer:
        """A message as Lambda hands it over."""
        sent = str(int(self.now.timestamp() * 1000))
        return {
            "messageId": message.identity,
            "receiptHandle": f"receipt-{message.identity}-{message.receives}",
            "body": message.body,
            "attributes": {
                "ApproximateReceiveCount": str(message.receives),
                "SentTimestamp": sent,
                "ApproximateFirstReceiveTimestamp": sent,
            },
            "messageAttributes": {},
            "eventSource": "aws:sqs",
        }

    def _queue(self, name_or_url: str) -> Queue:
        name = name_or_url.rpartition("/")[2]
        if name not in self.queues:
            raise ApiError("QueueDoesNotExist", "The specified queue does not exist.")
        return self.queues[name]
