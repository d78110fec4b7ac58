"""Which alarms a stage has: plain data from the topology and the stage's thresholds, without `aws_cdk`."""

from __future__ import annotations

from collections.abc import Iterator

from functions.contracts.pause import PAUSE_CONSUMER
from stacks import names
from stacks.entry import Consumer, Queue, Subscription, Topology
from stacks.monitoring.alarm import Alarm, Kind, waiting
from stacks.monitoring.metrics import MINUTE, of_api, of_consumer, of_function, of_queue, of_rule
from stacks.monitoring.schedule_alarms import NOT_RUN, SCHEDULE_FAILED, UNSENT, of_schedules
from stacks.settings import Alarms, Settings

NEVER = 86_400
"""Seconds that a queue takes to drain when nothing leaves it: as good as never."""

DEAD_LETTERS = Kind(
    "dead-letters",
    "Messages that were accepted failed for good; they are in the dead-letter queue for 14 days.",
    "`python -m ops dead --stage <stage>` says why they failed. Fix the cause, then redrive them with "
    "`python -m ops redrive <queue> --stage <stage>` or with the SQS console's DLQ redrive.",
)
OLDEST = Kind(
    "oldest",
    "Messages wait longer than they should. SQS leaves a standard queue's messages out of this figure from their "
    "third receive on; those show as dead letters.",
    "Look at the consumer's errors, throttles and duration. If it keeps up with each message but not with their "
    "number, raise its concurrency or its batch. On a FIFO queue that halts, one group waits for a person: the "
    "consumer's log says which message failed and why; fix that, and the group goes on by itself.",
)
DRAIN = Kind(
    "drain",
    "At the present rate the queue takes too long to empty, or nothing leaves it at all.",
    "Compare arrivals with deletions on the dashboard. Raise the consumer's concurrency, or slow the callers with "
    "the route's throttling.",
)
UNDELIVERED = Kind(
    "undelivered",
    "EventBridge could not deliver events to a subscriber's queue; they are in its `undelivered` queue for 14 days.",
    "The message attributes ERROR_CODE and ERROR_MESSAGE say why, most often a queue or key policy. Fix it, "
    "deploy, then `python -m ops redrive <queue>-undelivered --stage <stage>`.",
)
ERRORS = Kind(
    "errors",
    "A consumer crashed or ran out of time. A message that merely fails is no error; it is retried or becomes a "
    "dead letter.",
    "Read the function's log around the time, with the saved query `crashes`. Out of time: raise the timeout or "
    "lower the batch. Out of memory: raise the memory.",
)
THROTTLES = Kind(
    "throttles",
    "Lambda refused to run a consumer, so messages use up receives without being attempted.",
    "Look at the account's concurrency limit; set a maximum concurrency on the consumers that need less.",
)
DURATION = Kind(
    "duration",
    "One batch in a hundred takes more than four fifths of the function's timeout; beyond it the batch is retried.",
    "Find what is slow in the traces. Lower the batch, raise the memory (CPU comes with it), or raise the timeout.",
)
CONCURRENCY = Kind(
    "concurrency",
    "A consumer has been using all the concurrency it may use for a quarter of an hour.",
    "If what it calls can take more, raise the consumer's concurrency in the topology; else let the queue hold the "
    "load.",
)
NOT_DELETING = Kind(
    "not-deleting",
    "Messages are received but none is deleted, so work is done again and again.",
    "The function's answer is not what Lambda expects of partial failures, or every message fails. Read the saved "
    "query `failures`.",
)
PUBLISH_FAILURES = Kind(
    "publish-failures",
    "Events could not be published, so the messages that caused them are retried.",
    "Look for the error in the saved query `failures`: throttling needs a higher PutEvents quota, access or size is "
    "ours.",
)
PAUSED = Kind(
    "paused",
    "A consumer takes no messages, because a service that it needs is away. Its messages wait, and none of them fails.",
    "The log of `pause_consumer` says which consumer and which service: look for `paused`, and for `no answer to the "
    "probe` where the consumer itself is broken. It goes on by itself once its probe is fine, which it is asked every "
    "20 s; `python -m ops queues --stage <stage>` shows which consumers are off. How to let it go on at once is in the "
    "runbook.",
)
FAILED_INVOCATIONS = Kind(
    "failed-invocations",
    "EventBridge gave up delivering events of a rule.",
    "They are in the subscriber's `undelivered` queue; see `undelivered`.",
)
UNDELIVERED_EVENTS = Kind(
    "undelivered-events",
    "EventBridge moved events of a rule to the subscriber's `undelivered` queue.",
    "See `undelivered`.",
)
LOST_EVENTS = Kind(
    "lost-events",
    "EventBridge could neither deliver events of a rule nor keep them in the `undelivered` queue: they are lost there.",
    "Fix the `undelivered` queue's policy or key. `python -m ops replay <queue>-on-<event> --from 2h --stage "
    "<stage>` says what the archive has for this rule alone, which the alarm names; give it the time in question, and "
    "--yes replays that.",
)
REFUSED = Kind(
    "refused",
    "Many requests are refused as wrong, unauthorized or too many (4xx).",
    "The saved query `refused` lists routes, callers and reasons. One caller: tell them. All callers: did a "
    "contract change?",
)
FAULTS = Kind(
    "faults",
    "Requests fail through no fault of the caller (5xx); what was answered so was not accepted.",
    "The saved query `refused` shows SQS's status: access and key trouble is a policy of ours, throttling is load.",
)
LATENCY = Kind(
    "latency",
    "One request in a hundred takes long to be accepted.",
    "Compare latency and integration latency on the dashboard: the difference is API Gateway and its authorizer.",
)
NOT_POSTED = Kind(
    "not-posted",
    "The chat did not take news of alarms; they are in the queue `chat-undelivered` for 14 days. This alarm is told by "
    "e-mail, too.",
    "`python -m ops peek chat-undelivered --stage <stage>` shows ERROR_CODE and ERROR_MESSAGE, most often a webhook "
    "that was taken away. Put the new URL into the secret and take it to EventBridge (docs/security.md). The news are "
    "old by then: look at what is in alarm now, and `python -m ops drop chat-undelivered --stage <stage> --yes`.",
)
KINDS = (
    *(DEAD_LETTERS, OLDEST, DRAIN, NOT_DELETING, UNDELIVERED),
    *(PAUSED, ERRORS, THROTTLES, DURATION, CONCURRENCY, PUBLISH_FAILURES),
    *(FAILED_INVOCATIONS, UNDELIVERED_EVENTS, LOST_EVENTS, NOT_POSTED),
    *(UNSENT, SCHEDULE_FAILED, NOT_RUN),
    *(FAULTS, REFUSED, LATENCY),
)


