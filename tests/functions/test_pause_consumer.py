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
from functions.pause_consumer.handler import DAY, PAUSED, RENEWED, SOON, UNFINISHED, handler
from functions.pause_consumer.logic import LATE, Decision, asks, decide
from functions.runtime import clients, mapping
from tests.aws.client import Client
from tests.functions.events import batch, failed, record
from tests.functions.fakes import FakeSqs, refusal

BARE = Trouble(function="open_ticket", reason="DynamoDB is throttled")
MAILED = Unfinished(name="mail", key="tic-1", content="digest")
OPEN = Trouble(function="open_ticket", reason="", unfinished=(MAILED,))
HELD = Trouble(function="open_ticket", reason="DynamoDB is throttled", paused=True)
WELL, AWAY = Condition(), Condition(away=("DynamoDB is throttled.",))
MOVING = ("Creating", "Enabling", "Disabling", "Updating", "Deleting")
NAME = "acme-test-open_ticket"


YOUNG, OLD = 0.0, LATE + 1


def aged(troubles: list[Trouble], held: float) -> list[float]:
    """The seconds since each was sent, the messages that hold the consumer `held` ago."""
    return [held if trouble.paused else 0 for trouble in troubles]


@pytest.mark.parametrize(
    ("state", "troubles", "held", "condition", "expected"),
    [
        ("Enabled", [BARE, BARE], 0, WELL, Decision()),
        ("Enabled", [BARE, BARE], 0, AWAY, Decision(switch=False)),
        ("Enabled", [BARE, BARE], 0, None, Decision()),
        ("Disabled", [HELD, BARE], YOUNG, WELL, Decision(switch=True, kept=(0,))),
        ("Disabled", [HELD, BARE], OLD, WELL, Decision(switch=True, kept=(0,))),
        ("Disabled", [BARE, HELD, BARE, HELD], OLD, AWAY, Decision(kept=(3,))),
        ("Disabled", [HELD, BARE], OLD, None, Decision(kept=(0,))),
        ("Disabled", [BARE], 0, None, Decision()),
        # Its own switch may not be seen yet, or come through later.
        ("Enabled", [HELD, BARE], YOUNG, None, Decision(kept=(0,))),
        ("Enabled", [HELD, BARE], OLD, None, Decision()),
        # A trouble before the message that holds it is there because the switch may not have been heard.
        ("Enabled", [BARE, HELD], YOUNG, AWAY, Decision(switch=False)),
        ("Enabled", [BARE, HELD], OLD, AWAY, Decision(switch=False)),
        ("Enabled", [BARE, HELD, HELD], YOUNG, WELL, Decision(kept=(2,))),
        ("Enabled", [BARE, HELD], YOUNG, None, Decision(kept=(1,))),
        *((state, [HELD, BARE], OLD, None, Decision(kept=(0, 1))) for state in MOVING),
    ],
)
def test_the_mapping_and_who_is_heard_decide(
    state: str, troubles: list[Trouble], held: float, condition: Condition | None, expected: Decision
) -> None:
    assert decide(state, troubles, aged(troubles, held), condition) == expected


