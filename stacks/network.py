"""Which functions of a stage run in its VPC, and what they then need to reach AWS from there.

Lambda writes a function's log and traces from outside its VPC, and polls its queue from there, too.
https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html
"""

from __future__ import annotations

from difflib import get_close_matches

from functions.contracts.pause import PAUSE_CONSUMER
from stacks import actions, names
from stacks.entry import Consumer, Topology
from stacks.settings import Settings, SettingsError, Vpc

ALWAYS = ("dynamodb", "sqs")
"""What every consumer calls: it says why a message failed, when it comes back, and that a service is away."""
USUAL = (*ALWAYS, "events", "kms", "lambda", "s3", "secretsmanager", "ses", "sns", "ssm")
INSIDE = ("kafka-cluster", "neptune-db", "rds-db")
"""Services of which IAM judges connections to what is in the VPC itself, which pass no endpoint.
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.html
https://docs.aws.amazon.com/msk/latest/developerguide/iam-access-control.html
https://docs.aws.amazon.com/neptune/latest/userguide/iam-data-access-policies.html"""
ON_CONNECTIONS = ("elasticache:connect", "memorydb:connect")
"""The same for single actions. https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth-iam.html"""
PAUSER = ("lambda", "sqs")
"""What `pause_consumer` calls."""


def runs_inside(consumer: Consumer, settings: Settings) -> bool:
    """Whether the consumer runs in the stage's VPC; on this machine there is none."""
    return settings.stage != names.LOCAL and (consumer.vpc or _holds_all(settings))


def pauser_runs_inside(settings: Settings) -> bool:
    """Whether `pause_consumer` does."""
    return _holds_all(settings)


def authorizer_runs_inside(settings: Settings) -> bool:
    """Whether what checks tokens does: it must reach their issuer, so only where there is a way to the internet."""
    return _holds_all(settings) and settings.vpc is not None and settings.vpc.nat


def _holds_all(settings: Settings) -> bool:
    return settings.vpc is not None and settings.vpc.functions == "all"


def calls(consumer: Consumer) -> set[str]:
    """The services that the consumer calls, as IAM names them."""
    granted = [action.lower() for grant in consumer.grants for action in grant.actions]
    found = {*ALWAYS, *(action.partition(":")[0] for action in granted if action not in ON_CONNECTIONS)}
    found -= set(INSIDE)
    found |= {"events"} if consumer.publishes else set()
    found |= {"secretsmanager"} if consumer.secrets else set()
    return found | ({"ses"} if consumer.sends_email else set())


def check(topology: Topology, settings: Settings) -> None:
    """Raise `SettingsError` with one sentence for a function that could not run, or could not reach what it calls."""
    inside = {each.function: calls(each) for each in topology.consumers if runs_inside(each, settings)}
    if inside and settings.vpc is None:
        raise SettingsError(
            f"cdk.json, stage {settings.stage!r}: consumer {next(iter(inside))!r} runs in a VPC, and the stage has "
            "none; add the setting vpc, or drop vpc=True."
        )
    if settings.vpc is None:
        return
    _known(settings.vpc, settings.stage)
    if topology.consumers and pauser_runs_inside(settings):
        inside[PAUSE_CONSUMER] = set(PAUSER)
    for function, services in inside.items():
        missing = sorted(services - set(settings.vpc.endpoints))
        if missing and not settings.vpc.nat:
            raise SettingsError(
                f"cdk.json, stage {settings.stage!r}, vpc: function {function!r} calls {', '.join(missing)}, which it "
                "does not reach from there; make the endpoints and list them, or say nat: true."
            )


def _known(vpc: Vpc, stage: str) -> None:
    for word in vpc.endpoints:
        if not actions.is_service(word):
            near = get_close_matches(word, USUAL, 1)
            raise SettingsError(
                f"cdk.json, stage {stage!r}, vpc: there is no service {word!r}; name it as its IAM actions do, "
                f"such as {near[0] if near else 'ses'}."
            )
