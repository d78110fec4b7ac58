"""The settings of a stage, decoded strictly from `cdk.json`.

Plain frozen data without `aws_cdk`, so that the command line and the local run can read them too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from stacks import names

STAGE = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
KEY = re.compile(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/[A-Za-z0-9-]+")
"""A key's ARN. https://docs.aws.amazon.com/kms/latest/developerguide/concepts.html#key-id-key-ARN"""
WEB_ACL = r"^arn:aws[a-z-]*:wafv2:[a-z0-9-]+:\d{12}:regional/webacl/[A-Za-z0-9_-]+/[0-9a-f-]+$"
"""A regional web ACL's ARN.
https://docs.aws.amazon.com/service-authorization/latest/reference/list_awswafv2.html#awswafv2-resources-for-iam-policies"""
ISSUER = re.compile(r"https://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[!\"$->@-~]*)?")
"""An https address without a query, a fragment or a user's name."""

# The retention times that CloudWatch Logs takes.
# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
LogDays = Literal[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653
]


class SettingsError(ValueError):
    """A stage or a setting makes no sense; the message names it and says what to do."""


def _once(setting: str, words: tuple[str, ...]) -> None:
    twice = next((word for word in words if words.count(word) > 1), None)
    if twice is not None:
        raise ValueError(f"{setting}: {twice!r} is listed twice; remove one")


