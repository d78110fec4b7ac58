"""What every entry of a topology must keep to.

A rule that is broken raises `TopologyError` with one sentence that names the entry and says what to do.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from itertools import chain, permutations
from typing import TYPE_CHECKING

from functions.contracts.path import path_field
from functions.contracts.pause import PAUSE_CONSUMER
from functions.contracts.plan import PLAN_COMMAND, PLANNED
from functions.contracts.webhooks import SCHEMES, ReceiveWebhook
from stacks import actions, feeds, grants, lanes, limits, names, paths, plans, schedule, shapes, status, workflow_rules

if TYPE_CHECKING:
    from stacks.entry import Integration, Route, Topology

WORD = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
STACK = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
TAKEN = {
    *("authorization", "x-api-key", "x-amz-security-token", "cookie", "host", "content-type", "content-length"),
    *("idempotency-key", "x-correlation-id", "x-amzn-trace-id", "delay-seconds", "delay-until"),
}
"""Headers that name no tenant: what they hold is a credential, or is read for something else."""
BUS = re.compile(
    r"(arn:[a-z-]+:events:[a-z0-9-]+:\d{12}:event-bus/)?"
    r"(?!event-bus/)([A-Za-z0-9]|\{stage\})([A-Za-z0-9._-]|\{stage\}|/(?=[A-Za-z0-9{]))*"
)
"""The ARN or the name of a bus; only a partner's has slashes in it.
https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_CreateEventBus.html"""
DAY = 24 * 60 * 60
QUICKEST = 0.02
"""Seconds that a message takes at the least: one call, and its share of a small CPU."""
HANDLING = 0.8
"""The share of a function's time that is for handling, at the least; the rest is for publishing and reporting."""


class TopologyError(ValueError):
    """An entry makes no sense; the message names it and says what to do."""


def check_shapes(topology: Topology) -> None:
    """Raise `TopologyError` for the first entry that is not of the shape that it says."""
    for sentence in shapes.refusals(topology):
        raise TopologyError(sentence)


def check(topology: Topology) -> None:
    """Raise `TopologyError` for the first entry that breaks a rule."""
    for sentence in workflow_rules.refusals(topology):
        raise TopologyError(sentence)
    _integrations(topology)
    _names(topology)
    for sentence in (*paths.refusals(topology), *schedule.refusals(topology), *plans.refusals(topology)):
        raise TopologyError(sentence)
    for integration in topology.integrations:
        for rule in (_queues, _consumers, _routes, _webhooks, _subscriptions):
            rule(integration, topology)
    limited = (limits.refusals(each, topology) for each in topology.integrations)
    for sentence in chain(feeds.refusals(topology), *limited, status.refusals(topology), paths.readable(topology)):
        raise TopologyError(sentence)


def _refuse(broken: bool, sentence: str) -> None:
    if broken:
        raise TopologyError(sentence)


def _repeated(words: Iterable[str]) -> str | None:
    return next((word for word, times in Counter(words).items() if times > 1), None)


def _integrations(topology: Topology) -> None:
    for integration in topology.integrations:
        name = integration.name
        _refuse(
            not STACK.fullmatch(name) or len(name) > 40,
            f"Integration {name!r}: a name is at most 40 characters of lower-case words and hyphens; rename it.",
        )
        _refuse(
            name in (*names.SHARED_STACKS, names.PLANNING),
            f"Integration {name!r}: a stack of that name is everybody's; rename it.",
        )
        for stage, other in permutations(names.STAGES, 2):
            rest = other.removeprefix(f"{stage}-")
            _refuse(
                rest != other and (name == rest or name.startswith(f"{rest}-")),
                f"Integration {name!r}: its stack in stage {stage!r} would be called as one of {other!r}; rename it.",
            )
    twice = _repeated(integration.name for integration in topology.integrations)
    _refuse(twice is not None, f"Integration {twice!r} is listed twice; join the two or rename one.")


