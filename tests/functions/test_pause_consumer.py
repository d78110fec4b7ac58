"""`pause_consumer`: who is paused and who goes on, whoever else had a hand in it, and what must not get lost."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
from botocore.exceptions import ReadTimeoutError

from functions.contracts.environment import FUNCTION, PauseVariables
from functions.contracts.pause import Ask, Condition, Probe, Trouble, Unfinished
from functions.pause_consumer.handler import PAUSED, RENEWED, SOON, handler
from functions.pause_consumer.logic import Decision, asks, decide
from functions.runtime import clients
from tests.functions.events import batch, failed, record
from tests.functions.fakes import FakeSqs, refusal

BARE = Trouble(function="open_ticket", reason="DynamoDB is throttled")
MAILED = Unfinished(name="mail", key="tic-1", content="digest")
OPEN = Trouble(function="open_ticket", reason="DynamoDB is throttled", unfinished=(MAILED,))
HELD = Trouble(function="open_ticket", reason="DynamoDB is throttled", paused=True)
WELL, AWAY = Condition(), Condition(away=("DynamoDB is throttled.",))
MOVING = ("Creating", "Enabling", "Disabling", "Updating", "Deleting")
NAME = "acme-test-open_ticket"


@pytest.mark.parametrize(
    ("state", "troubles", "condition", "expected"),
    [
        ("Enabled", [BARE, BARE], WELL, Decision()),
        ("Enabled", [BARE, BARE], AWAY, Decision(switch=False)),
        ("Enabled", [BARE, OPEN], AWAY, Decision(switch=False, kept=(1,))),
        ("Enabled", [BARE, OPEN], None, Decision(kept=(1,))),
        ("Disabled", [HELD, BARE], WELL, Decision(switch=True)),
        ("Disabled", [BARE, HELD, OPEN, HELD], AWAY, Decision(kept=(1, 2))),
        ("Disabled", [HELD, BARE], None, Decision(kept=(0,))),
        ("Disabled", [OPEN], AWAY, Decision(kept=(0,))),
        ("Disabled", [OPEN], WELL, Decision()),
        ("Disabled", [BARE], None, Decision()),
        ("Enabled", [HELD, BARE], None, Decision()),
        ("Enabled", [HELD, OPEN], AWAY, Decision(kept=(1,))),
        *((state, [HELD, BARE], None, Decision(kept=(0, 1))) for state in MOVING),
    ],
)
def test_the_mapping_and_who_is_heard_decide(
    state: str, troubles: list[Trouble], condition: Condition | None, expected: Decision
) -> None:
    assert decide(state, troubles, condition) == expected


@pytest.mark.parametrize(
    ("state", "troubles", "asked"),
    [
        ("Enabled", [BARE], True),
        ("Disabled", [HELD], True),
        ("Disabled", [BARE], False),
        ("Enabled", [HELD], False),
        ("Disabled", [OPEN], True),
        ("Enabled", [HELD, OPEN], True),
        *((state, [HELD, OPEN], False) for state in MOVING),
    ],
)
def test_a_consumer_is_asked_only_where_its_answer_decides(state: str, troubles: list[Trouble], asked: bool) -> None:
    assert asks(state, troubles) is asked


@dataclass
class FakeLambda:
    """Lambda: mappings by the function's name, switched at once; each function answers by what `says` has for it."""

    states: dict[str, str] = field(default_factory=dict)
    says: dict[str, Callable[[], Any]] = field(default_factory=dict)
    asked: list[tuple[str, Any]] = field(default_factory=list)
    refuses: list[Exception] = field(default_factory=list)

    def list_event_source_mappings(self, **arguments: Any) -> Any:
        name = arguments["FunctionName"]
        if name not in self.states:
            raise refusal("ResourceNotFoundException")
        own = {"UUID": name, "State": self.states[name], "EventSourceArn": f"arn:aws:sqs:r:0:{name}.fifo"}
        other = {"UUID": "other", "State": "Enabled", "EventSourceArn": "arn:aws:sqs:r:0:somebodys"}
        return {"EventSourceMappings": [other, own]}

    def update_event_source_mapping(self, **arguments: Any) -> Any:
        if self.refuses:
            raise self.refuses.pop()
        self.states[arguments["UUID"]] = "Enabling" if arguments["Enabled"] else "Disabling"
        return {}

    def invoke(self, **arguments: Any) -> Any:
        self.asked.append((arguments["FunctionName"], msgspec.json.decode(arguments["Payload"], type=Ask)))
        answer = self.says[arguments["FunctionName"]]()
        return answer if "Payload" in answer else {"Payload": io.BytesIO(json.dumps(answer).encode())}