class Jwt(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose tokens callers bear."""

    issuer: str
    """The issuer as tokens name it, an https address; its OpenID configuration is found below it, and its keys at the
    same origin."""
    audience: Annotated[str, Meta(min_length=1)]
    """What tokens must be for: this API, and no client's id that its ID tokens are for, unless they are to count."""
    tenant_claim: Annotated[str, Meta(min_length=1)] = "sub"
    """The claim that names the tenant; one that only the issuer writes."""
    jwks_uri: str | None = None
    """Where the issuer's keys are, an https address, where that is another origin, as with Google and Firebase. Nothing
    else is asked then."""

    def __post_init__(self) -> None:
        for setting, address in (("issuer", self.issuer), ("jwks_uri", self.jwks_uri)):
            if address is not None and not ISSUER.fullmatch(address):
                raise ValueError(
                    f"{setting}: {address!r} is no plain https address, and keys that come another way may be "
                    "anybody's; write it like https://issuer.example.com/path"
                )


class ApiKeys(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who holds an API key, and how much one key may ask for."""

    clients: Annotated[
        tuple[Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{0,31}(\.[a-z0-9-]{1,16})?$")], ...], Meta(max_length=100)
    ] = ("default",)
    """One key each; AWS makes its value. The client is the tenant: `erp.2` is another key of `erp`, for as long as one
    replaces the other. A stage has room for a hundred."""
    rate: Annotated[float, Meta(gt=0)] = 50.0
    """Requests a second that one key may make in the long run."""
    burst: Annotated[int, Meta(gt=0)] = 100
    """Requests that one key may make at once."""
    quota: Annotated[int, Meta(gt=0)] = 1_000_000
    """Requests that one key may make in a period."""
    period: Literal["DAY", "WEEK", "MONTH"] = "MONTH"
    """The period of the quota."""

    def __post_init__(self) -> None:
        _once("clients", self.clients)


class Protect(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What cannot be deleted, each named once it is deployed: CloudFormation cannot take back a protected create."""

    stacks: tuple[str, ...] = ()
    """Stacks, by their words: `shared`, or an integration's name."""
    tables: tuple[str, ...] = ()
    """Tables, by their names in the map, and those that all integrations share."""


class Alarms(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When somebody is called, and how."""

    email: Annotated[str, Meta(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")] | None = None
    """Who gets an e-mail; AWS asks them once to confirm."""
    webhook_secret: Annotated[str, Meta(pattern=r"^[A-Za-z0-9/_+=.@-]{1,512}$")] | None = None
    """The name of the secret in Secrets Manager that holds the URL of a chat's incoming webhook. It needs `email`, by
    which one hears that the chat takes nothing."""
    oldest: Annotated[int, Meta(ge=60)] = 900
    """Seconds that a message may wait."""
    drain: Annotated[int, Meta(ge=60)] = 1800
    """Seconds that a queue may take to empty at its present rate."""
    latency: Annotated[int, Meta(ge=1)] = 1000
    """Milliseconds that 99 of 100 requests may take."""
    faults: Annotated[float, Meta(ge=0, lt=1)] = 0.01
    """The share of requests that may fail through our fault."""
    refused: Annotated[float, Meta(ge=0, lt=1)] = 0.25
    """The share of requests that may be refused."""
    runbook: str = "docs/alarms.md"
    """Where docs/alarms.md is to be read, for the links in the alarms."""

    def __post_init__(self) -> None:
        if self.webhook_secret is not None and self.email is None:
            raise ValueError("webhook_secret needs an email beside it: a chat that takes nothing cannot say so itself")


class Vpc(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The network that functions run in: subnets and security groups that are there, and what is reached from them."""

    subnets: Annotated[
        tuple[Annotated[str, Meta(pattern=r"^subnet-[0-9a-f]{8,17}$")], ...], Meta(min_length=1, max_length=16)
    ]
    """Private subnets, best one for each availability zone."""
    security_groups: Annotated[
        tuple[Annotated[str, Meta(pattern=r"^sg-[0-9a-f]{8,17}$")], ...], Meta(min_length=1, max_length=5)
    ]
    """The security groups of the functions; they let HTTPS out."""
    endpoints: tuple[Annotated[str, Meta(pattern=r"^[a-z0-9-]+$")], ...] = ()
    """The services that have a VPC endpoint there, each as its IAM actions name it, such as `sqs`, `dynamodb` or `ses`.
    Synthesis says which one a function lacks."""
    nat: bool = False
    """Whether there is a way to the internet, by which every service is reached."""
    functions: Literal["named", "all"] = "named"
    """Which functions run there: those of consumers that say `vpc=True`, or all. What checks tokens must reach their
    issuer, so it runs there only if `nat` is true."""

    def __post_init__(self) -> None:
        _once("subnets", self.subnets)
        _once("security_groups", self.security_groups)


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may differ from stage to stage. Everything else is the same everywhere."""

    stage: str
    """The stage's name, which is its key in cdk.json."""
    python: Literal["host", "3.13", "3.14"] = "3.13"
    """The Python that functions run on; `host` is the one that synthesizes, for the emulator."""
    architecture: Literal["host", "arm64", "x86_64"] = "arm64"
    """The CPU that functions run on."""
    retain: bool = False
    """Tables, archive and logs stay when their stack is deleted, and tables can be restored to any second."""
    protect: bool | Protect = False
    """What can be deleted only after its name was taken out of here and that was deployed. True is refused, with the
    words to write instead."""
    archive_days: Annotated[int, Meta(ge=1, le=3650)] | None = None
    """Days for which events can be replayed; none means no archive."""
    log_days: LogDays = 30
    """Days for which logs are kept."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """The least that functions log; metrics and the reports of runs are logged at any level."""
    email_sender: Annotated[str, Meta(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]
    """The address that e-mail comes from; it or its domain is a verified identity of SES."""
    authorization: Literal["iam", "api_key", "jwt", "none"] = "iam"
    """Who may call a route that does not say: AWS identities by signed requests, holders of an API key, bearers of an
    OIDC issuer's token, or anyone: `none` is refused but for stage `local`, and there for any account of AWS."""
    jwt: Jwt | None = None
    """Whose tokens count, where a route is authorized by `jwt`."""
    api_keys: ApiKeys = ApiKeys()
    """Who holds an API key, where a route is authorized by `api_key`."""
    customer_key: bool | str = False
    """Queues, events, tables, alarms and logs are encrypted with a key of the stage: true makes one, an ARN
    (`arn:aws:kms:<region>:<account>:key/<id>`, no alias) is one that you keep, in the stage's region, and whose policy
    grants what `stacks.encryption` grants."""
    former_keys: tuple[str, ...] = ()
    """The ARNs of keys that were `customer_key` before: roles may still open what was sealed with them. A key goes in
    here when `customer_key` changes or is turned off, and out once all queues and dead-letter queues are empty."""
    previous_secret: Annotated[int, Meta(ge=0, le=14 * 24 * 60 * 60)] = 24 * 60 * 60
    """Seconds for which a webhook's secret still counts after it was replaced; 0 ends it at once."""
    aws_client: Literal["own", "botocore"] = "own"
    """Which client functions call DynamoDB, EventBridge, SQS and Secrets Manager by: their own, which starts faster and
    costs less, or botocore's, which does whatever a network asks for."""
    alarms: Alarms | None = None
    """When somebody is called; none means that nobody is, and that there is no dashboard."""
    throttle_rate: Annotated[float, Meta(gt=0)] = 100.0
    """Requests a second that the API takes in the long run."""
    throttle_burst: Annotated[int, Meta(gt=0)] = 200
    """Requests that the API takes at once."""
    vpc: Vpc | None = None
    """The network that functions run in; none means Lambda's own."""
    vpc_endpoints: tuple[Annotated[str, Meta(pattern=r"^vpce-[0-9a-f]{8,17}$")], ...] = ()
    """The interface endpoints that may reach the API, which is private then; none means that it is public."""
    web_acl_arn: Annotated[str, Meta(pattern=WEB_ACL)] | None = None
    """A regional web ACL that stands before the API."""

    @property
    def by_botocore(self) -> Literal["botocore"] | None:
        """What functions are told of `aws_client`."""
        return "botocore" if self.aws_client == "botocore" else None

    @property
    def posts(self) -> bool:
        """Whether alarms are posted to a chat."""
        return self.alarms is not None and self.alarms.webhook_secret is not None

    @property
    def protected(self) -> Protect:
        """What is protected: nothing, unless it is named."""
        return self.protect if isinstance(self.protect, Protect) else Protect()

    @property
    def key_arn(self) -> str | None:
        """The ARN of the stage's key, once it is known."""
        return self.customer_key if isinstance(self.customer_key, str) else None

    def __post_init__(self) -> None:
        if self.authorization == "none" and self.stage != names.LOCAL:
            raise ValueError("authorization 'none' is for stage local only; choose 'iam', 'api_key' or 'jwt'")
        if self.authorization == "jwt" and self.jwt is None:
            raise ValueError("authorization 'jwt' needs the setting jwt with issuer and audience")
        if self.vpc is not None and self.stage == names.LOCAL:
            raise ValueError("vpc: this machine has none; leave it out")
        if (self.python == "host") != (self.architecture == "host"):
            raise ValueError("python and architecture are both 'host' or neither is")


def read(stage: str | None, stages: Mapping[str, Any]) -> Settings:
    """The settings of `stage`, from the `stages` of cdk.json's context.

    Raises `SettingsError` with one sentence if the stage is not there or a setting is unknown or wrong.
    """
    if stage is None:
        raise SettingsError(f"No stage is named; say one: cdk synth -c stage={next(iter(stages))}.")
    if stage not in stages:
        raise SettingsError(f"There is no stage {stage!r} in cdk.json; choose one of {', '.join(sorted(stages))}.")
    for what, name in (("stage", stage), ("project", names.PROJECT)):
        if not STAGE.fullmatch(name):
            raise SettingsError(
                f"cdk.json, {what} {name!r}: a name is lower-case letters and digits, its words joined by hyphens; "
                "rename it."
            )
    if names.PROJECT == "aws":
        raise SettingsError(
            "cdk.json, project 'aws': EventBridge keeps event sources that begin with 'aws.' for itself; rename it."
        )
    if len(names.PROJECT) + 1 + len(stage) > names.LONGEST_PREFIX:
        raise SettingsError(
            f"cdk.json, project {names.PROJECT!r} and stage {stage!r}: every name begins with both, so together they "
            f"may have {names.LONGEST_PREFIX - 1} characters at the most; shorten one."
        )
    try:
        settings = msgspec.convert({**stages[stage], "stage": stage}, Settings)
    except msgspec.ValidationError as wrong:
        raise SettingsError(f"cdk.json, stage {stage!r}: {wrong}.") from None
    _keys(settings)
    return settings


def _keys(settings: Settings) -> None:
    """Here and not in `Settings`, which also holds the ARN of a key that is yet to be made."""
    for setting, arns in (("customer_key", (settings.key_arn,)), ("former_keys", settings.former_keys)):
        for arn in arns:
            if arn is not None and not KEY.fullmatch(arn):
                raise SettingsError(
                    f"cdk.json, stage {settings.stage!r}: {setting}: {arn!r} is no key's ARN, and a policy takes "
                    "neither an alias nor an id alone; write arn:aws:kms:<region>:<account>:key/<id>."
                )
    if settings.key_arn in settings.former_keys:
        raise SettingsError(
            f"cdk.json, stage {settings.stage!r}: former_keys: the customer_key is no former one; remove it there."
        )
