"""Queues by name: what a person calls them, and what SQS does."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from ops.errors import UsageError
from ops.stage import Stage, in_words
from stacks import names, settings
from stacks.entry import Integration, Topology

Kind = Literal["work", "dead", "undelivered", "other"]


@dataclass(frozen=True)
class Queue:
    """One queue of SQS. `word` is what people call it, `kind` what it is for."""

    word: str
    kind: Kind
    name: str
    url: str

    @property
    def fifo(self) -> bool:
        """Whether it keeps order within groups; SQS tells by the name."""
        return self.name.endswith(".fifo")


def known(stage: str, topology: Topology) -> Iterator[tuple[str, Kind, str]]:
    """Word, kind and physical name of every queue of the topology, integration by integration, and of the chat's."""
    subscribed = set(topology.fed_by_events())
    for queue in topology.queues:
        yield queue.name, "work", names.queue(stage, queue.name, fifo=queue.fifo)
        yield f"{queue.name}-dlq", "dead", names.dead_letter_queue(stage, queue.name, fifo=queue.fifo)
        if queue.name in subscribed:
            yield f"{queue.name}-undelivered", "undelivered", names.target_dead_letter_queue(stage, queue.name)
    if _posts(stage):
        yield f"{names.CHAT}-undelivered", "undelivered", names.target_dead_letter_queue(stage, names.CHAT)


def _posts(stage: str) -> bool:
    try:
        return settings.read(stage, names.CONTEXT["stages"]).posts
    except settings.SettingsError:
        return False  # cdk.json knows no such stage, so nothing of it is posted from here


def owner(topology: Topology, word: str) -> Integration | None:
    """The integration that owns the queue of that word, a dead-letter queue too; None for one of somebody else."""
    work = word.removesuffix("-dlq").removesuffix("-undelivered")
    return next((each for each in topology.integrations if any(queue.name == work for queue in each.queues)), None)


def queues(stage: Stage) -> list[Queue]:
    """Every queue of the stage. Raises `UsageError` where one of them is not deployed."""
    return [_resolve(stage, word, kind, name) for word, kind, name in known(stage.name, stage.topology)]


def find(stage: Stage, text: str) -> Queue:
    """The queue that `text` means: a word of the topology, a queue's name, its URL or its ARN, ours or not.

    Raises `UsageError` with the list of known queues where there is none.
    """
    name = text.rsplit(":", 1)[-1] if text.startswith("arn:") else urlsplit(text).path.rsplit("/", 1)[-1]
    for word, kind, physical in known(stage.name, stage.topology):
        if name in (word, physical):
            return _resolve(stage, word, kind, physical)
    return _resolve(stage, name, "other", name, account=_account(text))


def find_dead(stage: Stage, text: str) -> Queue:
    """The dead-letter queue that `text` means; a work queue means its own. Raises `UsageError` as `find` does."""
    queue = find(stage, text)
    return find(stage, f"{queue.word}-dlq") if queue.kind == "work" else queue


def by_arn(stage: Stage, arn: str) -> Queue:
    """The queue with that ARN, of whatever account. Raises `UsageError` where there is none."""
    name = arn.rpartition(":")[2]
    return _resolve(stage, name, "other", name, account=_account(arn))


def _account(text: str) -> str | None:
    parts = text.split(":") if text.startswith("arn:") else urlsplit(text).path.split("/")
    return parts[-2] if len(parts) > 2 and parts[-2].isdigit() else None


def _resolve(stage: Stage, word: str, kind: Kind, name: str, account: str | None = None) -> Queue:
    owner = {"QueueOwnerAWSAccountId": account} if account else {}
    with in_words():
        try:
            url = stage.client("sqs").get_queue_url(QueueName=name, **owner)["QueueUrl"]
        except ClientError as error:
            if error.response["Error"]["Code"].rsplit(".", 1)[-1] not in ("NonExistentQueue", "QueueDoesNotExist"):
                raise
            raise UsageError(_unknown(stage, word, kind, name)) from None
    return Queue(word, kind, name, url)


def _unknown(stage: Stage, word: str, kind: Kind, name: str) -> str:
    if kind != "other":
        return f"Queue {name} does not exist: deploy stage {stage.name} first."
    words = [known_word for known_word, _, _ in known(stage.name, stage.topology)]
    near = difflib.get_close_matches(word, words, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    return f"There is no queue {word!r}.{hint} Stage {stage.name} has: {', '.join(words)}."
