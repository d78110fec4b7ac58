"""Archives and replays of the emulator: what happened reaches the rules that a replay names, and nobody else."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.aws import client
from local.effects import eventually
from local.emulator import Emulator
from local.install import EMULATOR
from stacks.names import ROOT
from tests.local.roles import acting, allow, arn, policy

HOUR = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)
NUMBERS = count()


class Bus:
    """A bus with an archive, and two rules, each with a queue."""

    def __init__(self, emulator: Emulator) -> None:
        self.events, self.sqs = (client(service, emulator.endpoint) for service in ("events", "sqs"))
        self.name = f"replayed-{next(NUMBERS)}"
        self.arn = self.events.create_event_bus(Name=self.name)["EventBusArn"]
        self.archive = self.events.create_archive(ArchiveName=self.name, EventSourceArn=self.arn)["ArchiveArn"]
        self.rules, self.urls = {}, {}
        for word in ("one", "other"):
            queue = f"{self.name}-{word}"
            rule = self.events.put_rule(Name=word, EventBusName=self.name, EventPattern='{"source": ["ours"]}')[
                "RuleArn"
            ]
            lets = {**allow("sqs:SendMessage", arn("sqs", queue), ArnEquals={"aws:SourceArn": rule})}
            sender = {"Principal": {"Service": "events.amazonaws.com"}}
            plain = {**allow("sqs:*", arn("sqs", queue), Bool={"aws:SecureTransport": "false"})}
            refused = {**plain, "Effect": "Deny", "Principal": "*"}
            self.urls[word] = self.sqs.create_queue(
                QueueName=queue, Attributes={"Policy": policy({**lets, **sender}, refused)}
            )["QueueUrl"]
            self.events.put_targets(Rule=word, EventBusName=self.name, Targets=[{"Id": "q", "Arn": arn("sqs", queue)}])
            self.rules[word] = rule

    def put(self, **at: datetime) -> None:
        """Put an event at each of these times, and take what came of it from the queues."""
        entry = {"EventBusName": self.name, "Source": "ours", "DetailType": "Told"}
        entries = [{**entry, "Detail": json.dumps({"n": name}), "Time": time} for name, time in at.items()]
        assert self.events.put_events(Entries=entries)["FailedEntryCount"] == 0
        for word in self.urls:
            assert len(self.received(word, len(at))) == len(at)

    def replay(self, name: str, start: datetime, end: datetime, *only: str) -> dict[str, Any]:
        to = {"Arn": self.arn, **({"FilterArns": [self.rules[word] for word in only]} if only else {})}
        answer: dict[str, Any] = self.events.start_replay(
            ReplayName=name, EventSourceArn=self.archive, EventStartTime=start, EventEndTime=end, Destination=to
        )
        return answer

    def state(self, name: str) -> str:
        return str(self.events.describe_replay(ReplayName=name)["State"])

    def received(self, word: str, most: int) -> list[dict[str, Any]]:
        """What the queue gets until it is so much, or it gets nothing more."""
        found: list[dict[str, Any]] = []

        def enough() -> bool:
            answer = self.sqs.receive_message(QueueUrl=self.urls[word], MaxNumberOfMessages=10)
            for message in answer.get("Messages", []):
                self.sqs.delete_message(QueueUrl=self.urls[word], ReceiptHandle=message["ReceiptHandle"])
                found.append(json.loads(message["Body"]))
            return len(found) >= most

        eventually(enough, within=5)
        return found

    def depth(self, word: str) -> int:
        asked = ["ApproximateNumberOfMessages"]
        answer = self.sqs.get_queue_attributes(QueueUrl=self.urls[word], AttributeNames=asked)
        return int(answer["Attributes"][asked[0]])


@pytest.fixture
def bus(emulator: Emulator) -> Bus:
    return Bus(emulator)


def test_only_the_named_rule_gets_what_happened_in_the_time_minute_by_minute_and_it_is_not_archived_again(
    bus: Bus,
) -> None:
    minute = timedelta(minutes=1)
    bus.put(before=HOUR - minute, later=HOUR + 2 * minute, first=HOUR, last=HOUR + 3 * minute, end=HOUR + 4 * minute)
    name = f"{bus.name}-a"
    assert bus.replay(name, HOUR, HOUR + 4 * minute, "one")["State"] == "STARTING"
    assert eventually(lambda: bus.state(name) == "COMPLETED")
    came = bus.received("one", 3)
    assert [each["detail"]["n"] for each in came] == ["first", "later", "last"]
    assert {each["replay-name"] for each in came} == {name}
    assert came[0]["time"] == HOUR.strftime("%Y-%m-%dT%H:%M:%SZ"), "when it happened"
    assert bus.depth("other") == 0
    told = bus.events.describe_replay(ReplayName=name)
    assert told["EventLastReplayedTime"] == HOUR + 3 * minute
    archive = bus.events.describe_archive(ArchiveName=bus.name)
    assert archive["EventCount"] == 5
    assert archive["SizeBytes"] > 0
    assert "Events" not in archive


def test_a_replay_that_names_no_rule_is_to_all(bus: Bus) -> None:
    bus.put(a=HOUR)
    bus.replay(f"{bus.name}-a", HOUR, HOUR + timedelta(minutes=1))
    assert [len(bus.received(word, 1)) for word in ("one", "other")] == [1, 1]


def test_a_cancelled_replay_replays_no_more_and_an_ended_one_cannot_be_cancelled(bus: Bus) -> None:
    bus.put(a=HOUR)
    name = f"{bus.name}-a"
    bus.replay(name, HOUR, HOUR + timedelta(minutes=1), "one")
    assert bus.events.cancel_replay(ReplayName=name)["State"] == "CANCELLING"
    assert eventually(lambda: bus.state(name) == "CANCELLED")
    assert bus.depth("one") == 0
    with pytest.raises(ClientError, match="IllegalStatusException"):
        bus.events.cancel_replay(ReplayName=name)


def test_what_makes_no_sense_is_refused(bus: Bus) -> None:
    with pytest.raises(ClientError, match="ValidationException"):
        bus.replay(f"{bus.name}-a", HOUR, HOUR, "one")
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        bus.events.create_archive(ArchiveName="of-nothing", EventSourceArn=arn("events", "event-bus/nowhere"))


@pytest.mark.parametrize("missing", ["archive", "event-bus", "replay", None])
def test_a_replay_is_judged_on_its_name_its_archive_and_its_bus(
    emulator: Emulator, bus: Bus, missing: str | None
) -> None:
    name = f"{bus.name}-judged"
    resources = [arn("events", f"{kind}/{bus.name}{end}") for kind, end in KINDS.items() if kind != missing]
    bus.events = acting(emulator, allow(("events:StartReplay", "events:DescribeReplay"), *resources))("events")

    def start() -> Any:
        return bus.replay(name, HOUR, HOUR + timedelta(minutes=1), "one")

    if missing is None:
        assert start()["State"] == "STARTING"
        assert eventually(lambda: bus.state(name) == "COMPLETED")
    else:
        with pytest.raises(ClientError, match="AccessDeniedException"):
            start()


KINDS = {"archive": "", "event-bus": "", "replay": "-judged"}


@pytest.fixture
def deploy(emulator: Emulator) -> Iterator[Callable[..., dict[str, Any]]]:
    """Deploys a stack of one bus and its archive with these properties; its outputs."""
    cloudformation, name = client("cloudformation", emulator.endpoint), f"archives-{next(NUMBERS)}"
    made: list[str] = []

    def deployed(**properties: Any) -> dict[str, Any]:
        source = {"Fn::GetAtt": ["Bus", "Arn"]}
        template = {
            "Resources": {
                "Bus": {"Type": "AWS::Events::EventBus", "Properties": {"Name": name}},
                "Archive": {"Type": "AWS::Events::Archive", "Properties": {"SourceArn": source, **properties}},
            },
            "Outputs": {
                "Name": {"Value": {"Ref": "Archive"}},
                "Arn": {"Value": {"Fn::GetAtt": ["Archive", "Arn"]}},
            },
        }
        work = cloudformation.update_stack if made else cloudformation.create_stack
        work(StackName=name, TemplateBody=json.dumps(template))
        made.append(name)
        cloudformation.get_waiter("stack_update_complete" if len(made) > 1 else "stack_create_complete").wait(
            StackName=name, WaiterConfig={"Delay": 1}
        )
        (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
        return {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}

    yield deployed
    cloudformation.delete_stack(StackName=name)


def test_a_template_makes_changes_renames_and_deletes_an_archive(
    emulator: Emulator, deploy: Callable[..., dict[str, Any]]
) -> None:
    events, name = client("events", emulator.endpoint), f"made-{next(NUMBERS)}"
    pattern = {"source": ["ours"]}
    told = deploy(ArchiveName=name, RetentionDays=7, EventPattern=pattern, Description="All.")
    assert told == {"Name": name, "Arn": arn("events", f"archive/{name}")}
    archive = events.describe_archive(ArchiveName=name)
    assert (archive["RetentionDays"], json.loads(archive["EventPattern"])) == (7, pattern)
    bus = archive["EventSourceArn"].rpartition("/")[2]
    entries = [{"EventBusName": bus, "Source": who, "DetailType": "Told", "Detail": "{}"} for who in ("ours", "theirs")]
    entries.append({**entries[0], "Time": datetime.now(UTC) - timedelta(days=8)})
    events.put_events(Entries=entries)
    assert events.describe_archive(ArchiveName=name)["EventCount"] == 1, "neither theirs, nor what is too old"

    deploy(ArchiveName=name, RetentionDays=3)
    archive = events.describe_archive(ArchiveName=name)
    assert (archive["RetentionDays"], archive["EventPattern"], archive["EventCount"]) == (3, "", 1)
    assert deploy(ArchiveName=f"{name}-2", RetentionDays=3)["Name"] == f"{name}-2"
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        events.describe_archive(ArchiveName=name)
    assert events.describe_archive(ArchiveName=f"{name}-2")["EventCount"] == 0


SCRIPT = """
import json, time
from local import corrections_archive as archives

