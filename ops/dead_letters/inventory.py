"""Every dead-letter queue of an account's region, whoever owns it: found in the settings of what sends there.

Only lists and settings are read, never a message. Who may not ask a service, or has none, is told so; what the other
services say is shown all the same.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
https://docs.aws.amazon.com/sns/latest/dg/sns-dead-letter-queues.html
https://docs.aws.amazon.com/scheduler/latest/UserGuide/configuring-schedule-dlq.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from botocore.exceptions import BotoCoreError, ClientError
from msgspec import Struct

from ops.depth import COUNTS, MOST, age_queries
from ops.errors import OpsError
from ops.pool import Pool
from ops.stage import Stage, in_words

PAGE = 1000
"""Queues that SQS lists in one answer, at the most."""
AT_ONCE = 16
"""Calls under way at once, at the most; AWS throttles lists of accounts sooner than calls on queues."""
_QUEUE = re.compile(r"arn:aws[a-z-]*:sqs:(?P<region>[a-z0-9-]+):(?P<account>[0-9]{12}):(?P<name>[^:/]+)")
Found = tuple[str, str]
"""The ARN of a dead-letter queue, and what sends there."""


class DeadQueue(Struct, frozen=True, kw_only=True):
    """A dead-letter queue and what sends there. Counts and age are None where they are not known, and `problem` says
    why: it is another account's or region's, is not there, or its settings may not be read."""

    name: str
    arn: str
    waiting: int | None = None
    in_flight: int | None = None
    delayed: int | None = None
    oldest_seconds: int | None = None
    """Age of the oldest message, as CloudWatch measured it within the last ten minutes. A dead-letter queue's counts
    from the move."""
    sources: tuple[str, ...]
    problem: str | None = None


class Inventory(Struct, frozen=True, kw_only=True):
    """Every dead-letter queue that something in the account's region names, the fullest first."""

    account: str | None
    region: str
    queues: list[DeadQueue]
    not_asked: dict[str, str]
    """Why a service could not be asked, by what was to be known of it."""
    whole: bool
    """Whether all was asked that may name a dead-letter queue; else there may be more."""


