"""`ops retire`: an integration may go once nothing comes in, nothing waits, and nothing is dead."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import botocore.session
import pytest
from botocore.stub import Stubber
from moto import mock_aws
from typer.testing import CliRunner, Result

from functions.contracts.plan import digest, item_key, schedule_name
from ops.cli.app import app
from ops.queue import known
from ops.retire import _scheduled
from ops.retire import retire as look
from ops.sqs.message import Entry
from ops.stage import Stage
from stacks import names
from stacks.entry import Topology
from tests.aws.queues import FakeQueue
from tests.ops.endpoint import Endpoint
from tests.sample.contracts import TicketOpened
from tests.sample.delayed import DELAYED
from tests.sample.statuses import STATUSES
from tests.sample.topology import SAMPLE

RETIRED = replace(
    SAMPLE, integrations=tuple(replace(each, retired=each.name == "agents") for each in SAMPLE.integrations)
)
SEND = "arn:aws:scheduler:::aws-sdk:sqs:sendMessage"
EVERY = ("assign_ticket", "assign_ticket-dlq", "assign_ticket-undelivered")


class TheirTicketOpened(TicketOpened, frozen=True, kw_only=True):
    """A ticket of another project."""

    source: ClassVar[str] = "billing.tickets"


def retire(*arguments: str, topology: Topology = RETIRED) -> Result:
    return CliRunner().invoke(app, ["retire", *arguments], obj=topology)


def queue(aws: Endpoint, word: str) -> FakeQueue:
    return aws.sqs.create({name: physical for name, _, physical in known(names.LOCAL, SAMPLE)}[word])


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were made, which take no time."""
    made: list[float] = []
    monkeypatch.setattr(time, "sleep", made.append)
    return made


def test_a_drained_integration_may_go_and_the_next_step_is_said(aws: Endpoint, pauses: list[float]) -> None:
    aws.put(queue(aws, "open_ticket-dlq"), "another integration's")
    done = retire("agents")
    assert done.exit_code == 0, done.output
    assert f"cdk destroy --exclusively {names.resource(names.LOCAL, 'agents')} -c stage={names.LOCAL}" in done.stdout
    assert sum(pauses) >= 10, "SQS is asked twice"
    told = json.loads(retire("agents", "--json").stdout)
    assert told == {"integration": "agents", "fed": [], "left": [], "drained": True}


@pytest.mark.parametrize("word", EVERY)
def test_whatever_is_left_keeps_it_and_says_where(aws: Endpoint, word: str, pauses: list[float]) -> None:
    aws.put(queue(aws, word), "{}")
    done = retire("agents")
    assert done.exit_code == 3
    assert done.stdout.strip() == f"{word}: 1 waiting"
    assert "agents is not drained (1 left)" in done.stderr
    assert pauses == []
    told = json.loads(retire("agents", "--json").stdout)
    assert [(each["queue"], each["waiting"], told["drained"]) for each in told["left"]] == [(word, 1, False)]


def test_what_is_in_flight_or_delayed_is_left_too(aws: Endpoint) -> None:
    work = queue(aws, "assign_ticket")
    aws.put(work, "{}")
    aws.do(lambda: work.take(1, 30))
    done = retire("agents")
    assert (done.exit_code, done.stdout.strip()) == (3, "assign_ticket: 1 in flight")


