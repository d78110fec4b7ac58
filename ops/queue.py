"""Queues by name: what a person calls them, and what SQS does."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from time import monotonic
from typing import Literal

from botocore.exceptions import ClientError

from ops.address import NAME, Address, authority, partition_of
from ops.answer import part
from ops.errors import UsageError
from ops.pool import Pool
from ops.stage import Stage, in_words
from stacks import names, settings
from stacks.entry import Integration, Topology

Kind = Literal["work", "dead", "undelivered", "other"]
AT_ONCE = 8
"""Calls that ask about one queue each, at once: fewer than the connections that botocore keeps."""
REMEMBERED = 60.0
"""Seconds for which a queue that was found is not asked for again: a command, or a page, needs it several times, and
what is done with a queue that was deleted meanwhile is refused by SQS all the same."""
ABSENT = ("NonExistentQueue", "QueueDoesNotExist")
DENIED = (
    *("AccessDenied", "AccessDeniedException", "InvalidAddress"),
    *("InvalidClientTokenId", "UnrecognizedClientException", "AuthFailure", "OptInRequired"),
)
"""How SQS refuses credentials, of another account or in a region that their account has not enabled.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html"""


@dataclass(frozen=True)
class Queue:
    """One queue of SQS. `word` is what people call it, of one by its address the ARN; `kind` what it is for."""

    word: str
    kind: Kind
    name: str
    url: str
    region: str | None = None
    """Where it is; None in the stage's own region."""

    @property
    def fifo(self) -> bool:
        """Whether it keeps order within groups; SQS tells by the name."""
        return self.name.endswith(".fifo")

    @property
    def account(self) -> str:
        """Whose it is; empty where its URL does not say it."""
        return "".join(self.url.split("/")[-2:-1])

    @property
    def identity(self) -> tuple[str | None, str, str]:
        """What no other queue that the stage reaches has; its host has several names."""
        return self.region, self.account, self.name

    @property
    def address(self) -> tuple[str | None, ...]:
        """What no other queue anywhere has, and it has by whatever stage, word or address it is named."""
        try:
            said = Address.of(self.url)
        except UsageError:
            said = None
        return (said.host, said.region, said.account, said.name) if said is not None else (self.url,)


def known(stage: str, topology: Topology) -> Iterator[tuple[str, Kind, str]]:
    """Word, kind and physical name of every queue of the topology, integration by integration, and of the chat's."""
    served = {*topology.fed_by_events(), *topology.scheduled()}
    for queue in topology.queues:
        yield queue.name, "work", names.queue(stage, queue.name, fifo=queue.fifo)
        yield f"{queue.name}-dlq", "dead", names.dead_letter_queue(stage, queue.name, fifo=queue.fifo)
        if queue.name in served:
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


def lane(topology: Topology, word: str) -> str | None:
    """Which lane the queue of that word is, a dead-letter queue too; None for one without lanes."""
    work = word.removesuffix("-dlq").removesuffix("-undelivered")
    return next((queue.lane.lane for queue in topology.queues if queue.name == work and queue.lane), None)


def queues(stage: Stage) -> list[Queue]:
    """Every queue of the stage. Raises `UsageError` where one of them is not deployed."""
    with Pool(AT_ONCE) as pool:
        return list(pool.map(lambda each: _resolve(stage, *each), known(stage.name, stage.topology)))


def find(stage: Stage, text: str) -> Queue:
    """The queue that `text` means: a word of the topology, a queue's name, its URL or its ARN, ours or not.

    Words and names are those of the stage, and what was found is believed for `REMEMBERED` seconds. An ARN or a URL is
    that very queue, in its own account and region. Raises `UsageError` with the list of known queues where there is
    none, or why these credentials cannot reach it.
    """
    address = Address.of(text)
    if address is not None:
        return _at(stage, address)
    for word, kind, physical in known(stage.name, stage.topology):
        if text in (word, physical):
            return _resolve(stage, word, kind, physical)
    if not stage.staged:
        raise UsageError(f"{text!r} is neither a URL nor an ARN: without a stage, queues are named by one of these.")
    if not NAME.fullmatch(text):
        raise UsageError(_unknown(stage, text, "other", text))
    return _resolve(stage, text, "other", text)


def find_dead(stage: Stage, text: str) -> Queue:
    """The dead-letter queue that `text` means; a work queue's word or name means its own.

    An address means the very queue that it names, so that of a work queue is refused. Raises `UsageError` as `find`
    does.
    """
    if Address.of(text) is None:
        own = (
            word
            for word, kind, physical in known(stage.name, stage.topology)
            if kind == "work" and text in (word, physical)
        )
        return find(stage, next((f"{word}-dlq" for word in own), text))
    queue = find(stage, text)
    if queue.kind != "work":
        return queue
    dead = find(stage, f"{queue.word}-dlq")
    partition = partition_of(stage.region)
    arn = f"arn:{partition.name if partition is not None else 'aws'}:sqs:{stage.region}:{dead.account}:{dead.name}"
    raise UsageError(f"{text} is a work queue, and an address is never taken for its DLQ: that is {arn}.")


