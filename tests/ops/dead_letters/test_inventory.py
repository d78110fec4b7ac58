"""Every dead-letter queue of an account's region is found, whatever names it, and what was not asked is said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from ops.cli import look
from ops.dead_letters import inventory as listing
from ops.dead_letters.inventory import Inventory, inventory
from ops.errors import OpsError
from ops.stage import Stage
from stacks.entry import Topology
from tests.ops.cli.typed import answer, ops

ARN = "arn:aws:sqs:eu-west-1:123456789012:"
ELSEWHERE = "arn:aws:sqs:us-east-1:999999999999:far-dlq"


class Service:
    """A service of which every list is in pages of one, as AWS may answer; what is not set is denied."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.meta = type("Meta", (), {"endpoint_url": "https://sqs.eu-west-1.amazonaws.com"})

    def can_paginate(self, operation: str) -> bool:
        return operation != "list_event_buses"

    def get_paginator(self, operation: str) -> Any:
        answer = getattr(self, operation)
        return type("Pages", (), {"paginate": staticmethod(lambda **asked: answer(pages=True, **asked))})

    def __getattr__(self, operation: str) -> Any:
        def call(*, pages: bool = False, **asked: Any) -> Any:
            answer = self.answers.get(operation)
            if answer is None:
                raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, operation)
            found = answer(**asked) if callable(answer) else answer
            if not pages:
                return found
            ((key, entries),) = found.items()
            return [{key: [entry]} for entry in entries] or [{}]

        return call


def redriven_to(name: str) -> str:
    return json.dumps({"deadLetterTargetArn": ARN + name, "maxReceiveCount": 3})


def services() -> dict[str, Service]:
    queues = {f"https://q/{name}": {"QueueArn": ARN + name} for name in ("work", "work-dlq", "rule-dlq", "far")}
    queues["https://q/work"]["RedrivePolicy"] = redriven_to("work-dlq")
    queues["https://q/far"]["RedrivePolicy"] = json.dumps({"deadLetterTargetArn": ELSEWHERE})
    queues["https://q/work-dlq"]["ApproximateNumberOfMessages"] = "7"
    config = {"DestinationConfig": {"OnFailure": {"Destination": ARN + "rule-dlq"}}}
    to_topic = {"DestinationConfig": {"OnFailure": {"Destination": "arn:aws:sns:eu-west-1:123456789012:t"}}}

    def buses(NextToken: str | None = None) -> dict[str, Any]:  # noqa: N803 - AWS's name
        if NextToken is None:
            return {"EventBuses": [{"Name": "default"}], "NextToken": "2"}
        return {"EventBuses": [{"Name": "own"}]}

    def absent(**asked: Any) -> None:
        raise ClientError(
            {"Error": {"Code": "AWS.SimpleQueueService.NonExistentQueue", "Message": "no"}}, "GetQueueUrl"
        )

    return {
        "sqs": Service(
            list_queues=lambda **asked: {"QueueUrls": list(queues)},
            get_queue_attributes=lambda QueueUrl, AttributeNames: {"Attributes": queues[QueueUrl]},  # noqa: N803
            get_queue_url=absent,
        ),
        "events": Service(
            list_event_buses=buses,
            list_rules=lambda EventBusName: {"Rules": [{"Name": f"of-{EventBusName}"}]},  # noqa: N803
            list_targets_by_rule=lambda EventBusName, Rule: {  # noqa: N803
                "Targets": [{"Id": "1"}, {"Id": "2", "DeadLetterConfig": {"Arn": ARN + "rule-dlq"}}]
            },
        ),
        "lambda": Service(
            list_functions={
                "Functions": [
                    {"FunctionName": "f", "DeadLetterConfig": {"TargetArn": ARN + "gone-dlq"}},
                    {"FunctionName": "g"},
                ]
            },
            list_function_event_invoke_configs=lambda FunctionName: {  # noqa: N803
                "FunctionEventInvokeConfigs": [config if FunctionName == "f" else to_topic]
            },
            list_event_source_mappings={
                "EventSourceMappings": [{"FunctionArn": "arn:aws:lambda:x:1:function:g", **config}]
            },
        ),
        "sns": Service(
            list_subscriptions={
                "Subscriptions": [
                    {"SubscriptionArn": "PendingConfirmation"},
                    {"SubscriptionArn": "arn:aws:sns:eu-west-1:123456789012:news:1"},
                ]
            },
            get_subscription_attributes={"Attributes": {"RedrivePolicy": redriven_to("work-dlq")}},
        ),
        "scheduler": Service(
            list_schedules={"Schedules": [{"GroupName": "default", "Name": "nightly"}]},
            get_schedule={"Target": {"DeadLetterConfig": {"Arn": ARN + "rule-dlq"}}},
        ),
        "cloudwatch": Service(get_metric_data={"MetricDataResults": [{"Id": "q0", "Values": [7200.0]}]}),
        "sts": Service(get_caller_identity={"Account": "123456789012"}),
    }


def place(clients: dict[str, Any], home: Path) -> Stage:
    session = botocore.session.Session()
    session.set_credentials("a", "b")
    return Stage("1", "eu-west-1", None, Topology(), session, _clients=dict(clients), home=home, staged=False)


def by_name(found: Inventory) -> dict[str, Any]:
    return {each.name: each for each in found.queues}