@dataclass
class FakeQueue(FakeSqs):
    """The queue of `pause_consumer`: what it sends to itself, too."""

    sent: list[dict[str, Any]] = field(default_factory=list)

    def send_message(self, **arguments: Any) -> Any:
        self.sent.append(arguments)
        return {}


@dataclass
class Aws:
    functions: FakeLambda = field(default_factory=FakeLambda)
    queue: FakeQueue = field(default_factory=FakeQueue)

    def held(self) -> list[Trouble]:
        """What it sent to itself."""
        return [msgspec.json.decode(sent["MessageBody"], type=Trouble) for sent in self.queue.sent]


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Aws:
    told = PauseVariables(
        project="acme", stage="test", pause_queue_url="https://queue", consumer=f"acme-test-{FUNCTION}"
    )
    for name, value in told.variables().items():
        monkeypatch.setenv(name, value)
    aws = Aws()
    aws.functions.states[NAME] = "Enabled"
    aws.functions.says[NAME] = lambda: {"away": ["DynamoDB is throttled."]}
    monkeypatch.setitem(clients.made, "lambda", aws.functions)
    monkeypatch.setitem(clients.made, "sqs", aws.queue)
    return aws


def message(trouble: Trouble, name: str = "m", **more: Any) -> dict[str, Any]:
    body = msgspec.json.encode(trouble).decode()
    return record(body, message_id=name, queue="pause.fifo", group=trouble.function, **more)