def _names(topology: Topology) -> None:
    for kind, words in (
        ("Queue", [queue.name for queue in topology.queues]),
        ("Consumer", [consumer.function for consumer in topology.consumers]),
        ("Table", [table.name for table in topology.tables]),
    ):
        for word in words:
            _refuse(
                not WORD.fullmatch(word) or len(word) > 40,
                f"{kind} {word!r}: a name is at most 40 characters of lower_case_words; rename it.",
            )
            _refuse(
                word == PAUSE_CONSUMER and kind != "Table",
                f"{kind} {word!r}: that is what pauses the others; rename it.",
            )
            _refuse(word in (PLAN_COMMAND, PLANNED), f"{kind} {word!r}: that is of what plans commands; rename it.")
            _refuse(
                word == names.SCHEDULES and kind != "Table",
                f"{kind} {word!r}: that is the group of all schedules; rename it.",
            )
            _refuse(word == names.CHAT and kind != "Table", f"{kind} {word!r}: that is what posts alarms; rename it.")
        twice = _repeated(words)
        _refuse(twice is not None, f"{kind} {twice!r} is listed twice; remove one or rename it.")
    secrets = [(secret, each.name) for each in topology.integrations for secret in each.secrets()]
    for secret, owner in secrets:
        _refuse(
            not WORD.fullmatch(secret) or len(secret) > 40,
            f"Secret {secret!r}: a name is at most 40 characters of lower_case_words; rename it.",
        )
        another = next((name for known, name in secrets if known == secret and name != owner), None)
        _refuse(
            another is not None,
            f"Secret {secret!r} is read by integrations {owner!r} and {another!r}, but one stack owns it; give each "
            "a secret of its own.",
        )
    for table in topology.tables:
        _refuse(
            table.name in (*names.SHARED_TABLES, names.SCHEDULE_RUNS),
            f"Table {table.name!r} is there for all integrations; rename yours.",
        )
    twice = _repeated(event.__name__ for event in topology.events)
    _refuse(twice is not None, f"Event {twice} is published as two classes; rename one, or publish the same.")
    twice = _repeated(route.name for each in topology.integrations for route in each.routes)
    _refuse(twice is not None, f"Route {twice} is listed twice; remove one or change its path.")


def _queues(integration: Integration, topology: Topology) -> None:
    for queue in integration.queues:
        entry = f"Queue {queue.name!r}"
        _refuse(
            not any(consumer.function == queue.name for consumer in integration.consumers),
            f"{entry} has no consumer; add Consumer(function={queue.name!r}) to integration {integration.name!r}.",
        )
        _refuse(
            not feeds.of(topology, queue.name) and not lanes.is_closed(queue),
            f"{entry}{lanes.unfed(queue)}",
        )
        _refuse(not 3 <= queue.receives <= 1000, f"{entry}: receives is {queue.receives}; choose 3 to 1,000.")
        _refuse(
            not 1 <= queue.backoff_base <= queue.backoff_cap <= 11 * 3600,
            f"{entry}: backoff goes from {queue.backoff_base} s to {queue.backoff_cap} s; "
            "choose at least 1 s, at most 11 hours, and a base that is not above the cap.",
        )
        _refuse(
            queue.on_poison != "continue" and not queue.fifo,
            f"{entry} is standard and has no groups to {queue.on_poison}; make it fifo=True or leave on_poison out.",
        )
        _refuse(
            queue.on_poison == "halt" and queue.receives != 1000,
            f"{entry} halts at a poison message, which takes all the receives that SQS knows; set receives=1000.",
        )
        _refuse(
            not 60 <= queue.retention < 14 * DAY,
            f"{entry}: retention is {queue.retention} s; choose 60 s to less than 14 days, "
            "which is what the dead-letter queue keeps.",
        )