def test_whatever_names_a_dead_letter_queue_is_asked_page_by_page(tmp_path: Path) -> None:
    found = inventory(place(services(), tmp_path))
    assert found.not_asked == {}
    queues = by_name(found)
    assert queues.keys() == {"work-dlq", "rule-dlq", "gone-dlq", "far-dlq"}
    assert found.queues[0].name == "work-dlq"
    assert (queues["work-dlq"].waiting, queues["work-dlq"].oldest_seconds) == (7, 7200)
    assert queues["work-dlq"].sources == ("queue work", "subscription of topic news")
    assert queues["rule-dlq"].sources == (
        "event source of function g",
        "function f, on failure",
        "rule of-default",
        "rule own/of-own",
        "schedule default/nightly",
    )
    assert (queues["gone-dlq"].problem, queues["gone-dlq"].waiting) == ("is not there", None)
    assert queues["far-dlq"].problem == "of account 999999999999, region us-east-1"


@pytest.mark.parametrize("denied", ["events", "lambda", "sns", "scheduler", "cloudwatch", "sts"])
def test_a_service_that_may_not_be_asked_is_said_and_the_others_are_shown(tmp_path: Path, denied: str) -> None:
    clients = services() | {denied: Service()}
    found = inventory(place(clients, tmp_path))
    assert "AccessDenied" in set(found.not_asked.values())
    assert "work-dlq" in by_name(found)
    assert found.account == "123456789012"


def test_a_queue_whose_settings_may_not_be_read_is_said_with_the_count(tmp_path: Path) -> None:
    clients = services()
    del clients["sqs"].answers["get_queue_attributes"]
    found = inventory(place(clients, tmp_path))
    assert found.not_asked["attributes of queues"] == "AccessDenied, 4 of 4"
    assert {"rule-dlq", "work-dlq"} <= by_name(found).keys(), "others name them still"


def test_where_nothing_at_all_may_be_asked_it_fails(tmp_path: Path) -> None:
    with pytest.raises(OpsError, match="Nothing could be asked: AccessDenied"):
        inventory(place({name: Service() for name in services()}, tmp_path))


def listed(clients: dict[str, Any], home: Path, monkeypatch: pytest.MonkeyPatch, *more: str) -> Any:
    monkeypatch.setattr(look, "opened", lambda name: place(clients, home))
    return ops("dead", "--all", *more)


@pytest.mark.parametrize("denied", ["events", "lambda", "sns", "scheduler"])
def test_a_count_that_cannot_be_whole_is_no_total_and_no_success(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, denied: str
) -> None:
    clients = services() | {denied: Service()}
    done = listed(clients, tmp_path, monkeypatch)
    assert done.exit_code == 1, done.output
    assert "region eu-west-1: at least" in done.stdout
    assert "work-dlq" in done.stdout
    assert "(AccessDenied)" in done.stderr
    done = listed(clients, tmp_path, monkeypatch, "--json")
    assert (done.exit_code, json.loads(done.stdout)["whole"]) == (1, False)
    assert "not whole" in json.loads(done.stderr)["error"]


def test_where_queues_may_not_be_listed_or_read_nothing_is_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = {name: Service() for name in services()} | {"sts": services()["sts"]}
    for listing_ in ("list_event_buses", "list_functions", "list_event_source_mappings", "list_subscriptions"):
        key = {"list_event_buses": "EventBuses", "list_functions": "Functions", "list_subscriptions": "Subscriptions"}
        service = {"list_event_buses": "events", "list_subscriptions": "sns"}.get(listing_, "lambda")
        empty[service].answers[listing_] = {key.get(listing_, "EventSourceMappings"): []}
    empty["scheduler"].answers["list_schedules"] = {"Schedules": []}
    done = listed(empty, tmp_path, monkeypatch)
    assert done.exit_code == 1, done.output
    assert "0 dead-letter queues" not in done.stdout
    assert "no dead-letter queue was found, but not everything was asked" in done.stdout
    assert "not asked: queues (AccessDenied)" in done.stderr


def test_an_age_or_an_account_that_is_not_known_leaves_the_list_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = listed(services() | {"cloudwatch": Service(), "sts": Service()}, tmp_path, monkeypatch)
    assert (done.exit_code, "4 dead-letter queues." in done.stdout) == (0, True), done.output


@pytest.fixture
def crowded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Stage]:
    """An account with more queues than SQS lists in one answer."""
    with mock_aws():
        stage = place({}, tmp_path)
        sqs = stage.client("sqs")
        for number in range(4):
            sqs.create_queue(QueueName=f"q{number:04}")
        policy = json.dumps({"deadLetterTargetArn": ARN + "q0000", "maxReceiveCount": 3})
        sqs.create_queue(QueueName="zz", Attributes={"RedrivePolicy": policy})
        monkeypatch.setattr(listing, "PAGE", 2)
        monkeypatch.setattr(look, "opened", lambda name: stage)
        yield stage


def test_more_queues_than_one_answer_holds_are_all_seen(crowded: Stage) -> None:
    told = answer("dead", "--all")
    assert [(each["name"], each["sources"]) for each in told["queues"]] == [("q0000", ["queue zz"])]
    said = ops("dead", "--all").stdout
    assert "Account 123456789012, region eu-west-1: 1 dead-letter queue." in said
    assert "from queue zz" in said


@pytest.mark.parametrize("target", ["[1]", "7", "null", '{"a": "b"}'])
def test_a_policy_that_names_no_arn_names_no_queue(tmp_path: Path, target: str) -> None:
    policy = f'{{"deadLetterTargetArn": {target}}}'
    clients = services()
    clients["sns"] = Service(
        list_subscriptions={"Subscriptions": [{"SubscriptionArn": "arn:aws:sns:eu-west-1:123456789012:news:1"}]},
        get_subscription_attributes={"Attributes": {"RedrivePolicy": policy}},
    )
    assert "subscription of topic news" not in str(inventory(place(clients, tmp_path)).queues)