def sources(stage: Stage, queue: Queue) -> list[str]:
    """The URLs of the queues whose redrive policy names that queue; SQS knows those, no functions, topics or rules.

    Raises `OpsError` where SQS refuses.
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ListDeadLetterSourceQueues.html
    """
    client, found, token = stage.client("sqs", queue.region), list[str](), ""
    while True:
        with in_words():
            more = {"NextToken": token} if token else {}
            answer = client.list_dead_letter_source_queues(QueueUrl=queue.url, MaxResults=1000, **more)
        found += answer.get("queueUrls", [])
        token = answer.get("NextToken", "")
        if not token:
            return found


def _at(stage: Stage, address: Address) -> Queue:
    region = address.region or stage.region
    partition = partition_of(region)
    if partition is None:
        raise UsageError(f"{address.text} is in no region of AWS: {region} is none.")
    if partition != partition_of(stage.region):
        raise UsageError(
            f"{address.text} is in {partition.name}, where the credentials of {stage.told} are not known: "
            "sign in there, and name a stage of that region, or none."
        )
    queue = _ours(stage, address) if region == stage.region else None
    if queue is None:
        arn = f"arn:{partition.name}:sqs:{region}:{address.account}:{address.name}"
        elsewhere = region if region != stage.region else None
        queue = Queue(arn, "other", address.name, _url_of(stage, address, region), elsewhere)
        _verify(stage, queue, arn)
    _same_place(stage, address, queue)
    return queue


def _ours(stage: Stage, address: Address) -> Queue | None:
    """The queue of the stage that has that address, which is in its region."""
    for word, kind, physical in known(stage.name, stage.topology):
        if physical == address.name:
            try:
                ours = _resolve(stage, word, kind, physical)
            except UsageError:
                return None
            return ours if ours.account == address.account else None
    return None


def _url_of(stage: Stage, address: Address, region: str) -> str:
    where = f"queue {address.name} in account {address.account}, region {region}"
    with in_words():
        try:
            asked = {"QueueName": address.name, "QueueOwnerAWSAccountId": address.account}
            return str(part(stage.client("sqs", region).get_queue_url(**asked), "QueueUrl"))
        except ClientError as error:
            code = error.response["Error"]["Code"].rsplit(".", 1)[-1]
            if code in ABSENT:
                raise UsageError(
                    f"There is no {where}, or these credentials may not use it: look at its ARN, or sign in there."
                ) from None
            if code in DENIED:
                raise UsageError(
                    f"These credentials may not use {where} ({code}): sign in there, or allow them in its policy."
                ) from None
            raise


def _verify(stage: Stage, queue: Queue, arn: str) -> None:
    """Refuses a queue that is not the one with that ARN: an emulator may know one account or one region only."""
    answered = Address.of(queue.url)
    if answered is not None and answered.on_aws:
        region = queue.region or stage.region
        right = (answered.name, answered.account, answered.region) == (queue.name, arn.split(":")[4], region)
    else:
        with in_words():
            asked = stage.client("sqs", queue.region).get_queue_attributes(
                QueueUrl=queue.url, AttributeNames=["QueueArn"]
            )
        right = part(asked, "Attributes", "QueueArn") == arn
    if not right:
        raise UsageError(f"SQS answered {queue.url} for {arn}, which is another queue: nothing was done.")


def _same_place(stage: Stage, address: Address, queue: Queue) -> None:
    """Refuses a URL of an emulator, or of AWS, where the stage is somewhere else."""
    endpoint = stage.client("sqs", queue.region).meta.endpoint_url
    answered = Address.of(queue.url)
    there = (
        f"{address.text} is not where {stage.told} is ({endpoint}): name its stage with --stage, or where it is "
        "with --endpoint-url."
    )
    if address.on_aws and (answered is None or not answered.on_aws):
        raise UsageError(there)
    if address.host is not None and address.host not in (authority(endpoint), authority(queue.url)):
        raise UsageError(there)


def _resolve(stage: Stage, word: str, kind: Kind, name: str) -> Queue:
    url, since = stage.urls.get(name, ("", 0.0))
    if url and monotonic() < since + REMEMBERED:
        return Queue(word, kind, name, url)
    with in_words():
        try:
            url = part(stage.client("sqs").get_queue_url(QueueName=name), "QueueUrl")
        except ClientError as error:
            code = error.response["Error"]["Code"].rsplit(".", 1)[-1]
            if code in ABSENT:
                raise UsageError(_unknown(stage, word, kind, name)) from None
            if code in DENIED and kind == "other":
                beside = f"Whether somebody else has one of that name these credentials may not ask ({code})."
                raise UsageError(f"{_unknown(stage, word, kind, name)} {beside}") from None
            raise
    stage.urls[name] = url, monotonic()
    return Queue(word, kind, name, url)


def _unknown(stage: Stage, word: str, kind: Kind, name: str) -> str:
    if kind != "other":
        return f"Queue {name} does not exist in {stage.region}: deploy stage {stage.name} there first."
    words = [known_word for known_word, _, _ in known(stage.name, stage.topology)]
    near = difflib.get_close_matches(word, words, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    return f"There is no queue {word!r}.{hint} Stage {stage.name} has: {', '.join(words)}."
