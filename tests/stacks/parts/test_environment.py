"""What stands in a template as a function's environment is, read by the runtime, exactly what the map and stage say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from functions.contracts.environment import DAY, QUEUE, PauseVariables, PlanVariables, TokenVariables
from functions.contracts.pause import PAUSE_CONSUMER
from functions.contracts.plan import PLAN_COMMAND
from functions.runtime.settings import Settings
from stacks import names
from stacks.entry import Queue, Topology
from tests.sample.topology import SAMPLE
from tests.stacks.templates import SENDER, Templates, synthesize

STAGE = "tokens"
URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/"
KEY = "arn:aws:kms:eu-west-1:123456789012:key/ours"
PSEUDO = {
    "AWS::Region": "eu-west-1",
    "AWS::URLSuffix": "amazonaws.com",
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws",
}
TOKENS = {
    "issuer": "https://issuer.example.com/",
    "audience": "desk",
    "tenant_claim": "org",
    "jwks_uri": "https://keys.example.com/jwks",
}
OTHERS: dict[str, Any] = {
    "log_level": "WARNING",
    "previous_secret": 4321,
    "jwt": TOKENS,
    "aws_client": "botocore",
}
"""Settings of the stage that are no defaults."""
ALL = {
    "project": names.PROJECT,
    "stage": STAGE,
    "log_level": "WARNING",
    "failures_table": names.resource(STAGE, "failures"),
    "pause_queue_url": f"{URL}{names.resource(STAGE, 'pause_consumer')}.fifo",
    "parked_table": None,
    "once_table": None,
    "bus_name": None,
    "email_from": None,
    "previous_secret": DAY,  # what is not set is the default
    "aws_client": "botocore",
}
PUBLISHES = {"bus_name": names.resource(STAGE, "events")}
OWN: dict[str, dict[str, Any]] = {
    "open_ticket": PUBLISHES | {"plan_queue_url": URL + names.resource(STAGE, "plan_command")},
    "change_ticket": PUBLISHES | {"on_poison": "park", "parked_table": names.resource(STAGE, "parked")},
    "mail_ticket": {"once_table": names.resource(STAGE, "once"), "email_from": SENDER},
    "close_ticket": PUBLISHES,
    "assign_ticket": PUBLISHES,
    "receive_webhook": PUBLISHES | {"previous_secret": 4321},
    "plan_command": {},
}
NAMED = {
    "open_ticket": {"TABLE_TICKETS": "tickets", "TABLE_KEYS": "keys", "TABLE_PLANNED": "planned"},
    "change_ticket": {"TABLE_CHANGES": "changes"},
    "mail_ticket": {},
    "close_ticket": {"TABLE_CLOSINGS": "closings"},
    "plan_command": {"TABLE_PLANNED": "planned"},
    "assign_ticket": {"TABLE_AGENTS": "agents", "TABLE_ASSIGNMENTS": "assignments"},
    "receive_webhook": {
        f"SECRET_{sender.upper()}_WEBHOOK": f"{sender}_webhook" for sender in ("github", "partner", "shopify", "stripe")
    },
}
"""Tables and secrets, by variable."""


def odd(place: int) -> dict[str, Any]:
    """What a queue's consumer is told of it; no number is a default, and no two are the same."""
    return {
        "receives": 6 + place,
        "retention": 100_000 + place,
        "backoff_base": 1.5 + place,
        "backoff_cap": 444 + place,
    }


def odd_numbers() -> Topology:
    """The sample, each queue with numbers of its own, and one that parks."""
    place = {entry.function: odd(position) for position, entry in enumerate(SAMPLE.consumers)}

    def changed(queue: Queue) -> Queue:
        return replace(queue, **place[queue.name], on_poison="park" if queue.fifo else "continue")

    return replace(
        SAMPLE,
        integrations=tuple(replace(each, queues=tuple(map(changed, each.queues))) for each in SAMPLE.integrations),
    )


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    return synthesize(tmp_path_factory.mktemp(STAGE), STAGE, odd_numbers(), **OTHERS)


