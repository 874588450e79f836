"""The queue in Amazon SQS, with the dead-letter queue that its redrive policy names."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from retrieval.errors import QueueUnavailableError
from retrieval.queue import DeadLetter, Depth, Message, QueueLimits

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient

_BATCH = 10
"""Most messages of one request."""
_REASON = "reason"
_ROUNDS = 5
"""How often dead letters are asked for, since each answer is a sample."""
_MALFORMED = (KeyError, TypeError, ValueError, AttributeError)


@contextmanager
def _translating() -> Iterator[None]:
    try:
        yield
    except (ClientError, BotoCoreError, *_MALFORMED) as error:
        message = "the queue does not answer as it should"
        raise QueueUnavailableError(message) from error


@dataclass(frozen=True, slots=True)
class SQSQueue:
    """`Queue` and `QueueView` over one SQS queue."""

    client: "SQSClient"
    url: str
    _dead: dict[str, str] = field(default_factory=dict, init=False, repr=False)

    def receive(self, most: int, wait: int) -> Sequence[Message]:
        """Return at most `most` messages; wait up to `wait` seconds for one. Raises `QueueUnavailableError`."""
        return self._receive(self.url, most, wait)

    def delete(self, message: Message) -> None:
        """Delete `message`; one that was delivered again meanwhile may come back. Raises `QueueUnavailableError`."""
        with _translating():
            self.client.delete_message(QueueUrl=self.url, ReceiptHandle=message.receipt)

    def hide(self, message: Message, seconds: int) -> None:
        """Hide `message` for `seconds` from now. Raises `QueueUnavailableError`."""
        with _translating():
            self.client.change_message_visibility(
                QueueUrl=self.url, ReceiptHandle=message.receipt, VisibilityTimeout=seconds
            )

    def bury(self, message: Message, reason: str) -> None:
        """Put `message` among the dead letters, if there are any, then delete it. Raises `QueueUnavailableError`."""
        with _translating():
            dead = self._dead_url()
            if dead is not None:
                sent = self.client.send_message(
                    QueueUrl=dead,
                    MessageBody=message.untrusted_body,
                    MessageAttributes={_REASON: {"DataType": "String", "StringValue": reason}},
                )
                _check(bool(sent.get("MessageId")))
        self.delete(message)

    def send(self, bodies: Sequence[str]) -> None:
        """Send each of `bodies` as a message of its own. Raises `QueueUnavailableError` unless all are in the queue."""
        for start in range(0, len(bodies), _BATCH):
            batch = bodies[start : start + _BATCH]
            entries = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(batch)]
            with _translating():
                answer = self.client.send_message_batch(QueueUrl=self.url, Entries=entries)  # type: ignore[arg-type]
            _check(len(answer.get("Successful", [])) == len(batch))

    def limits(self) -> QueueLimits:
        """Return visibility and redrive as the queue has them now. Raises `QueueUnavailableError`."""
        with _translating():
            attributes = self._attributes(self.url)
            policy = _redrive(attributes)
            receives = None if policy is None else int(policy["maxReceiveCount"])
            return QueueLimits(int(attributes["VisibilityTimeout"]), receives)

    def depth(self) -> Depth:
        """Return how many messages wait, are being worked on, and are dead, about. Raises `QueueUnavailableError`."""
        with _translating():
            own, dead = self._attributes(self.url), self._dead_url()
            waiting = int(own["ApproximateNumberOfMessages"]) + int(own["ApproximateNumberOfMessagesDelayed"])
            running = int(own["ApproximateNumberOfMessagesNotVisible"])
            left = 0 if dead is None else int(self._attributes(dead)["ApproximateNumberOfMessages"])
            return Depth(waiting, running, left)

    def dead(self, most: int) -> Sequence[DeadLetter]:
        """Return at most `most` dead letters, hidden from nobody. Raises `QueueUnavailableError`."""
        with _translating():
            url = self._dead_url()
            found: dict[str, DeadLetter] = {}
            for _ in range(_ROUNDS if url else 0):
                answer = self._ask(url or "", _BATCH, 0, VisibilityTimeout=0)
                found |= {each["MessageId"]: _letter(each) for each in answer}
            return list(found.values())[:most]

    def _receive(self, url: str, most: int, wait: int) -> Sequence[Message]:
        with _translating():
            return [_message(each) for each in self._ask(url, min(most, _BATCH), wait)]

    def _ask(self, url: str, most: int, wait: int, **more: Any) -> Sequence[Any]:  # noqa: ANN401 - as boto3 takes it
        answer = self.client.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=most,
            WaitTimeSeconds=wait,
            MessageSystemAttributeNames=["ApproximateReceiveCount"],
            MessageAttributeNames=[_REASON],
            **more,
        )
        return answer.get("Messages", [])

    def _dead_url(self) -> str | None:
        if not self._dead:
            policy = _redrive(self._attributes(self.url))
            if policy is None:
                return None
            *_, account, name = str(policy["deadLetterTargetArn"]).split(":")
            found = self.client.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)
            self._dead["url"] = found["QueueUrl"]
        return self._dead["url"]

    def _attributes(self, url: str) -> dict[str, Any]:
        answer: Any = self.client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
        attributes: dict[str, Any] = answer["Attributes"]
        return attributes


def _check(sent: bool) -> None:  # noqa: FBT001 - what is checked
    """Raise `QueueUnavailableError` unless the queue itself says so: to botocore any answer of 200 is a success."""
    if not sent:
        message = "some messages could not be sent"
        raise QueueUnavailableError(message)


def _redrive(attributes: dict[str, Any]) -> dict[str, Any] | None:
    policy: dict[str, Any] | None = json.loads(attributes["RedrivePolicy"]) if "RedrivePolicy" in attributes else None
    return policy


def _message(raw: Any) -> Message:  # noqa: ANN401 - as boto3 gives it
    return Message(
        raw["MessageId"], raw["ReceiptHandle"], raw["Body"], int(raw["Attributes"]["ApproximateReceiveCount"])
    )


def _letter(raw: Any) -> DeadLetter:  # noqa: ANN401 - as boto3 gives it
    reason = raw.get("MessageAttributes", {}).get(_REASON, {}).get("StringValue")
    return DeadLetter(raw["MessageId"], reason, int(raw["Attributes"]["ApproximateReceiveCount"]))