def test_a_message_that_the_first_count_missed_is_found_by_the_second(
    aws: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = queue(aws, "assign_ticket-dlq")
    monkeypatch.setattr(time, "sleep", lambda _: aws.do(lambda: dead.put(Entry("late", "{}"))))
    assert retire("agents").exit_code == 3


def test_a_retirement_that_is_not_deployed_is_no_retirement(aws: Endpoint) -> None:
    aws.rules.add(names.rule(names.LOCAL, "assign_ticket", "TicketOpened"))
    done = retire("agents")
    assert done.exit_code == 3
    assert "agents still gets messages (assign_ticket on TicketOpened): deploy its retirement" in done.stderr


def test_a_rule_on_another_projects_bus_keeps_its_integration_too(aws: Endpoint) -> None:
    agents = RETIRED.integration("agents")
    theirs = tuple(
        replace(each, event=TheirTicketOpened, bus="billing-{stage}-events") for each in agents.subscriptions
    )
    foreign = replace(
        RETIRED,
        integrations=tuple(
            replace(each, subscriptions=theirs) if each is agents else each for each in RETIRED.integrations
        ),
    )
    aws.rules.add(names.rule(names.LOCAL, "assign_ticket", "TheirTicketOpened"))
    done = retire("agents", topology=foreign)
    assert (done.exit_code, "assign_ticket on TheirTicketOpened" in done.stderr) == (3, True)


def test_a_route_that_still_answers_202_keeps_its_integration(home: Path) -> None:
    topology = Topology(package=SAMPLE.package, integrations=(replace(SAMPLE.integration("webhooks"), retired=True),))
    with mock_aws():
        cloud = Stage("dev", "eu-west-1", None, topology, moto_session(), home=home)
        for _, _, name in known("dev", topology):
            cloud.client("sqs").create_queue(QueueName=name)
        resources: list[dict[str, Any]] = [{"id": "r", "path": "/"}, {"id": "w", "path": "/v1/webhooks/{source}"}]
        mock = {"methodIntegration": {"type": "MOCK"}}
        with Stubber(cloud.client("apigateway")) as gateway:
            answer(gateway, [resources[0], resources[1] | {"resourceMethods": {"POST": mock}}])
            assert look(cloud, "webhooks", pause=0).drained, "a mock feeds nothing"
            answer(
                gateway,
                [resources[0], resources[1] | {"resourceMethods": {"POST": {"methodIntegration": {"type": "AWS"}}}}],
            )
            assert look(cloud, "webhooks", pause=0).fed == ["POST /v1/webhooks/{source}"]


def test_a_status_that_is_still_read_keeps_its_integration(home: Path) -> None:
    tickets = replace(STATUSES.integration("tickets"), retired=True)
    topology = Topology(package=SAMPLE.package, integrations=(tickets, SAMPLE.integration("agents")))
    with mock_aws():
        cloud = Stage("dev", "eu-west-1", None, topology, moto_session(), home=home)
        for _, _, name in known("dev", topology):
            cloud.client("sqs").create_queue(QueueName=name)
        read = {"GET": {"methodIntegration": {"type": "AWS"}}}
        with Stubber(cloud.client("apigateway")) as gateway:
            answer(gateway, [{"id": "r", "path": "/v1/tickets/{ticket_id}", "resourceMethods": read}])
            assert "GET /v1/tickets/{ticket_id}" in look(cloud, "tickets", pause=0).fed


def answer(gateway: Stubber, resources: list[dict[str, Any]]) -> None:
    """Two APIs in two pages, of which the second is ours."""
    ours = {"id": "ours", "name": names.resource("dev", "api")}
    gateway.add_response("get_rest_apis", {"items": [{"id": "x", "name": "somebody-elses"}], "position": "2"})
    gateway.add_response("get_rest_apis", {"items": [ours]}, {"position": "2"})
    gateway.add_response("get_resources", {"items": resources}, {"restApiId": "ours", "embed": ["methods"]})


def moto_session() -> botocore.session.Session:
    session = botocore.session.Session()
    session.set_credentials("test", "test")
    return session


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("tickets", "Integration tickets is not retired"),
        ("agnets", "There is no integration 'agnets'. Did you mean agents? There is: tickets, agents, webhooks."),
        ("xyz", "There is no integration 'xyz'. There is: tickets, agents, webhooks."),
    ],
)
def test_what_cannot_be_retired_is_one_sentence_without_asking_aws(name: str, sentence: str) -> None:
    done = retire(name)
    assert (done.exit_code, done.stdout) == (2, "")
    assert sentence in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_topology_without_integrations_says_so() -> None:
    assert "There is: none." in retire("agents", topology=Topology()).stderr


def test_what_is_planned_for_its_queues_still_comes(aws: Endpoint, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Scheduler:
        queue = "another"

        def list_schedules(self, **asked: Any) -> dict[str, Any]:
            assert asked["GroupName"] == names.resource(names.LOCAL, names.PLANS)
            name = schedule_name(self.queue, item_key(self.queue, None, "k"), digest("asked"))
            assert len(name) == 64, "what Scheduler takes"
            return {"Schedules": [{"Name": name}] if name.startswith(asked["NamePrefix"]) else []}

    scheduler = Scheduler()
    others = Stage.client

    def client(stage: Stage, service: str, *arguments: Any, **named: Any) -> Any:
        return scheduler if service == "scheduler" else others(stage, service, *arguments, **named)

    monkeypatch.setattr(Stage, "client", client)
    (reminders,) = (each for each in DELAYED.integrations if not each.is_planning)
    integration = replace(reminders, retired=True)
    stage = Stage.open(names.LOCAL, Topology(package=DELAYED.package, integrations=(integration,)), home)
    assert [*_scheduled(stage, integration)] == []
    scheduler.queue = "remind_ticket"
    assert [*_scheduled(stage, integration)] == ["remind_ticket, for which commands are planned"]
