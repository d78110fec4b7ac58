"""What the stack tells a function by its environment: each variable is spelled here, and nowhere else.

A field in capitals is its variable: `queue_url` is QUEUE_URL.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Self

import msgspec
from msgspec import Struct

DAY = 24 * 60 * 60
DEAD_LETTER_RETENTION = 14 * DAY
"""Seconds for which every dead-letter queue keeps a message: the most that SQS knows."""
LONGEST_DELAY = 900
"""Seconds for which SQS delays a message, at the most.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html"""


class Variables(Struct, frozen=True, kw_only=True, rename=str.upper):
    """Settings that travel as environment variables. None is no variable, and an empty variable is none."""

    def variables(self) -> dict[str, str]:
        """What the stack sets."""
        return {name: str(value) for name, value in msgspec.to_builtins(self).items() if value is not None}

    @classmethod
    def of(cls, variables: Mapping[str, str]) -> Self:
        """What the stack set. Raises `LookupError` for a variable that is missing or makes no sense."""
        found = {name: value for name in cls.__struct_encode_fields__ if (value := variables.get(name))}
        try:
            return msgspec.convert(found, cls, strict=False)
        except msgspec.ValidationError as error:
            raise LookupError(f"The environment is not what the stack sets: {error}.") from error


class ConsumerVariables(Variables, frozen=True, kw_only=True):
    """What a consumer is told. Times are seconds, and each default is what holds outside Lambda.

    `service` is the function's name, under which Powertools knows it too. `receives` is how often a message is received
    before SQS moves it, `retention` how long its queue keeps it, `on_poison` what a FIFO group does about a message
    that keeps failing, `pause_queue_url` where it says that a service is away, `previous_secret` for how long a secret
    counts after it was replaced, `limits` what must let a message through, as `contracts.limit` writes it, `aws_client`
    that every call is made by botocore's client, `plan_queue_url` where it sends what is to be planned, `plans`
    which commands of its own: `<command>=<queue>`, with spaces between, `tracked` whose requests it says the status
    of, as `contracts.tracked` writes it. `death_keys` is the consumer as workflows name it and the fields by which they
    know its messages: set, it tells when one has had its last attempt. Tables and the bus are physical names; what a
    function has no use for is None.
    """

    project: str = "project"
    stage: str = "none"
    service: str = msgspec.field(default="function", name="POWERTOOLS_SERVICE_NAME")
    log_level: str = "INFO"
    queue_url: str | None = None
    receives: int = 5
    retention: int = 4 * DAY
    backoff_base: float = 2
    backoff_cap: float = 900
    on_poison: Literal["continue", "halt", "park"] = "continue"
    failures_table: str | None = None
    parked_table: str | None = None
    pause_queue_url: str | None = None
    once_table: str | None = None
    bus_name: str | None = None
    email_from: str | None = None
    previous_secret: int | None = DAY
    limits: str | None = None
    aws_client: Literal["botocore"] | None = None
    plan_queue_url: str | None = None
    plans: str | None = None
    tracked: str | None = None
    death_keys: str | None = None


FUNCTION = "{function}"
"""What stands for a function's word in `PauseVariables.consumer`."""


class PauseVariables(Variables, frozen=True, kw_only=True):
    """What `pause_consumer` is told: its own queue, and how a consumer is called, `FUNCTION` standing for its word."""

    project: str
    stage: str
    pause_queue_url: str
    consumer: str
    log_level: str = "INFO"
    aws_client: Literal["botocore"] | None = None


QUEUE = "{queue}"
"""What stands for a queue's word in `PlanVariables.queue`."""


class PlanVariables(Variables, frozen=True, kw_only=True, rename=lambda name: f"PLAN_{name.upper()}"):
    """What `plan_command` is told beside what every consumer is: the group that its schedules are in, the role that
    they take, the dead-letter queue of what they could not send, Scheduler's ARN for SendMessage, the customer's key,
    and the URL of a queue, `QUEUE` standing for its word."""

    group: str
    role: str
    undelivered: str
    target: str
    queue: str
    key: str | None = None


class WorkflowVariables(Variables, frozen=True, kw_only=True):
    """What `follow_workflow` is told beside what every consumer is: the rule, as `contracts.workflow` writes it."""

    workflow: str


class TokenVariables(Variables, frozen=True, kw_only=True):
    """What the function that checks tokens is told: who issues them, for whom, which claim is the tenant, and where the
    issuer's keys are, if discovery does not say."""

    jwt_issuer: str
    jwt_audience: str
    jwt_tenant_claim: str
    jwt_jwks_uri: str | None = None
    log_level: str = "INFO"


def variable(field: str, of: type[Variables] = ConsumerVariables) -> str:
    """The variable of that field. Raises `ValueError` if there is no such field."""
    return of.__struct_encode_fields__[of.__struct_fields__.index(field)]


def table_variable(name: str) -> str:
    """The variable that holds the physical name of the table."""
    return f"TABLE_{name.upper()}"


def secret_variable(name: str) -> str:
    """The variable that holds the physical name of the secret."""
    return f"SECRET_{name.upper()}"
