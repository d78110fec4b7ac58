"""Physical names: the word from the topology, in the project and the stage it belongs to.

Names are fixed, so that the operator's command finds a queue without asking CloudFormation. The project's name and its
stages stand in `cdk.json` and nowhere else.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

ROOT = Path(__file__).resolve().parent.parent


class ProjectError(SystemExit):
    """cdk.json makes no sense; the message says what to do.

    It ends the process, because nothing of the project can even be imported without its name.
    """


class _Project(Struct, frozen=True):
    project: str
    stages: Annotated[dict[str, dict[str, Any]], Meta(min_length=1)]


def read_context(path: Path) -> dict[str, Any]:
    """The context of cdk.json. Raises `ProjectError` if it is not there or lacks the project or its stages."""
    try:
        whole = msgspec.json.decode(path.read_bytes())
    except FileNotFoundError:
        raise ProjectError("There is no cdk.json; it holds the project's name and its stages.") from None
    except msgspec.DecodeError as wrong:
        raise ProjectError(f"cdk.json is no JSON: {wrong}.") from None
    context: Any = whole.get("context") if isinstance(whole, dict) else None
    if not isinstance(context, dict):
        raise ProjectError("cdk.json has no context; it holds the project's name and its stages.")
    try:
        msgspec.convert(context, _Project)
    except msgspec.ValidationError as wrong:
        raise ProjectError(f"cdk.json, context: {wrong}.") from None
    return context


INSTALLED = (ROOT / "installed").exists()
"""Whether this is the command that was installed by itself, which belongs to no project and so has no stages."""
CONTEXT: dict[str, Any] = {"project": "headrace", "stages": {}} if INSTALLED else read_context(ROOT / "cdk.json")
"""The context of cdk.json: the project, its stages with their settings, the CDK's feature flags."""
PROJECT: str = CONTEXT["project"]
STAGES: tuple[str, ...] = tuple(CONTEXT["stages"])


def own_state() -> Path:
    """The folder for what this machine remembers of the person, in whatever project.

    https://specifications.freedesktop.org/basedir-spec/latest/
    """
    said = Path(os.environ.get("XDG_STATE_HOME", ""))
    return (said if said.is_absolute() else Path.home() / ".local" / "state") / "headrace"


STATE = own_state() if INSTALLED else ROOT / ".local"
"""The folder for what this machine remembers of stages and accounts."""
LOCAL = "local"
"""The stage that runs on this machine."""
LOCAL_ACCOUNT = "000000000000"
"""The account that the emulator of this machine plays."""
LONGEST_PREFIX = 23
"""Characters of project, hyphen and stage, at the most: with them every name that `stacks.rules` allows fits into the
64 that Lambda and IAM take. https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html"""

FAILURES = "failures"
"""The table of causes, by message id."""
ONCE = "once"
"""The table of effects that were had, by Powertools."""
KEYS = "keys"
"""The table of claimed idempotency keys."""
REDRIVES = "redrives"
"""The table of redrives, for the audit."""
BY_ACTION = "by-action"
"""Its index: records by `action` and `started_at`. Leases, which the table has too, have no `started_at`."""
AUTHORIZER = "authorize_caller"
"""The function that checks tokens."""
BUS = "events"
"""The stage's event bus, and its archive."""
DEFAULT_BUS = "default"
"""The bus that every account has, to which AWS's services and partners publish."""
PARKED = "parked"
"""The table of places in FIFO groups of which something is dead, for the queues that park."""
SCHEDULES = "schedules"
"""The stage's group of schedules, and the role by which EventBridge Scheduler sends their messages."""
SCHEDULE_RUNS = "schedule_runs"
"""The table of which run holds a schedule, for those whose runs must not overlap."""
PLANS = "plans"
"""The stage's group of one-time schedules, and the role by which EventBridge Scheduler sends their messages."""
PLANNING = "planning"
"""The integration that plans commands: the platform's own."""
CHAT = "chat"
"""What posts alarms to a chat: its rule, its API destination, and its queue of what was not posted."""
SHARED_TABLES = {FAILURES: "message_id", ONCE: "id", KEYS: "key", REDRIVES: "id", PARKED: "group"}
"""The tables that all integrations share, each with its partition key."""
SHARED_STACKS = ("encryption", "shared", "ingress", "operator", "observability")
"""The stacks that are nobody's integration."""


def resource(stage: str, word: str) -> str:
    """The physical name of a table, function, bus or stack: `headrace-dev-open_ticket`."""
    return f"{PROJECT}-{stage}-{word}"


def queue(stage: str, word: str, *, fifo: bool = False) -> str:
    """The physical name of a queue; SQS wants `.fifo` at the end of a FIFO queue's name."""
    return resource(stage, word) + (".fifo" if fifo else "")


def dead_letter_queue(stage: str, word: str, *, fifo: bool = False) -> str:
    """The physical name of the dead-letter queue of `word`."""
    return queue(stage, f"{word}-dlq", fifo=fifo)


def target_dead_letter_queue(stage: str, word: str) -> str:
    """The queue for events that EventBridge could not deliver to the queue `word`. Always standard."""
    return queue(stage, f"{word}-undelivered")


def rule(stage: str, queue_word: str, event: str) -> str:
    """The physical name of the rule that brings an event to a queue: `headrace-dev-close_ticket-on-TicketAssigned`."""
    return resource(stage, f"{queue_word}-on-{event}")


def replay(stage: str, run: str) -> str:
    """The name of a replay: `headrace-dev-replay-20261121-101500-3f2a`; consumers see it, so it is of the stage.

    https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_StartReplay.html
    """
    return f"{resource(stage, 'replay')}-{run}"


def bus(stage: str, arn: str | None) -> str:
    """The bus that an event comes from, as a rule takes it: the stage's own by name, another project's by ARN."""
    return resource(stage, BUS) if arn is None else arn.replace("{stage}", stage)


def regional(stage: str, word: str, region: str) -> str:
    """The physical name of what is one for the whole account: two regions of a stage would share it otherwise.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-friendly-names
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutDashboard.html
    """
    return f"{resource(stage, word)}-{region}"


def log_group(stage: str, function: str) -> str:
    """The log group of a function."""
    return f"/aws/lambda/{resource(stage, function)}"


def api_log_group(stage: str) -> str:
    """The log group of the API's access log."""
    return f"/aws/apigateway/{resource(stage, 'api')}"