def test_a_consumer_whose_services_are_away_is_paused_and_held_by_a_message_of_its_own(
    aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    assert failed(handler(batch(message(BARE)))) == []
    assert aws.functions.states[NAME] == "Disabling"
    assert aws.functions.asked == [(NAME, Ask(probe=Probe()))]
    assert aws.held() == [HELD]
    (sent,) = aws.queue.sent
    assert sent["MessageGroupId"] == "open_ticket"
    said, counted = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (said["message"], said["function"], said["away"]) == ("paused", "open_ticket", ["DynamoDB is throttled."])
    assert (counted["service"], counted["stage"], counted["Paused"]) == ("open_ticket", "test", 1)


def test_a_consumer_that_is_well_again_goes_on_and_nothing_of_it_stays(
    aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    aws.functions.states[NAME] = "Disabled"
    aws.functions.says[NAME] = lambda: {"away": []}
    assert failed(handler(batch(message(HELD, "1"), message(OPEN, "2"), message(BARE, "3")))) == []
    assert aws.functions.states[NAME] == "Enabling"
    assert aws.functions.asked == [(NAME, Ask(probe=Probe(unfinished=(MAILED,))))]
    said, counted = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (said["message"], counted["Resumed"]) == ("resumed", 1)


def test_what_was_left_unfinished_by_several_workers_is_handed_back_in_one_probe(aws: Aws) -> None:
    other = msgspec.structs.replace(OPEN, unfinished=(msgspec.structs.replace(MAILED, key="tic-2"),))
    assert failed(handler(batch(message(OPEN, "1"), message(other, "2")))) == ["1", "2"]
    ((_, asked),) = aws.functions.asked
    assert [each.key for each in asked.probe.unfinished] == ["tic-1", "tic-2"]
    assert aws.queue.visibility == {"1": PAUSED, "2": PAUSED}


def throttled() -> Any:
    raise refusal("TooManyRequestsException", "Invoke")


def crashed() -> Any:
    return {"FunctionError": "Unhandled", "Payload": io.BytesIO(b'{"errorMessage": "no Records"}')}


@pytest.mark.parametrize("answer", [throttled, crashed, lambda: ["nonsense"]])
def test_who_does_not_answer_is_not_paused_and_who_is_paused_stays_so(aws: Aws, answer: Callable[[], Any]) -> None:
    aws.functions.says[NAME] = answer
    assert failed(handler(batch(message(BARE, "1"), message(OPEN, "2")))) == ["2"]
    assert aws.functions.states[NAME] == "Enabled"
    assert aws.held() == []

    aws.functions.states[NAME] = "Disabled"
    assert failed(handler(batch(message(HELD, "3"), message(BARE, "4")))) == ["3"]
    assert aws.functions.states[NAME] == "Disabled"


def test_a_probe_that_hangs_is_a_service_that_hangs(aws: Aws) -> None:
    def hang() -> Any:
        raise ReadTimeoutError(endpoint_url="lambda", error="no answer")

    aws.functions.says[NAME] = hang
    handler(batch(message(BARE)))
    assert aws.functions.states[NAME] == "Disabling"


def test_what_a_person_disabled_stays_disabled(aws: Aws) -> None:
    aws.functions.states[NAME] = "Disabled"
    aws.functions.says[NAME] = lambda: {"away": []}
    assert failed(handler(batch(message(BARE, "1"), message(OPEN, "2")))) == []
    assert aws.functions.states[NAME] == "Disabled"


def test_what_a_person_disabled_stays_disabled_though_something_has_to_be_handed_back_first(aws: Aws) -> None:
    aws.functions.states[NAME] = "Disabled"
    for attempt in range(1, 4):
        assert failed(handler(batch(message(OPEN, attempt=attempt)))) == ["m"]
    aws.functions.says[NAME] = lambda: {"away": []}
    assert failed(handler(batch(message(OPEN, attempt=4)))) == []
    assert aws.functions.states[NAME] == "Disabled"


def test_what_a_person_enabled_meanwhile_stays_enabled(aws: Aws) -> None:
    assert failed(handler(batch(message(HELD, attempt=7), message(BARE, "2")))) == []
    assert aws.functions.states[NAME] == "Enabled"
    assert aws.functions.asked == []


def test_while_the_mapping_is_being_switched_everything_waits_a_little(aws: Aws) -> None:
    aws.functions.states[NAME] = "Disabling"
    assert failed(handler(batch(message(HELD, "1"), message(BARE, "2")))) == ["1", "2"]
    assert aws.queue.visibility == {"1": SOON, "2": SOON}
    assert aws.functions.asked == []


@pytest.mark.parametrize("code", ["ResourceInUseException", "ResourceConflictException", "AccessDeniedException"])
def test_a_mapping_that_cannot_be_switched_is_attempted_again_soon(aws: Aws, code: str) -> None:
    aws.functions.states[NAME] = "Disabled"
    aws.functions.says[NAME] = lambda: {"away": []}
    aws.functions.refuses = [refusal(code, "UpdateEventSourceMapping")]
    assert failed(handler(batch(message(HELD)))) == ["m"]
    assert aws.queue.visibility == {"m": SOON}
    assert failed(handler(batch(message(HELD)))) == []
    assert aws.functions.states[NAME] == "Enabling"


def test_a_mapping_is_held_before_it_is_off(aws: Aws) -> None:
    # Else a worker that dies in between leaves a mapping off of which nobody knows that we paused it.
    aws.functions.refuses = [refusal("ResourceInUseException", "UpdateEventSourceMapping")]
    assert failed(handler(batch(message(BARE)))) == ["m"]
    assert aws.held() == [HELD]


def test_a_message_that_holds_for_long_is_sent_anew_before_sqs_deletes_it(aws: Aws) -> None:
    aws.functions.states[NAME] = "Disabled"
    old = message(HELD, "old", sent=time.time() - RENEWED - 1)
    assert failed(handler(batch(old, message(OPEN, "open")))) == ["open"]
    assert aws.held() == [HELD]
    assert failed(handler(batch(message(HELD, "young")))) == ["young"]
    assert len(aws.held()) == 1


def test_one_consumer_of_which_nothing_can_be_said_keeps_no_other_waiting(aws: Aws) -> None:
    def broken(**_: Any) -> Any:
        raise RuntimeError("no such thing")

    aws.functions.states |= {"acme-test-a": "Enabled", "acme-test-z": "Enabled"}
    aws.functions.says |= {"acme-test-a": broken, "acme-test-z": lambda: {"away": ["SES is away."]}}
    others = [msgspec.structs.replace(BARE, function=word) for word in ("z", "a", "gone")]
    assert failed(handler(batch(*(message(each, each.function) for each in others)))) == ["a"]
    assert aws.functions.states["acme-test-z"] == "Disabling"
    assert aws.queue.visibility == {"a": PAUSED}


def test_what_cannot_be_read_is_done_with(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    odd = record("no JSON", message_id="odd", queue="pause.fifo", group="x")
    assert failed(handler(batch(odd, message(BARE)))) == []
    assert aws.functions.states[NAME] == "Disabling"
    assert json.loads(capsys.readouterr().out.splitlines()[0])["message"] == "unreadable"


class Context:
    """Lambda's, with so many seconds left."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds * 1000)


def test_for_which_no_time_is_left_comes_back_at_once(aws: Aws) -> None:
    assert failed(handler(batch(message(BARE)), Context(5))) == ["m"]
    assert aws.queue.visibility == {"m": 0}
    assert aws.functions.asked == []