def _consumers(integration: Integration, topology: Topology) -> None:
    queues = {queue.name: queue for queue in integration.queues}
    tables = {table.name for table in integration.tables} | {names.KEYS}
    owners = {table.name: each.name for each in topology.integrations for table in each.tables}
    for consumer in integration.consumers:
        entry = f"Consumer {consumer.function!r}"
        handler = f"{topology.module(consumer.function).replace('.', '/')}.py"
        _refuse(not (names.ROOT / handler).is_file(), f"{entry}: there is no {handler}; add it or correct the name.")
        queue = queues.get(consumer.function)
        if queue is None:
            raise TopologyError(
                f"{entry} has no queue; add Queue(name={consumer.function!r}) to integration {integration.name!r}."
            )
        most = 10 if queue.fifo else 10_000
        _refuse(not 1 <= consumer.batch <= most, f"{entry}: batch is {consumer.batch}; choose 1 to {most:,}.")
        _refuse(queue.fifo and consumer.window > 0, f"{entry}: a FIFO queue takes no batch window; set window=0.")
        _refuse(not 0 <= consumer.window <= 300, f"{entry}: window is {consumer.window} s; choose 0 to 300.")
        _refuse(
            consumer.batch > 10 and consumer.window == 0,
            f"{entry}: a batch of {consumer.batch} needs a batch window; set window to 1 s or more.",
        )
        _refuse(not 1 <= consumer.timeout <= 900, f"{entry}: timeout is {consumer.timeout} s; choose 1 to 900.")
        # What is left of a batch comes back when its turn should be, at each receive as much as fits into the time.
        fits = int(HANDLING * consumer.timeout * queue.receives / QUICKEST)
        _refuse(
            consumer.batch > fits,
            f"{entry}: a batch of {consumer.batch:,} messages, of which the quickest take {QUICKEST * 1000:.0f} ms, "
            f"does not fit into {consumer.timeout} s and {queue.receives} receives; choose at most {fits:,}, "
            "or a longer timeout.",
        )
        _refuse(
            consumer.concurrency is not None and not 2 <= consumer.concurrency <= 1000,
            f"{entry}: concurrency is {consumer.concurrency}; choose 2 to 1,000, or leave it out.",
        )
        for access in consumer.access:
            owner = owners.get(access.table, integration.name)
            _refuse(
                owner != integration.name,
                f"{entry} uses table {access.table!r}, which integration {owner!r} owns; subscribe to its events, or "
                "move one to the other.",
            )
            _refuse(
                access.table not in tables, f"{entry} uses table {access.table!r}, which is not listed; add the Table."
            )
            _refuse(
                not access.actions,
                f"{entry} may do nothing with table {access.table!r}; list actions, or drop the Access.",
            )
            for sentence in actions.refusals(access.actions):
                raise TopologyError(f"{entry}, table {access.table!r}: {sentence}")
        for sentence in grants.refusals(consumer.grants):
            raise TopologyError(f"{entry}, {sentence}")


def _routes(integration: Integration, topology: Topology) -> None:
    queues = {queue.name: queue for queue in integration.queues}
    for route in integration.routes:
        entry = f"Route {route.name}"
        queue = queues.get(route.queue)
        if queue is None:
            raise TopologyError(
                f"{entry} feeds queue {route.queue!r}, which integration {integration.name!r} does not list; "
                "add the Queue."
            )
        _refuse(
            queue.fifo and route.group is None,
            f"{entry} feeds FIFO queue {queue.name!r} without a group; set group to one of its path parameters.",
        )
        _refuse(
            not queue.fifo and route.group is not None,
            f"{entry} has a group, but queue {queue.name!r} is standard; make it fifo=True or drop the group.",
        )
        _refuse(
            route.group is not None and route.group not in route.parameters,
            f"{entry}: group {route.group!r} is not a parameter of the path; write {{{route.group}}} in it.",
        )
        _path_values(route, entry)
        _tenant(route, entry)
        _refuse(
            queue.fifo and route.delay,
            f"{entry}: a FIFO queue takes no delay of a single message; drop delay or make {queue.name!r} standard.",
        )
        _refuse(
            (route.rate is None) != (route.burst is None),
            f"{entry}: rate and burst limit together; set both or neither.",
        )


def _tenant(route: Route, entry: str) -> None:
    """Who may say for whom a request is: whoever calls is a tenant, and only who is trusted to names another."""
    header = route.tenant_header
    _refuse(
        header is not None and not HEADER.fullmatch(header),
        f"{entry}: tenant {header!r} is neither 'caller' nor a header's name; write it like X-Tenant-Id.",
    )
    _refuse(
        header is not None and header.lower() in TAKEN,
        f"{entry}: header {header!r} means something else already; name the tenant in another, such as X-Tenant-Id.",
    )
    _refuse(
        route.tenant is not None and bool(route.senders),
        f"{entry}: a webhook's sender shows only by its signature who it is, so it has no tenant; drop tenant.",
    )
    _refuse(
        header is not None and not route.trusts,
        f"{entry} takes the tenant from {header!r} and says of nobody that they may name one; add trusts, such as "
        "trusts=(\"iam\",), or write tenant='caller'.",
    )
    _refuse(
        header is None and bool(route.trusts),
        f"{entry} trusts callers to name the tenant, and has no header for it; write tenant='X-Tenant-Id', or drop "
        "trusts.",
    )
    kinds = ("iam", "api_key", "jwt")
    unknown = next((kind for kind in route.trusts if kind not in kinds), None)
    _refuse(
        unknown is not None,
        f"{entry} trusts callers by {unknown!r}, and nobody is authorized so; choose of {', '.join(kinds)}.",
    )
    twice = _repeated(route.trusts)
    _refuse(twice is not None, f"{entry} trusts {twice!r} twice; remove one.")