class _Survey:
    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.not_asked: dict[str, str] = {}
        self.urls: dict[str, str] = {}
        self.attributes: dict[str, dict[str, str]] = {}
        self._pool = Pool(AT_ONCE)

    def guarded(self, what: str, ask: Callable[[], Iterable[Found]]) -> list[Found]:
        """What a service says, as far as it says something; else why it could not be asked is noted."""
        found: list[Found] = []
        try:
            for each in ask():
                found.append(each)
        except (ClientError, BotoCoreError, KeyError, TypeError, ValueError) as error:
            self.not_asked[what] = _why(error)
        return found

    def each(self, what: str, ask: Callable[[Any], Any], of: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
        """What is answered of each thing, asked at once; of what a refusal says, the first is noted."""

        def one(thing: Any) -> Any:
            try:
                return ask(thing)
            except (ClientError, BotoCoreError) as error:
                return error

        things = list(of)
        refused = 0
        for thing, answer in zip(things, self._pool.map(one, things), strict=True):
            if isinstance(answer, Exception):
                if _code(answer) in GONE:
                    continue
                refused += 1
                some = f", {refused:,} of {len(things):,}" if len(things) > 1 else ""
                self.not_asked[what] = f"{_why(answer)}{some}"
            else:
                yield thing, answer

    def pages(self, service: str, operation: str, key: str, **asked: Any) -> Iterator[Any]:
        """Everything that a list has, page by page, as botocore knows how it goes on."""
        client = self.stage.client(service)
        if client.can_paginate(operation):
            for page in client.get_paginator(operation).paginate(**asked):
                yield from page.get(key) or ()
            return
        token: dict[str, str] = {}
        while True:
            page = getattr(client, operation)(**asked, **token)
            yield from page.get(key) or ()
            if not page.get("NextToken"):
                return
            token = {"NextToken": page["NextToken"]}

    def redrive_policies(self) -> Iterator[Found]:
        # Without MaxResults SQS answers a thousand at the most, and no token to go on with.
        # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ListQueues.html
        urls = list(self.pages("sqs", "list_queues", "QueueUrls", PaginationConfig={"PageSize": PAGE}))
        sqs = self.stage.client("sqs")

        def attributes(url: str) -> Any:
            names = ["QueueArn", "RedrivePolicy", *COUNTS]
            return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names).get("Attributes", {})

        for url, told in self.each("attributes of queues", attributes, urls):
            arn = told.get("QueueArn", "")
            self.urls[arn], self.attributes[arn] = url, told
            if target := _target(told):
                yield target, f"queue {arn.rpartition(':')[2]}"

    def rules(self) -> Iterator[Found]:
        buses = [bus["Name"] for bus in self.pages("events", "list_event_buses", "EventBuses")]
        rules = [
            (bus, rule["Name"])
            for bus in buses
            for rule in self.pages("events", "list_rules", "Rules", EventBusName=bus)
        ]

        def targets(rule: tuple[str, str]) -> Any:
            return list(self.pages("events", "list_targets_by_rule", "Targets", EventBusName=rule[0], Rule=rule[1]))

        for (bus, rule), found in self.each("targets of rules", targets, rules):
            on = "" if bus == "default" else f"{bus}/"
            for target in found:
                if arn := (target.get("DeadLetterConfig") or {}).get("Arn"):
                    yield arn, f"rule {on}{rule}"

    def functions(self) -> Iterator[Found]:
        functions = list(self.pages("lambda", "list_functions", "Functions"))
        for function in functions:
            if arn := (function.get("DeadLetterConfig") or {}).get("TargetArn"):
                yield arn, f"function {function['FunctionName']}"

        def invocations(name: str) -> Any:
            asked = {"FunctionName": name}
            return list(
                self.pages("lambda", "list_function_event_invoke_configs", "FunctionEventInvokeConfigs", **asked)
            )

        names = [function["FunctionName"] for function in functions]
        for name, found in self.each("destinations of functions", invocations, names):
            for config in found:
                if arn := _on_failure(config):
                    yield arn, f"function {name}, on failure"

    def mappings(self) -> Iterator[Found]:
        for mapping in self.pages("lambda", "list_event_source_mappings", "EventSourceMappings"):
            if arn := _on_failure(mapping):
                name = mapping.get("FunctionArn", "").split(":function:")[-1]
                yield arn, f"event source of function {name}"

    def subscriptions(self) -> Iterator[Found]:
        made = [each["SubscriptionArn"] for each in self.pages("sns", "list_subscriptions", "Subscriptions")]
        sns = self.stage.client("sns")

        def attributes(arn: str) -> Any:
            return sns.get_subscription_attributes(SubscriptionArn=arn).get("Attributes", {})

        # One that nobody confirmed yet has no ARN, and no settings.
        confirmed = [arn for arn in made if arn.startswith("arn:")]
        for arn, told in self.each("settings of subscriptions", attributes, confirmed):
            if target := _target(told):
                yield target, f"subscription of topic {arn.split(':')[5]}"

    def schedules(self) -> Iterator[Found]:
        scheduler = self.stage.client("scheduler")
        every = [(each["GroupName"], each["Name"]) for each in self.pages("scheduler", "list_schedules", "Schedules")]

        def settings(schedule: tuple[str, str]) -> Any:
            return scheduler.get_schedule(GroupName=schedule[0], Name=schedule[1])

        for (group, name), told in self.each("settings of schedules", settings, every):
            if arn := (told.get("Target", {}).get("DeadLetterConfig") or {}).get("Arn"):
                yield arn, f"schedule {group}/{name}"

    def ages(self, names: list[str]) -> dict[str, int]:
        """Seconds since the oldest message of each queue was moved there, where CloudWatch measured it."""
        now = datetime.now(UTC)
        found: dict[str, int] = {}
        for start in range(0, len(names), MOST):
            some = names[start : start + MOST]
            answer = self.pages(
                "cloudwatch",
                "get_metric_data",
                "MetricDataResults",
                MetricDataQueries=age_queries(some),
                StartTime=now - timedelta(minutes=10),
                EndTime=now,
                ScanBy="TimestampDescending",
            )
            for result in answer:
                if result.get("Values"):
                    found.setdefault(some[int(result["Id"][1:])], int(result["Values"][0]))
        return found


BESIDE = {"ages", "account"}
"""What names no queue: the list is whole without it."""
GONE = ("ResourceNotFoundException", "NotFound", "NotFoundException", "NonExistentQueue", "QueueDoesNotExist")
"""What was listed a moment ago and is deleted now."""


