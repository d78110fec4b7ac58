"""Consumers that take nothing while we read their queues, and take messages again afterwards, however we end."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import msgspec
from botocore.exceptions import ClientError

from functions.contracts.pause import PAUSE_CONSUMER, Trouble
from ops.depth import COUNTS
from ops.errors import OpsError
from ops.stage import Stage, in_words
from stacks import names

PATIENCE = 200.0
"""Seconds that Lambda may take to enable or disable a mapping, and `pause_consumer` to forget whom it paused."""
REMEMBERED = "verify-disabled.json"


@dataclass
class Switched:
    """How long it took, in seconds: to disable the mappings, and until `pause_consumer` had enabled the first again.

    `problem` says why that was left to us. `broken` are the functions that somebody else enabled meanwhile.
    """

    off: float = 0.0
    on: float = 0.0
    problem: str | None = None
    broken: tuple[str, ...] = ()


@contextmanager
def disabled(stage: Stage, functions: Sequence[str]) -> Iterator[Switched]:
    """Disable the event source mappings of these consumers; on leaving, all are enabled again.

    The first by `pause_consumer`, which is asked as it asks itself, so that its permission to switch is seen at work.
    What was disabled is written down first: `restore` enables it, should this process die. Raises `OpsError` where
    Lambda refuses or takes more than three minutes, a consumer is not enabled, or one was paused a moment ago.
    """
    mappings = {function: _mapping(stage, function) for function in functions}
    _until_quiet(stage)
    took = Switched()
    remembered = stage.files / REMEMBERED
    remembered.parent.mkdir(parents=True, exist_ok=True)
    remembered.write_text(json.dumps(mappings), encoding="utf-8")
    try:
        took.off = _switch(stage, mappings.values(), on=False)
        yield took
        took.broken = tuple(name for name, mapping in mappings.items() if _state(stage, mapping) != "Disabled")
    finally:
        first = functions[0]
        took.on, took.problem = _go_on(stage, first, mappings[first])
        _switch(stage, mappings.values(), on=True)
        remembered.unlink(missing_ok=True)


def restore(stage: Stage) -> list[str]:
    """Enable what a run that died left disabled; the words of those functions."""
    remembered = stage.files / REMEMBERED
    if not remembered.exists():
        return []
    mappings = json.loads(remembered.read_text(encoding="utf-8"))
    _switch(stage, mappings.values(), on=True)
    remembered.unlink()
    return list(mappings)


def _mapping(stage: Stage, function: str) -> str:
    name = names.resource(stage.name, function)
    with in_words():
        found = stage.client("lambda").list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
    if len(found) != 1 or found[0]["State"] != "Enabled":
        state = found[0]["State"] if found else "not there"
        raise OpsError(f"The event source mapping of {name} is {state}: enable it, then verify again.")
    return str(found[0]["UUID"])


def _until_quiet(stage: Stage) -> None:
    """Wait until `pause_consumer` has nothing to do: what it enabled it enables again, for minutes."""
    end = time.monotonic() + PATIENCE
    while True:
        with in_words():
            sqs = stage.client("sqs")
            counts = sqs.get_queue_attributes(QueueUrl=_pause_queue(stage), AttributeNames=list(COUNTS))["Attributes"]
        if not any(int(counts[name]) for name in COUNTS):
            return
        if time.monotonic() > end:
            raise OpsError(
                "A consumer is paused, or was a moment ago (see `python -m ops queues`): verify again when all are "
                "enabled."
            )
        time.sleep(2)


def _pause_queue(stage: Stage) -> str:
    name = names.queue(stage.name, PAUSE_CONSUMER, fifo=True)
    return str(stage.client("sqs").get_queue_url(QueueName=name)["QueueUrl"])


def _switch(stage: Stage, mappings: Collection[str], *, on: bool) -> float:
    """Seconds that it took. A mapping that is being switched refuses to be for a while."""
    started = time.monotonic()
    wanted = "Enabled" if on else "Disabled"
    for mapping in mappings:
        if _state(stage, mapping) != wanted:
            _ask(stage, mapping, on=on, until=started + PATIENCE)
    for mapping in mappings:
        if not _reaches(stage, mapping, wanted, started + PATIENCE):
            raise OpsError(f"Event source mapping {mapping} was not {wanted} after {PATIENCE:.0f} s.")
    return time.monotonic() - started


def _ask(stage: Stage, mapping: str, *, on: bool, until: float) -> None:
    while True:
        try:
            stage.client("lambda").update_event_source_mapping(UUID=mapping, Enabled=on)
            return
        except ClientError as error:
            busy = error.response["Error"]["Code"] == "ResourceInUseException"
            if not busy or time.monotonic() > until:
                with in_words():
                    raise
        time.sleep(2)


def _state(stage: Stage, mapping: str) -> str:
    with in_words():
        return str(stage.client("lambda").get_event_source_mapping(UUID=mapping)["State"])


def _reaches(stage: Stage, mapping: str, wanted: str, until: float) -> bool:
    while _state(stage, mapping) != wanted:
        if time.monotonic() > until:
            return False
        time.sleep(0.5)
    return True


def _go_on(stage: Stage, function: str, mapping: str) -> tuple[float, str | None]:
    started = time.monotonic()
    told = Trouble(function=function, reason="verify: all is well", paused=True)
    try:
        with in_words():
            stage.client("sqs").send_message(
                QueueUrl=_pause_queue(stage),
                MessageBody=msgspec.json.encode(told).decode(),
                MessageGroupId=function,
                MessageDeduplicationId=str(uuid.uuid4()),
            )
        well = _reaches(stage, mapping, "Enabled", started + PATIENCE)
    except OpsError as error:
        return time.monotonic() - started, str(error)
    return time.monotonic() - started, None if well else "pause_consumer did not enable it"