def environment(templates: Templates, function: str) -> dict[str, str]:
    """What the function finds: the variables of its template with CloudFormation's references resolved."""
    resources = templates.stacks[
        templates.holder("AWS::Lambda::Function", "FunctionName", names.resource(STAGE, function))
    ]

    def value(said: Any) -> str:
        if isinstance(said, str):
            return said
        ((kind, content),) = said.items()
        if kind == "Fn::ImportValue":
            return KEY
        if kind == "Fn::Join":
            return str(content[0]).join(map(value, content[1]))
        assert kind == "Ref"
        if content in PSEUDO:
            return PSEUDO[content]
        referred = resources["Resources"][content]
        assert referred["Type"] == "AWS::SQS::Queue", "whose reference is its URL"
        return URL + str(referred["Properties"]["QueueName"])

    return {name: value(said) for name, said in templates.function(function)["Environment"]["Variables"].items()}


@pytest.mark.parametrize("place", range(len(SAMPLE.consumers)), ids=[each.function for each in SAMPLE.consumers])
def test_a_consumer_reads_from_its_environment_exactly_what_the_map_says(told: Templates, place: int) -> None:
    function = SAMPLE.consumers[place].function
    queue = names.resource(STAGE, function) + (".fifo" if function == "change_ticket" else "")
    numbers = {} if function == PLAN_COMMAND else odd(place)  # its queue is none of the map's
    expected = ALL | {"service": function, "queue_url": URL + queue} | numbers | OWN[function]
    found = environment(told, function)
    settings = Settings.of(found)
    assert {name: getattr(settings, name) for name in expected} == expected
    others = {name: value for name, value in found.items() if name.startswith(("TABLE_", "SECRET_"))}
    assert others == {name: names.resource(STAGE, word) for name, word in NAMED[function].items()}
    own = {*PlanVariables.__struct_encode_fields__} if function == PLAN_COMMAND else set()
    read = {*Settings.__struct_encode_fields__, *own}
    assert found.keys() - others.keys() <= read, "and nothing that nobody reads"


def test_what_plans_reads_by_what_role_and_where_its_schedules_are_and_send(told: Templates) -> None:
    found = environment(told, PLAN_COMMAND)
    read = PlanVariables.of(found)
    assert read.group == names.resource(STAGE, "plans")
    assert read.role.endswith(f":role/{names.resource(STAGE, 'plans')}-{PSEUDO['AWS::Region']}")
    assert read.undelivered.endswith(f":{names.resource(STAGE, 'plan_command-undelivered')}")
    assert read.target.endswith(":scheduler:::aws-sdk:sqs:sendMessage")
    assert read.queue == URL + names.resource(STAGE, QUEUE)


def test_what_pauses_consumers_reads_which_they_are_and_where_it_is_told(told: Templates) -> None:
    assert PauseVariables.of(environment(told, PAUSE_CONSUMER)) == PauseVariables(
        project=names.PROJECT,
        stage=STAGE,
        pause_queue_url=str(ALL["pause_queue_url"]),
        consumer=names.resource(STAGE, "{function}"),
        log_level="WARNING",
        aws_client="botocore",
    )


def test_what_checks_tokens_reads_whose_they_are_and_for_whom(told: Templates) -> None:
    assert TokenVariables.of(environment(told, names.AUTHORIZER)) == TokenVariables(
        jwt_issuer=TOKENS["issuer"],
        jwt_audience=TOKENS["audience"],
        jwt_tenant_claim="org",
        jwt_jwks_uri="https://keys.example.com/jwks",
        log_level="WARNING",
    )


def test_the_variables_that_others_know_have_the_names_that_they_know(told: Templates) -> None:
    # https://docs.aws.amazon.com/powertools/python/latest/#environment-variables
    assert environment(told, "mail_ticket")["POWERTOOLS_SERVICE_NAME"] == "mail_ticket"
    # https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
    assert Settings.of({"AWS_LAMBDA_FUNCTION_VERSION": "7"}).version == "7"
