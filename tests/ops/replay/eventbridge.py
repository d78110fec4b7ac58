"""EventBridge behind botocore's own client: what is asked is serialized and checked, what is answered is parsed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from threading import Event
from typing import Any

from botocore import xform_name
from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from ops.stage import Stage
from stacks import names
from stacks.entry import Subscription

PLACE = "arn:aws:events:eu-west-1:000000000000"
DAY = 86_400


class Refusal(Exception):
    """An error that AWS answers, by its code."""


class EventBridge:
    """The archive, rules and replays of a stage.

    `states` are those that the stage's replay has, one a look; at None somebody presses Ctrl-C, at an exception it is
    refused. `others` are replays that somebody else begins just before the stage's.
    """

    def __init__(self, stage: Stage, days: int | None = 7) -> None:
        self.stage = stage
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.rules = {_rule(stage, each): "ENABLED" for each in stage.topology.subscriptions}
        self.archive: dict[str, Any] | None = {
            "State": "ENABLED",
            "CreationTime": time.time() - 30 * DAY,
            "RetentionDays": days or 0,
            "EventCount": 1234,
            "SizeBytes": 56_789,
        }
        self.replays: dict[str, dict[str, Any]] = {}
        self.states: list[str | None] = ["STARTING", "RUNNING", "COMPLETED"]
        self.refused: dict[str, str] = {}
        self.others: dict[str, dict[str, Any]] = {}
        self.ending: list[str | None] = ["CANCELLED"]
        """The states that it has after it was cancelled."""
        self.changing = 0
        """How many calls to cancel meet another change."""
        self.cut = False
        """Whether somebody presses Ctrl-C before a start is sent."""
        self.answers = Event()
        """Whether a start is answered yet."""
        self.answers.set()
        self.lost = False
        """Whether the answer to a start is lost, so that botocore asks again."""
        stage.client("events").meta.events.register("before-send.events", self._answer)

    def calls(self, action: str) -> list[dict[str, Any]]:
        """What was asked of it, by the action."""
        return [given for name, given in self.asked if name == action]

    def _answer(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        action = request.headers["X-Amz-Target"].decode().partition(".")[2]
        given = json.loads(request.body)
        self.asked.append((action, given))
        if action == "StartReplay":
            assert self.answers.wait(20)
        try:
            if action in self.refused:
                raise Refusal(self.refused[action])
            status, told = 200, getattr(self, xform_name(action))(given)
        except Refusal as refusal:
            status, told = 400, {"__type": str(refusal), "message": "no"}
        body = json.dumps(told).encode()
        return AWSResponse(request.url, status, {"Content-Type": "application/x-amz-json-1.1"}, _Raw(body))

    def describe_archive(self, given: dict[str, Any]) -> dict[str, Any]:
        if self.archive is None:
            raise Refusal("ResourceNotFoundException")
        name = given["ArchiveName"]
        bus = f"{PLACE}:event-bus/{name}"
        return {"ArchiveName": name, "ArchiveArn": f"{PLACE}:archive/{name}", "EventSourceArn": bus, **self.archive}

    def describe_rule(self, given: dict[str, Any]) -> dict[str, Any]:
        arn = f"{PLACE}:rule/{given['EventBusName']}/{given['Name']}"
        if given["Name"] not in self.rules:
            raise Refusal("ResourceNotFoundException")
        return {"Name": given["Name"], "Arn": arn, "State": self.rules[given["Name"]]}

    def start_replay(self, given: dict[str, Any]) -> dict[str, Any]:
        if self.cut:
            raise KeyboardInterrupt
        self.replays |= self.others
        self.replays[given["ReplayName"]] = {**given, "State": "STARTING", "ReplayStartTime": time.time()}
        if self.lost:
            raise Refusal("ResourceAlreadyExistsException")
        return {"State": "STARTING"}

    def describe_replay(self, given: dict[str, Any]) -> dict[str, Any]:
        replay = self.replays.get(given["ReplayName"])
        if replay is None:
            raise Refusal("ResourceNotFoundException")
        if not given["ReplayName"].startswith(names.replay(self.stage.name, "")):
            raise Refusal("AccessDeniedException")
        if given["ReplayName"] in self.others:
            return replay
        if self.states:
            state = self.states.pop(0)
            if state is None:
                raise KeyboardInterrupt
            if state.endswith("Exception"):
                raise Refusal(state)
            replay["State"] = state
            if state != "STARTING":
                replay["EventLastReplayedTime"] = replay["EventStartTime"] + 60
        return replay

    def list_replays(self, given: dict[str, Any]) -> dict[str, Any]:
        """Two a page, of a prefix or of an archive: AWS takes one filter only."""
        assert len(given.keys() & {"NamePrefix", "EventSourceArn"}) == 1, given
        prefix, of = given.get("NamePrefix", ""), given.get("EventSourceArn")
        mine = [
            each
            for name, each in sorted(self.replays.items())
            if name.startswith(prefix) and of in (None, each.get("EventSourceArn", of))
        ]
        start = int(given.get("NextToken", 0))
        told = [{key: value for key, value in each.items() if key != "Destination"} for each in mine[start : start + 2]]
        return {"Replays": told, **({"NextToken": str(start + 2)} if start + 2 < len(mine) else {})}

    def cancel_replay(self, given: dict[str, Any]) -> dict[str, Any]:
        replay = self.replays.get(given["ReplayName"])
        if replay is None:
            raise Refusal("ResourceNotFoundException")
        if replay["State"] not in ("STARTING", "RUNNING"):
            raise Refusal("IllegalStatusException")
        if self.changing:
            self.changing -= 1
            raise Refusal("ConcurrentModificationException")
        replay["State"] = "CANCELLING"
        self.states = [*self.ending]
        return {"State": "CANCELLING"}


def _rule(stage: Stage, each: Subscription) -> str:
    return names.rule(stage.name, each.queue, each.event.__name__)


class _Raw:
    """A body, as urllib3 hands it over."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self._body
