"""Why a message failed is read by an operator: each reason says what is wrong and, where somebody can, what to do."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from functions.runtime import clients, message, once, secret, table, webhook
from functions.runtime.clients import ONE_REQUEST, told_apart
from functions.runtime.consumer import consumer
from functions.runtime.deadline import within
from functions.runtime.errors import OutOfTime, Reject, Retry
from functions.runtime.record import Record
from functions.runtime.webhook import verified
from tests.functions.events import batch, delivered, failed, record
from tests.functions.fakes import Fakes, refusal
from tests.functions.runtime.probe import Probe, Probed, Probing, probe
from tests.functions.runtime.test_webhook import signed
from tests.sample.contracts import ChangeTicket, TicketAssigned, TicketChanged
from tests.sample.messages import change, opened

WHOLE = "z" * 2_000


def unnamed() -> dict[str, Any]:
    bare = record(change(1), message_id="m", idempotency_key="k")
    del bare["attributes"]["MessageGroupId"]
    return bare


def odd(part: str, value: str) -> dict[str, Any]:
    """An event with something else in that part of its body."""
    told = delivered(TicketAssigned(ticket_id="t"), message_id="m")
    body = json.loads(told["body"])
    (body if part in body else body["detail"])[part] = value
    return told | {"body": json.dumps(body)}


COMMANDS: list[tuple[dict[str, Any], str]] = [
    (
        record(change(1), message_id="m"),
        "ChangeTicket came without an idempotency key; send it with an Idempotency-Key.",
    ),
    (
        unnamed(),
        "ChangeTicket came without its ticket_id; send it to the FIFO queue, with the ticket_id as the message group.",
    ),
    (
        record(change(1), message_id="m", group="a!b", idempotency_key="k"),
        r"ChangeTicket does not fit: Expected `str` matching regex .* - `ticket_id`, which its path names",
    ),
    (
        record("{", message_id="m", queue="q.fifo", group="g", idempotency_key="k"),
        "ChangeTicket does not decode: Input data was truncated",
    ),
    (
        record(f'{{"{WHOLE}": 1}}', message_id="m", queue="q.fifo", group="g", idempotency_key="k"),
        "ChangeTicket does not decode: Object contains unknown field `z{900,}…",
    ),
]
EVENTS: list[tuple[dict[str, Any], str]] = [
    (record("{", message_id="m"), "EventBridge event does not decode: Input data was truncated"),
    (odd("detail", "x"), "TicketAssigned does not decode: Expected `object`, got `str`"),
    (odd("data", "x"), "TicketAssigned does not decode: Expected `object`, got `str`"),
    (
        delivered(opened(), message_id="m"),
        "TicketOpened is none of TicketAssigned, TicketChanged; correct the rule that sent it here.",
    ),
    (
        delivered(TicketAssigned(ticket_id="t"), version=2, message_id="m"),
        "TicketAssigned came in version 2, but this function knows 1; deploy a function that knows it, then redrive.",
    ),
]


def cause(fakes: Fakes, name: str = "m") -> tuple[str, str]:
    item = fakes.dynamodb.causes[name]
    return item["error_type"], item["error_message"]


@pytest.mark.parametrize(("arrived", "said"), COMMANDS, ids=range(len(COMMANDS)))
def test_a_command_that_cannot_be_read_says_why(fakes: Fakes, arrived: dict[str, Any], said: str) -> None:
    assert failed(consumer(lambda *_: None, accepts=ChangeTicket)(batch(arrived))) == ["m"]
    assert cause(fakes)[0] == "Reject"
    assert re.match(said, cause(fakes)[1])


@pytest.mark.parametrize(("arrived", "said"), EVENTS, ids=range(len(EVENTS)))
def test_an_event_that_cannot_be_read_says_why(fakes: Fakes, arrived: dict[str, Any], said: str) -> None:
    handler = consumer(lambda *_: None, accepts=(TicketAssigned, TicketChanged))
    assert failed(handler(batch(arrived))) == ["m"]
    assert cause(fakes)[0] == "Reject"
    assert re.match(said, cause(fakes)[1])


async def later() -> None:
    """Never runs."""


class Later:
    def __await__(self) -> Iterator[None]:
        raise AssertionError("it must not run")


@pytest.mark.parametrize(
    ("move", "error_type", "said"),
    [
        (lambda *_: [{}], "Reject", "The handler made a dict, which is not an Event; correct the handler."),
        (
            lambda *_: [Probed(name="a", padding="x" * 1_000_000)],
            "Reject",
            r"Probed takes 1,000,\d{3} bytes, of at most 1,000,000; make the event smaller\.",
        ),
        *(
            (each, "TypeError", "The handler returned an awaitable, so nothing ran; make it a plain function.")
            for each in (lambda *_: later(), lambda *_: Later())
        ),
        (lambda *_: [Probed(name=7)], "Reject", "Probed would not fit its own contract: Expected `str`, got `int`.*"),  # type: ignore[arg-type]
    ],
    ids=range(5),
)
def test_a_handler_that_is_wrong_is_told_so(fakes: Fakes, move: Any, error_type: str, said: str) -> None:
    assert failed(Probing(a=move).handler(batch(probe("a")))) == ["a"]
    assert cause(fakes, "a")[0] == error_type
    assert re.fullmatch(said, cause(fakes, "a")[1])


def test_a_consumer_that_cannot_be_made_says_why() -> None:
    for accepts in ((Probe, Probed), (), (Probe, Probe)):
        with pytest.raises(TypeError, match="A consumer accepts one command or some events, not "):
            message.intake(accepts)


def test_what_is_over_says_so() -> None:
    for seconds in (-1.0, 0.01):
        with pytest.raises(OutOfTime, match=r"^The function's time ran out\.$"):
            within(seconds, lambda: time.sleep(5))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: table.typed({"a": 1.5}), "float has no place in an item; use text, whole numbers, lists or maps."),
        (lambda: table.plain({"a": {"B": b""}}), "An attribute value of kind B is none that we write."),
    ],
)
def test_a_value_that_no_item_of_ours_has_is_named(call: Callable[[], object], said: str) -> None:
    with pytest.raises(TypeError, match=f"^{re.escape(said)}$"):
        call()


def test_conditions_that_fail_say_so_where_nobody_asks_what_stands_there() -> None:
    assert str(table.ConditionFailed(None)) == "The condition of a write does not hold."
    assert str(table.Cancelled({})) == "A transaction was cancelled by its conditions."


def test_effects_that_may_not_repeat_say_what_is_missing(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    content = Probe(name="a")
    for key, said in (("", "mail: an effect without a key would run every time"), ("k", "mail: once() needs the Lam")):
        with pytest.raises((LookupError, ValueError), match=re.escape(said)):
            once.once(lambda: None, name="mail", key=key, content=content)
    monkeypatch.setenv("POWERTOOLS_IDEMPOTENCY_DISABLED", "1")
    with pytest.raises(LookupError, match=r"POWERTOOLS_IDEMPOTENCY_DISABLED lets every effect repeat; unset it\."):
        once.once(lambda: None, name="mail", key="k", content=content)


# Webhooks


class Manager:
    """Secrets Manager with one value for all, put in long ago."""

    down: Exception | None = None

    def get_secret_value(self, **arguments: str) -> dict[str, Any]:
        if self.down:
            raise self.down
        if arguments["VersionStage"] == "AWSPREVIOUS":
            raise refusal("ResourceNotFoundException")
        return {"SecretString": "current", "CreatedDate": datetime(2026, 1, 1, tzinfo=UTC)}


@pytest.fixture
def manager(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> Manager:
    made = Manager()
    monkeypatch.setitem(clients.made, "secretsmanager", made)
    monkeypatch.setenv("SECRET_GIT_WEBHOOK", "git")
    secret.forget()
    return made


def delivery(body: str = "{}", *, scheme: str = "github", key: str = "current", ago: float = 60, **more: Any) -> Record:
    """A delivery that came before its secret was read."""
    at = int(time.time() - ago)
    said = {"sender": "git", "signature": f"{scheme} {signed(scheme, body, secret=key, at=at)}"}
    return Record.read(record(body, **said | {"received_at": str(at * 1000)} | more))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sender": ""}, "The message has no sender or signature; send webhooks through the API."),
        ({"signature": ""}, "The message has no sender or signature; send webhooks through the API."),
        ({"signature": "gitlab abc"}, "The webhook of git is signed by an unknown scheme."),
        ({"signature": "github abc"}, "The webhook is not from git: the signature is malformed."),
        ({"signature": "github abc def"}, "The webhook is not from git: the signature is malformed."),
        ({"body": '{"a":' + "[" * 100_000}, "The webhook of git is no JSON object: "),
        ({"key": "guessed"}, "The webhook is not from git: the signature does not match the body."),
        ({"body": "[]"}, "The webhook of git is no JSON object: Expected `object`, got `array`"),
    ],
)
def test_a_delivery_that_is_refused_says_why(manager: Manager, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(Reject) as refused:
        verified(delivery(**changes))
    assert str(refused.value) == said or (said.endswith(": ") and str(refused.value).startswith(said))


def test_what_came_at_the_very_moment_at_which_its_secret_was_read_is_refused(
    manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_795_300_000.0)
    with pytest.raises(Reject, match="the signature does not match the body"):
        verified(delivery(key="guessed", ago=0))


def test_a_signature_of_another_time_says_of_which(manager: Manager) -> None:
    old = delivery(scheme="stripe", received_at=str(int((time.time() + 400) * 1000)))
    with pytest.raises(Reject, match=r"^The webhook is not from git: it was signed 4\d\d s away from its arrival\.$"):
        verified(old)


def test_what_a_newer_secret_may_have_signed_says_so_and_waits(manager: Manager) -> None:
    assert verified(delivery())
    with pytest.raises(Retry) as young:
        verified(delivery(key="newer", ago=-5))
    assert str(young.value) == "The secret of git may have been replaced since it was read."
    assert young.value.delay == 10


@pytest.mark.parametrize("error", [refusal("ThrottlingException"), EndpointConnectionError(endpoint_url="https://x")])
@pytest.mark.parametrize(("attempt", "least", "most"), [(1, 10, 10), (2, 60, 90)])
def test_while_a_newer_secret_cannot_be_read_a_delivery_waits_and_says_why(
    manager: Manager, monkeypatch: pytest.MonkeyPatch, attempt: int, least: float, most: float, error: Exception
) -> None:
    assert verified(delivery())
    monkeypatch.setattr(secret, "PAUSE", -1)
    monkeypatch.setattr(webhook, "PAUSE", 10)
    manager.down = error
    soon = str(int((time.time() + 5) * 1000))
    signature = "github " + signed("github", "{}", secret="newer")
    raw = record("{}", sender="git", signature=signature, received_at=soon, attempt=attempt)
    with pytest.raises(Retry) as later:
        verified(Record.read(raw))
    assert str(later.value) == f"The secret git_webhook could not be read again: {manager.down}"
    assert later.value.__cause__ is manager.down
    assert least <= (later.value.delay or 0) <= most
    monkeypatch.setattr(secret, "PAUSE", 10)
    with pytest.raises(Retry, match="may have been replaced since it was read") as again:
        verified(Record.read(raw))
    assert least <= (again.value.delay or 0) <= most, "it was asked in vain moments ago"


def test_a_secret_that_may_not_be_read_any_more_is_its_own_reason(
    manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert verified(delivery())
    monkeypatch.setattr(secret, "PAUSE", -1)
    manager.down = refusal("AccessDeniedException")
    with pytest.raises(type(manager.down), match="AccessDenied"):
        verified(delivery(key="guessed"))


def test_a_request_says_another_text_each_time_it_is_sent() -> None:
    one, two = (told_apart(f'{{"a":"{ONE_REQUEST}"}}'.encode()) for _ in range(2))
    assert one != two
    assert len(one) == len(two) == len('{"a":"12345678"}')
    assert told_apart(b"{}") == b"{}"