def alarms(topology: Topology, settings: Settings) -> list[Alarm]:
    """Every alarm of the stage; none if the stage has no alarms."""
    limits = settings.alarms
    if limits is None:
        return []
    found = [*_edge(settings.stage, limits)] if topology.routes else []
    found += _pausing(settings.stage) if topology.consumers else []
    for queue in topology.queues:
        found += _queue(settings.stage, queue, limits)
    for consumer in topology.consumers:
        found += _consumer(settings.stage, consumer)
    for subscription in topology.subscriptions:
        found += _rule(settings.stage, subscription)
    for queue_name in topology.fed_by_events():
        name = names.target_dead_letter_queue(settings.stage, queue_name)
        found.append(waiting(UNDELIVERED, queue_name, name))
    found += of_schedules(settings.stage, topology)
    if settings.posts:
        found.append(waiting(NOT_POSTED, names.CHAT, names.target_dead_letter_queue(settings.stage, names.CHAT)))
    return found


def owner(alarm: Alarm, topology: Topology) -> str | None:
    """The integration whose stack holds the alarm; None for one that watches what all share."""
    word = alarm.subject.partition("-")[0]
    return next((each.name for each in topology.integrations for queue in each.queues if queue.name == word), None)


def _pausing(stage: str) -> Iterator[Alarm]:
    name = names.queue(stage, PAUSE_CONSUMER, fifo=True)
    held = {
        word: of_queue(name, f"ApproximateNumberOfMessages{metric}", "Maximum")
        for word, metric in (("waiting", "Visible"), ("probed", "NotVisible"))
    }
    yield Alarm(
        PAUSED,
        PAUSE_CONSUMER,
        held,
        expression="waiting + probed",
        threshold=0,
        unit="messages that hold a consumer",
        periods=5,
        datapoints=3,
    )
    yield _crashes(stage, PAUSE_CONSUMER)