def inventory(stage: Stage) -> Inventory:
    """Every dead-letter queue that something in the stage's account and region names. Nothing is received.

    Raises `OpsError` only where nothing at all can be asked, such as with a sign-in that ran out.
    """
    survey = _Survey(stage)
    with in_words():
        services = ("sqs", "events", "lambda", "sns", "scheduler", "cloudwatch", "sts")
        for service in services:
            stage.client(service)
    asked = {
        "queues": survey.redrive_policies,
        "rules": survey.rules,
        "functions": survey.functions,
        "event source mappings": survey.mappings,
        "subscriptions": survey.subscriptions,
        "schedules": survey.schedules,
    }
    with Pool(len(asked)) as pool, survey._pool:
        found = [each for part in pool.map(lambda item: survey.guarded(*item), asked.items()) for each in part]
        if not asked.keys() - survey.not_asked.keys() and not found:
            raise OpsError(f"Nothing could be asked: {survey.not_asked['queues']}.")
        sources: dict[str, set[str]] = {}
        for arn, source in found:
            if _QUEUE.fullmatch(arn):  # Lambda's failures may go to a topic, a bucket, a bus or a function as well
                sources.setdefault(arn, set()).add(source)
        account = _account(survey)
        here = [arn for arn in sources if _is_here(arn, account, stage.region)]
        missing = [arn for arn in here if arn not in survey.attributes]
        unread = _read(survey, missing)
        filled = [name for arn in here if (name := arn.rpartition(":")[2]) and _holds(survey.attributes.get(arn, {}))]
        ages: dict[str, int] = {}
        if filled and stage.on_aws:  # an emulator measures nothing
            try:
                ages = survey.ages(filled)
            except (ClientError, BotoCoreError) as error:
                survey.not_asked["ages"] = _why(error)
    queues = [_queue(survey, arn, sorted(named), account, ages, unread) for arn, named in sources.items()]
    queues.sort(key=lambda each: (-(each.waiting or 0) - (each.in_flight or 0), each.problem is not None, each.arn))
    whole = not survey.not_asked.keys() - BESIDE
    return Inventory(account=account, region=stage.region, queues=queues, not_asked=survey.not_asked, whole=whole)


def _account(survey: _Survey) -> str | None:
    try:
        return str(survey.stage.client("sts").get_caller_identity()["Account"])
    except (ClientError, BotoCoreError, KeyError) as error:
        survey.not_asked["account"] = _why(error)
        own = [arn.split(":")[4] for arn in survey.attributes if arn.count(":") == 5]
        return own[0] if own else None


def _is_here(arn: str, account: str | None, region: str) -> bool:
    told = arn.split(":")
    return told[3] == region and account in (None, told[4])


def _read(survey: _Survey, arns: list[str]) -> dict[str, str]:
    """Reads the counts of queues that the list did not have, or why they cannot be read."""
    sqs = survey.stage.client("sqs")
    why: dict[str, str] = {}

    def ask(arn: str) -> None:
        _, _, _, _, account, name = arn.split(":")
        try:
            url = sqs.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)["QueueUrl"]
            answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn", *COUNTS])
            survey.attributes[arn] = answer.get("Attributes", {})
        except (ClientError, BotoCoreError, KeyError) as error:
            why[arn] = "is not there" if _code(error) in GONE else f"cannot be read ({_why(error)})"

    list(survey._pool.map(ask, arns))
    return why


def _queue(
    survey: _Survey,
    arn: str,
    sources: list[str],
    account: str | None,
    ages: dict[str, int],
    unread: dict[str, str],
) -> DeadQueue:
    _, _, _, region, owner, name = arn.split(":")
    if not _is_here(arn, account, survey.stage.region):
        where = [f"account {owner}"] if owner != account else []
        where += [f"region {region}"] if region != survey.stage.region else []
        return DeadQueue(name=name, arn=arn, sources=tuple(sources), problem=f"of {', '.join(where)}")
    told = survey.attributes.get(arn)
    if told is None:
        return DeadQueue(name=name, arn=arn, sources=tuple(sources), problem=unread.get(arn, "cannot be read"))
    waiting, in_flight, delayed = (int(told.get(count, 0)) for count in COUNTS)
    return DeadQueue(
        name=name,
        arn=arn,
        waiting=waiting,
        in_flight=in_flight,
        delayed=delayed,
        oldest_seconds=ages.get(name),
        sources=tuple(sources),
    )


def _holds(told: dict[str, str]) -> bool:
    return any(int(told.get(count, 0)) for count in COUNTS)


def _on_failure(config: dict[str, Any]) -> str | None:
    destination = ((config.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination")
    return str(destination) if destination else None


def _target(told: Any) -> str | None:
    """The ARN that a redrive policy names; an implementation may keep whatever somebody wrote there."""
    target = _json(told.get("RedrivePolicy")).get("deadLetterTargetArn")
    return target if isinstance(target, str) else None


def _json(text: str | None) -> dict[str, Any]:
    try:
        told = msgspec.json.decode(text or "{}")
    except msgspec.DecodeError:
        return {}
    return told if isinstance(told, dict) else {}


def _code(error: Exception) -> str:
    if isinstance(error, ClientError):
        return str(error.response["Error"]["Code"]).rsplit(".", 1)[-1]
    return type(error).__name__


def _why(error: Exception) -> str:
    return _code(error)