def _path_values(route: Route, entry: str) -> None:
    """What stands in the path is a field of the contract, and reaches the function as the message group."""
    try:
        field = path_field(route.accepts)
        known = {"source"} if route.senders else {field.name} if field and field.pattern else set()
    except (TypeError, ValueError) as wrong:
        raise TopologyError(f"{entry}, {route.accepts.__name__}: {wrong}.") from None
    unknown = next((name for name in route.parameters if name not in known), None)
    _refuse(
        unknown is not None,
        f"{entry}: {route.accepts.__name__} has no field for {{{unknown}}}; give it {unknown}: Annotated[…, FromPath], "
        "or write it into the body.",
    )
    _refuse(
        field is not None and field.name != route.group,
        f"{entry}: {route.accepts.__name__} takes {field.name if field else ''!r} from the path, and only a FIFO "
        "queue's group carries it; set group to it, or take it from the body.",
    )


def _webhooks(integration: Integration, topology: Topology) -> None:
    for route in integration.routes:
        entry = f"Route {route.name}"
        _refuse(
            bool(route.senders) != issubclass(route.accepts, ReceiveWebhook),
            f"{entry}: senders and the contract ReceiveWebhook go together; use both or neither.",
        )
        if not route.senders:
            continue
        _refuse(
            "source" not in route.parameters, f"{entry} has senders; write {{source}} in its path to tell them apart."
        )
        _refuse(
            route.authorization is not None,
            f"{entry} is authorized by its signatures; drop authorization.",
        )
        secrets = topology.consumer(route.queue).secrets
        for sender, scheme in route.senders.items():
            _refuse(not WORD.fullmatch(sender), f"{entry}: sender {sender!r} is not lower_case_words; rename it.")
            _refuse(
                scheme not in SCHEMES,
                f"{entry}: sender {sender!r} signs by {scheme!r}; choose one of {', '.join(SCHEMES)}.",
            )
            _refuse(
                f"{sender}_webhook" not in secrets,
                f"{entry}: add '{sender}_webhook' to the secrets of consumer {route.queue!r}, which checks signatures.",
            )


def _subscriptions(integration: Integration, topology: Topology) -> None:
    queues = {queue.name: queue for queue in integration.queues}
    twice = _repeated(subscription.name for subscription in integration.subscriptions)
    _refuse(twice is not None, f"Subscription {twice} is listed twice; remove one.")
    for subscription in integration.subscriptions:
        entry = f"Subscription {subscription.name}"
        queue = queues.get(subscription.queue)
        if queue is None:
            raise TopologyError(
                f"{entry} feeds queue {subscription.queue!r}, which integration {integration.name!r} does not list; "
                "add the Queue."
            )
        _refuse(
            queue.fifo,
            f"{entry}: EventBridge keeps no order, so a FIFO queue would only look ordered; use a standard queue.",
        )
        # https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html
        longest = names.rule(max(names.STAGES, key=len), subscription.queue, subscription.event.__name__)
        _refuse(
            len(longest) > 64,
            f"{entry}: its rule's name would pass the 64 characters that EventBridge takes by {len(longest) - 64}; "
            "shorten the queue's or the event's name.",
        )
        source, theirs = subscription.event.source, "." in subscription.event.source
        _refuse(
            not theirs and subscription.bus is None and subscription.event not in topology.events,
            f"{entry}: no consumer publishes {subscription.event.__name__}; add it to one's publishes, or write its "
            f"source in full if another project does, such as 'billing.{source}'.",
        )
        _refuse(
            not theirs and subscription.bus is not None,
            f"{entry}: the event comes from another project's bus, so its source is that project's too; write it in "
            f"full, such as 'billing.{source}'.",
        )
        _refuse(
            subscription.bus is not None and not BUS.fullmatch(subscription.bus),
            f"{entry}: bus {subscription.bus!r} is no bus's ARN or name; write it like "
            "arn:aws:events:eu-central-1:111122223333:event-bus/billing-{stage}-events.",
        )