class Meanwhile(list):
    # Another thread adds an event once those that are there were looked through.
    def __iter__(self):
        yield from list(super().__iter__())
        if all(event["id"] != "new" for event in self[:]):
            self.append({"Time": time.time(), "id": "new"})

events = Meanwhile([{"Time": 0.0, "id": "old"}, {"Time": time.time(), "id": "young"}])
archives._kept({"RetentionDays": 1, "Events": events})

def broken(*_):
    raise KeyError("Arn")

archives.STARTING, archives._deliver = 0, broken
replay = {"State": "STARTING", "EventStartTime": 0.0, "EventEndTime": 9.0, "ReplayName": "r"}
try:
    archives._run(replay, {"Events": [{"Time": 1.0}]})
finally:
    print(json.dumps([[event["id"] for event in list.copy(events)], replay]))
"""


def test_what_comes_while_the_old_is_forgotten_is_kept_and_a_replay_that_breaks_has_failed() -> None:
    done = subprocess.run(
        [str(EMULATOR / "bin" / "python"), "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, check=False
    )
    kept, replay = json.loads(done.stdout)
    assert kept == ["young", "new"]
    assert (replay["State"], replay["StateReason"]) == ("FAILED", "KeyError: 'Arn'")
    assert "ReplayEndTime" in replay