def _crashes(stage: str, function: str) -> Alarm:
    return Alarm(ERRORS, function, {"errors": of_function(stage, function, "Errors")}, threshold=0, unit="crashes")


def _queue(stage: str, queue: Queue, limits: Alarms) -> Iterator[Alarm]:
    name = names.queue(stage, queue.name, fifo=queue.fifo)
    yield waiting(DEAD_LETTERS, queue.name, names.dead_letter_queue(stage, queue.name, fifo=queue.fifo))
    yield Alarm(
        OLDEST,
        queue.name,
        {"age": of_queue(name, "ApproximateAgeOfOldestMessage", "Maximum")},
        threshold=limits.oldest,
        unit="s",
        periods=3,
        datapoints=3,
    )
    visible = of_queue(name, "ApproximateNumberOfMessagesVisible", "Maximum")
    deleted = of_queue(name, "NumberOfMessagesDeleted")
    yield Alarm(
        DRAIN,
        queue.name,
        {"visible": visible, "deleted": deleted},
        expression=f"IF(FILL(deleted, 0) > 0, {MINUTE} * visible / deleted, IF(visible > 0, {NEVER}, 0))",
        threshold=limits.drain,
        unit="s",
        periods=10,
        datapoints=10,
    )
    yield Alarm(
        NOT_DELETING,
        queue.name,
        {"received": of_queue(name, "NumberOfMessagesReceived"), "deleted": deleted},
        expression="IF(received > 0 AND FILL(deleted, 0) == 0, received, 0)",
        threshold=0,
        unit="messages received in vain",
        periods=15,
        datapoints=10,
    )


def _consumer(stage: str, consumer: Consumer) -> Iterator[Alarm]:
    name = consumer.function
    yield _crashes(stage, name)
    yield Alarm(
        THROTTLES,
        name,
        {"throttles": of_function(stage, name, "Throttles")},
        threshold=0,
        unit="throttles",
        periods=5,
        datapoints=3,
    )
    yield Alarm(
        DURATION,
        name,
        {"duration": of_function(stage, name, "Duration", "p99")},
        threshold=0.8 * 1000 * consumer.timeout,
        unit="ms",
        periods=5,
        datapoints=3,
    )
    if consumer.concurrency is not None:
        yield Alarm(
            CONCURRENCY,
            name,
            {"running": of_function(stage, name, "ConcurrentExecutions", "Maximum")},
            threshold=consumer.concurrency - 1,
            unit="batches at once",
            periods=15,
            datapoints=15,
        )
    if consumer.publishes:
        failures = of_consumer(stage, name, "PublishFailures")
        yield Alarm(PUBLISH_FAILURES, name, {"failures": failures}, threshold=0, unit="events")


def _rule(stage: str, subscription: Subscription) -> Iterator[Alarm]:
    subject = f"{subscription.queue}-on-{subscription.event.__name__}"
    for kind, metric in (
        (FAILED_INVOCATIONS, "FailedInvocations"),
        (UNDELIVERED_EVENTS, "InvocationsSentToDlq"),
        (LOST_EVENTS, "InvocationsFailedToBeSentToDlq"),
    ):
        yield Alarm(kind, subject, {"events": of_rule(stage, subscription, metric)}, threshold=0, unit="events")


def _edge(stage: str, limits: Alarms) -> Iterator[Alarm]:
    count = of_api(stage, "Count")
    for kind, metric, share in ((FAULTS, "5XXError", limits.faults), (REFUSED, "4XXError", limits.refused)):
        yield Alarm(
            kind,
            "api",
            {"wrong": of_api(stage, metric), "requests": count},
            # A share of few requests says nothing; a fault is one too many however few they are.
            expression="100 * wrong / requests" if kind is FAULTS else "IF(requests >= 20, 100 * wrong / requests, 0)",
            threshold=100 * share,
            unit="% of requests",
            periods=5,
            datapoints=3 if kind is REFUSED else 1,
        )
    yield Alarm(
        LATENCY,
        "api",
        {"latency": of_api(stage, "Latency", "p99")},
        threshold=limits.latency,
        unit="ms",
        periods=5,
        datapoints=3,
    )