@pytest.mark.parametrize(
    ("state", "troubles", "asked"),
    [
        ("Enabled", [BARE], True),
        ("Disabled", [HELD], True),
        ("Disabled", [BARE], False),
        ("Enabled", [HELD, BARE], False),
        ("Enabled", [BARE, HELD], True),
        *((state, [HELD, BARE], False) for state in MOVING),
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
class Aws:
    functions: FakeLambda = field(default_factory=FakeLambda)
    queue: FakeSqs = field(default_factory=FakeSqs)

    def held(self) -> list[Trouble]:
        """What it sent to itself."""
        return [msgspec.json.decode(sent["MessageBody"], type=Trouble) for sent in self.queue.sent]


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Aws:
    told = PauseVariables(
        project="acme", stage="test", pause_queue_url="https://sqs/pause.fifo", consumer=f"acme-test-{FUNCTION}"
    )
    for name, value in told.variables().items():
        monkeypatch.setenv(name, value)
    aws = Aws()
    aws.functions.states[NAME] = "Enabled"
    aws.functions.says[NAME] = lambda: {"away": ["DynamoDB is throttled."]}
    monkeypatch.setitem(clients.made, "lambda", aws.functions)
    monkeypatch.setitem(clients.made, "sqs", Client("sqs", aws.queue))
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


def test_a_consumer_that_is_well_again_goes_on_and_is_held_until_it_is_seen_to(
    aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    aws.functions.states[NAME] = "Disabled"
    aws.functions.says[NAME] = lambda: {"away": []}
    held = message(HELD, "1", sent=time.time() - LATE - 1)
    assert failed(handler(batch(held, message(BARE, "3")))) == ["1"]
    assert aws.queue.visibility == {"1": SOON}
    assert aws.functions.states[NAME] == "Enabling"
    assert aws.functions.asked == [(NAME, Ask(probe=Probe()))]
    said, counted = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (said["message"], counted["Resumed"]) == ("resumed", 1)
    aws.functions.states[NAME] = "Enabled"
    assert failed(handler(batch(held))) == []


def test_an_enabling_that_came_to_nothing_is_done_again(aws: Aws) -> None:
    aws.functions.states[NAME] = "Disabled"
    aws.functions.says[NAME] = lambda: {"away": []}
    for _ in range(2):
        assert failed(handler(batch(message(HELD)))) == ["m"]
        assert aws.functions.states[NAME] == "Enabling"
        aws.functions.states[NAME] = "Disabled"


def test_a_switch_that_lambda_does_not_show_yet_is_not_taken_for_a_persons(aws: Aws) -> None:
    assert failed(handler(batch(message(HELD, sent=time.time() - LATE + 10)))) == ["m"]
    assert aws.queue.visibility == {"m": SOON}
    assert (aws.functions.states[NAME], aws.functions.asked) == ("Enabled", [])


def test_a_switch_that_is_done_again_has_one_message_that_holds_it(aws: Aws) -> None:
    # The newest: the age of what holds it is that of the last switch that may still come through.
    assert failed(handler(batch(message(BARE, "1"), message(HELD, "2"), message(HELD, "3")))) == []
    assert aws.held() == [HELD]
    aws.functions.states[NAME] = "Enabled"
    aws.functions.refuses = [refusal("ResourceInUseException", "UpdateEventSourceMapping")]
    assert failed(handler(batch(message(BARE, "1"), message(HELD, "2"), message(HELD, "3")))) == ["1"]
    assert aws.held() == [HELD, HELD]


def test_what_is_unfinished_is_handed_back_and_pauses_nobody(aws: Aws) -> None:
    assert failed(handler(batch(message(OPEN, "1"), message(OPEN, "2")))) == ["1", "2"]
    assert aws.functions.asked == [(NAME, Ask(probe=Probe(unfinished=(MAILED,))))]
    # The second comes back without the first, which may be at fault itself.
    assert aws.queue.visibility == {"1": UNFINISHED, "2": SOON}
    assert (aws.functions.states[NAME], aws.held()) == ("Enabled", [])
    aws.functions.says[NAME] = lambda: {"away": []}
    assert failed(handler(batch(message(OPEN, "1"), message(OPEN, "2")))) == []


def test_what_is_unfinished_neither_pauses_again_whom_a_person_enabled_nor_keeps_anybody_off(aws: Aws) -> None:
    def says() -> Any:
        return {"away": ["the record cannot be completed"] if aws.functions.asked[-1][1].probe.unfinished else []}

    aws.functions.says[NAME] = says
    aws.functions.states[NAME] = "Disabled"
    old = time.time() - LATE - 1
    assert failed(handler(batch(message(OPEN, "1"), message(HELD, "2", sent=old)))) == ["2", "1"]
    assert aws.functions.states[NAME] == "Enabling"
    aws.functions.states[NAME] = "Enabled"
    assert failed(handler(batch(message(OPEN, "1"), message(HELD, "2", sent=old)))) == ["1"]
    assert (aws.functions.states[NAME], aws.held()) == ("Enabled", [])


def test_what_cannot_be_finished_for_a_day_is_named_and_done_with(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    two = msgspec.structs.replace(OPEN, unfinished=(MAILED, msgspec.structs.replace(MAILED, key="tic-2")))
    young, old = (message(two, name, sent=time.time() - age) for name, age in (("1", DAY - 60), ("2", DAY + 60)))
    assert failed(handler(batch(young))) == ["1"]
    assert capsys.readouterr().out == ""
    assert failed(handler(batch(old))) == []
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(one["message"], one["level"], one["effect"], one["key"]) for one in said] == [
        ("never recorded", "ERROR", "mail", "tic-1"),
        ("never recorded", "ERROR", "mail", "tic-2"),
    ]


def test_what_is_unfinished_of_a_consumer_that_is_gone_waits_for_its_return(aws: Aws) -> None:
    def gone() -> Any:
        raise refusal("ResourceNotFoundException", "Invoke")

    del aws.functions.states[NAME]
    aws.functions.says[NAME] = gone
    assert failed(handler(batch(message(OPEN, "1"), message(BARE, "2")))) == ["1"]


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


def test_what_a_person_enabled_meanwhile_stays_enabled(aws: Aws) -> None:
    held = message(HELD, attempt=7, sent=time.time() - LATE - 1)
    assert failed(handler(batch(held, message(BARE, "2")))) == []
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
    for state in ("Disabled", "Enabling"):
        assert failed(handler(batch(message(HELD)))) == ["m"]
        assert aws.queue.visibility == {"m": SOON}
        assert aws.functions.states[NAME] == state


def test_a_mapping_is_held_before_it_is_off(aws: Aws) -> None:
    # Else a worker that dies in between leaves a mapping off of which nobody knows that we paused it.
    aws.functions.refuses = [refusal("ResourceInUseException", "UpdateEventSourceMapping")]
    assert failed(handler(batch(message(BARE)))) == ["m"]
    assert aws.held() == [HELD]


def test_a_message_that_holds_for_long_is_sent_anew_before_sqs_deletes_it(aws: Aws) -> None:
    aws.functions.states[NAME] = "Disabled"
    old = message(HELD, "old", sent=time.time() - RENEWED - 1)
    assert failed(handler(batch(old, message(BARE, "bare")))) == []
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
    # It could be asked, and then the worker would die of the switch.
    assert failed(handler(batch(message(BARE), message(OPEN, "open")), Context(17))) == ["m", "open"]
    assert aws.queue.visibility == {"m": 0, "open": 0}
    assert aws.functions.asked == []


def test_a_consumer_has_eight_seconds_to_answer_and_is_asked_once(environment: None) -> None:
    clients.made.pop("lambda", None)
    config = mapping._client().meta.config
    assert (config.connect_timeout, config.read_timeout) == (2, 8)
    assert config.retries["total_max_attempts"] == 1
    clients.made.pop("lambda", None)
