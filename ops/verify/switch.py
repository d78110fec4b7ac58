"""Consumers that take nothing while we read their queues, and take messages again once nothing of ours is left."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from botocore.exceptions import ClientError

from functions.contracts.pause import PAUSE_CONSUMER, Trouble
from ops import private_file
from ops.answer import part
from ops.depth import COUNTS
from ops.errors import OpsError
from ops.stage import Stage, in_words
from stacks import names

PATIENCE = 200.0
"""Seconds that Lambda may take to enable or disable a mapping, and `pause_consumer` to forget whom it paused."""
SETTLED = 20.0
"""Seconds after which a poller of AWS's holds nothing any more: a long poll's."""

Drain = Callable[[Sequence[str]], object]
"""Takes what is ours out of the queues of these functions."""


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
def disabled(stage: Stage, functions: Sequence[str], drain: Drain) -> Iterator[Switched]:
    """Disable the event source mappings of these consumers; on leaving, `drain`, and enable all again.

    The first is enabled by `pause_consumer`, which is asked as it asks itself, so that its permission to switch is seen
    at work. What was disabled is written down first, for `restore`. Where draining fails the consumers stay disabled:
    our requests would take effect. Raises `OpsError` then, where Lambda refuses or takes more than three minutes, where
    a consumer is not enabled, and where one was paused a moment ago.
    """
    mappings = {function: _mapping(stage, function) for function in functions}
    _until_quiet(stage)
    took, file = Switched(), _file(stage)
    _remember(file, mappings)
    try:
        took.off = _switch(stage, [mapping["UUID"] for mapping in mappings.values()], on=False)
        _remember(file, {function: _read(stage, mapping["UUID"]) for function, mapping in mappings.items()})
        if stage.endpoint is None:
            time.sleep(SETTLED)
        yield took
    finally:
        uuids = {function: mapping["UUID"] for function, mapping in mappings.items()}
        try:
            took.broken = tuple(name for name, mapping in uuids.items() if _state(stage, mapping) != "Disabled")
            drain(functions)
        except BaseException:
            raise OpsError(
                f"What we sent could not be taken out of the queues, so {', '.join(functions)} stay disabled: run "
                "verify again, which takes it out and enables them."
            ) from None
        first = functions[0]
        took.on, took.problem = _go_on(stage, first, uuids[first])
        _switch(stage, uuids.values(), on=True)
        file.unlink(missing_ok=True)


def restore(stage: Stage, drain: Drain) -> Iterator[str]:
    """Drain and enable what a run that died left disabled, and say each in a sentence.

    What is gone is forgotten; what a person switched since stays as it is. Raises `OpsError` where AWS refuses.
    """
    file = _file(stage)
    if not file.exists():
        return
    for function, before in json.loads(file.read_text(encoding="utf-8")).items():
        try:
            now = _read(stage, before["UUID"])
        except OpsError:
            yield f"{function} was left disabled by an earlier run, and its event source mapping is gone"
            continue
        drain([function])
        if now["State"] == "Enabled":
            continue
        if before["State"] == "Disabled" and now["LastModified"] != before["LastModified"]:
            yield f"{function} was left disabled by an earlier run and switched by somebody since: it stays as it is"
            continue
        _switch(stage, [before["UUID"]], on=True)
        yield f"{function} was left disabled by an earlier run: it is enabled again"
    file.unlink()


def _file(stage: Stage) -> Path:
    """Where the run writes down what it disabled: one a region, because a stage may be in several."""
    return stage.open_files() / f"verify-disabled-{stage.region}.json"


def _remember(file: Path, mappings: dict[str, dict[str, str]]) -> None:
    private_file.replace(file, json.dumps(mappings).encode())


def _mapping(stage: Stage, function: str) -> dict[str, str]:
    name = names.resource(stage.name, function)
    with in_words():
        answer = stage.client("lambda").list_event_source_mappings(FunctionName=name)
    found = part(answer, "EventSourceMappings")
    if len(found) != 1 or found[0]["State"] != "Enabled":
        state = found[0]["State"] if found else "not there"
        raise OpsError(f"The event source mapping of {name} is {state}: enable it, then verify again.")
    return _plain(found[0])


def _read(stage: Stage, mapping: str) -> dict[str, str]:
    with in_words():
        return _plain(stage.client("lambda").get_event_source_mapping(UUID=mapping))


def _plain(mapping: dict[str, Any]) -> dict[str, str]:
    return {name: str(mapping.get(name)) for name in ("UUID", "State", "LastModified")}


def _state(stage: Stage, mapping: str) -> str:
    return _read(stage, mapping)["State"]


def _until_quiet(stage: Stage) -> None:
    """Wait until `pause_consumer` has nothing to do: what it enabled it enables again, for minutes."""
    end = time.monotonic() + PATIENCE
    while True:
        with in_words():
            sqs = stage.client("sqs")
            answer = sqs.get_queue_attributes(QueueUrl=_pause_queue(stage), AttributeNames=list(COUNTS))
        if not any(int(part(answer, "Attributes", name)) for name in COUNTS):
            return
        if time.monotonic() > end:
            raise OpsError(
                "A consumer is paused, or was a moment ago (see `python -m ops queues`): verify again when all are "
                "enabled."
            )
        time.sleep(2)


def _pause_queue(stage: Stage) -> str:
    name = names.queue(stage.name, PAUSE_CONSUMER, fifo=True)
    return str(part(stage.client("sqs").get_queue_url(QueueName=name), "QueueUrl"))


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
