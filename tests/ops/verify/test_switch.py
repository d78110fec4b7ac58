"""Consumers are enabled again only when nothing of ours is left in their queues, however a run ends."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError

import ops.verify.switch
from ops.depth import COUNTS
from ops.errors import OpsError
from ops.stage import Stage
from ops.verify.switch import disabled, restore
from stacks import names
from tests.aws.client import Client
from tests.sample.topology import SAMPLE

WORDS = ("open_ticket", "change_ticket")


class Aws:
    """Lambda's mappings and the queue of `pause_consumer`, which enables whom it is asked to; it writes all down."""

    def __init__(self) -> None:
        self.states = dict.fromkeys(WORDS, "Enabled")
        self.modified = dict.fromkeys(WORDS, 0)
        self.happened: list[str] = []
        self.pauses = True

    def switch(self, word: str, state: str) -> None:
        self.states[word] = state
        self.modified[word] += 1
        self.happened.append(f"{state} {word}")

    def list_event_source_mappings(self, FunctionName: str) -> Any:  # noqa: N803 - botocore's name
        word = FunctionName.rpartition("-")[2]
        return {"EventSourceMappings": [self.get_event_source_mapping(word)]}

    def get_event_source_mapping(self, UUID: str) -> Any:  # noqa: N803
        if UUID not in self.states:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": "gone"}}, "Get")
        return {"UUID": UUID, "State": self.states[UUID], "LastModified": self.modified[UUID]}

    def update_event_source_mapping(self, UUID: str, Enabled: bool) -> Any:  # noqa: N803
        self.switch(UUID, "Enabled" if Enabled else "Disabled")
        return {}

    def get_queue_url(self, **_: Any) -> Any:
        return {"QueueUrl": "https://pause.fifo"}

    def get_queue_attributes(self, **_: Any) -> Any:
        return {"Attributes": dict.fromkeys(COUNTS, "0")}

    def send_message(self, MessageGroupId: str, **_: Any) -> Any:  # noqa: N803
        if self.pauses:
            self.switch(MessageGroupId, "Enabled")
        return {"MessageId": "sent"}


class Faked(Stage):
    """A stage whose every client is the fake's."""

    def client(self, service: str, region: str | None = None) -> Any:
        return Client(service, AWS[0]) if service == "sqs" else AWS[0]


AWS: list[Aws] = []


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Aws:
    monkeypatch.setattr(ops.verify.switch, "PATIENCE", 0.0)
    AWS[:] = [Aws()]
    return AWS[0]


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Faked(names.LOCAL, "us-east-1", "http://aws", SAMPLE, botocore.session.Session(), home=tmp_path)


def drains(aws: Aws, *, fails: bool = False) -> Any:
    def drain(words: Sequence[str]) -> None:
        if fails:
            raise OpsError("SQS is away.")
        aws.happened.append(f"drained {' '.join(words)}")

    return drain


def interrupted(aws: Aws, by: BaseException) -> None:
    aws.happened.append("calls")
    raise by


OFF = ["Disabled open_ticket", "Disabled change_ticket"]
ON = ["drained open_ticket change_ticket", "Enabled open_ticket", "Enabled change_ticket"]


@pytest.mark.parametrize("ends", [None, OpsError("no answer"), KeyboardInterrupt()], ids=["well", "fault", "ctrl-c"])
def test_however_it_ends_ours_are_taken_out_first(aws: Aws, stage: Stage, ends: BaseException | None) -> None:
    if ends is None:
        with disabled(stage, WORDS, drains(aws)) as switched:
            aws.happened.append("calls")
        assert (switched.problem, switched.broken) == (None, ())
    else:
        with pytest.raises(type(ends)), disabled(stage, WORDS, drains(aws)):
            interrupted(aws, ends)
    assert aws.happened == [*OFF, "calls", *ON]
    assert list(restore(stage, drains(aws))) == []


def test_what_cannot_be_taken_out_stays_disabled_until_it_can(aws: Aws, stage: Stage) -> None:
    with (
        pytest.raises(OpsError, match="open_ticket, change_ticket stay disabled"),
        disabled(stage, WORDS, drains(aws, fails=True)),
    ):
        pass
    assert set(aws.states.values()) == {"Disabled"}
    with pytest.raises(OpsError, match="SQS is away"):
        list(restore(stage, drains(aws, fails=True)))
    assert set(aws.states.values()) == {"Disabled"}
    aws.happened.clear()
    assert ["enabled again" in sentence for sentence in restore(stage, drains(aws))] == [True, True]
    assert aws.happened == [
        *("drained open_ticket", "Enabled open_ticket"),
        *("drained change_ticket", "Enabled change_ticket"),
    ]
    assert list(restore(stage, drains(aws))) == []


def test_what_a_person_switched_since_stays_and_what_is_gone_is_forgotten(aws: Aws, stage: Stage) -> None:
    with pytest.raises(OpsError), disabled(stage, WORDS, drains(aws, fails=True)):
        pass
    aws.switch("open_ticket", "Enabled")
    aws.switch("open_ticket", "Disabled")
    del aws.states["change_ticket"]
    said = list(restore(stage, drains(aws)))
    assert [("by somebody since" in each, "is gone" in each) for each in said] == [(True, False), (False, True)]
    assert aws.states == {"open_ticket": "Disabled"}
    assert list(restore(stage, drains(aws))) == []


def test_a_pause_consumer_that_does_not_switch_is_said_and_done_without(aws: Aws, stage: Stage) -> None:
    aws.pauses = False
    with disabled(stage, WORDS, drains(aws)) as switched:
        pass
    assert switched.problem == "pause_consumer did not enable it"
    assert set(aws.states.values()) == {"Enabled"}


def test_a_consumer_that_somebody_enabled_meanwhile_is_said(aws: Aws, stage: Stage) -> None:
    with disabled(stage, WORDS, drains(aws)) as switched:
        aws.switch("change_ticket", "Enabled")
    assert switched.broken == ("change_ticket",)


def test_nothing_begins_where_a_consumer_is_not_enabled(aws: Aws, stage: Stage) -> None:
    aws.states["change_ticket"] = "Disabled"
    with pytest.raises(OpsError, match="is Disabled: enable it"), disabled(stage, WORDS, drains(aws)):
        pytest.fail("it begins")
    assert aws.happened == []


@pytest.mark.parametrize("call", ["get_queue_attributes", "get_queue_url", "list_event_source_mappings"])
def test_half_an_answer_is_told_in_a_sentence(aws: Aws, stage: Stage, call: str) -> None:
    setattr(aws, call, lambda **_: {})
    with pytest.raises(OpsError, match="An answer came without"), disabled(stage, WORDS, lambda _: None):
        pass
    assert aws.happened == []
