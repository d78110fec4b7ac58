"""How long a secret is kept, when it is read again, and how long it counts while nobody can read it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from functions.runtime import clients, secret
from functions.runtime.secret import look
from tests.functions.fakes import Fakes, refusal
from tests.functions.runtime.test_tracing import Logged

THROTTLED = refusal("ThrottlingException")
GONE = EndpointConnectionError(endpoint_url="https://secretsmanager.example")
DAY = 86_400


@dataclass
class Manager:
    """Secrets Manager on a clock of its own: the value says how often it was asked before."""

    now: float = 1_795_300_000.0
    problem: Exception | None = None
    before: str | Exception = "old"
    asked: list[tuple[str, str]] = field(default_factory=list)

    def get_secret_value(self, **arguments: Any) -> dict[str, Any]:
        self.asked.append((arguments["SecretId"], arguments["VersionStage"]))
        if self.problem:
            raise self.problem
        if arguments["VersionStage"] == "AWSCURRENT":
            said = f"value {self.reads}"
        elif isinstance(self.before, Exception):
            raise self.before
        else:
            said = self.before
        return {"SecretString": said, "CreatedDate": datetime.fromtimestamp(self.now - DAY, UTC)}

    @property
    def reads(self) -> int:
        return sum(stage == "AWSCURRENT" for _, stage in self.asked)


@pytest.fixture
def manager(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> Manager:
    made = Manager()
    monkeypatch.setitem(clients.made, "secretsmanager", made)
    monkeypatch.setenv("SECRET_CRM", "acme-test-crm")
    monkeypatch.setattr(time, "time", lambda: made.now)
    monkeypatch.setattr(time, "monotonic", lambda: made.now - 1_000_000)
    secret.forget()
    return made


@pytest.mark.parametrize(
    ("newer", "after", "reads"), [(False, 300, 1), (False, 301, 2), (True, 10, 1), (True, 11, 2), (True, 0, 1)]
)
def test_a_secret_is_read_again_after_five_minutes_or_ten_seconds_where_a_newer_one_is_looked_for(
    manager: Manager, newer: bool, after: float, reads: int
) -> None:
    first = look("crm")
    assert (first.current, first.previous, first.made) == ("value 1", "old", manager.now - DAY)
    assert (first.read, first.since) == (manager.now, manager.now - 1_000_000)
    assert manager.asked == [("acme-test-crm", "AWSCURRENT"), ("acme-test-crm", "AWSPREVIOUS")]
    manager.now += after
    assert look("crm", newer=newer).current == f"value {reads}"
    secret.forget()
    assert look("crm").current == f"value {reads + 1}"


@pytest.mark.parametrize("error", [THROTTLED, GONE])
def test_while_secrets_manager_is_away_a_secret_counts_for_an_hour_and_is_asked_for_every_ten_seconds(
    manager: Manager, logged: Logged, error: Exception
) -> None:
    look("crm")
    manager.problem = error
    manager.now += 301
    for after, reads in ((0, 2), (10, 2), (1, 3), (10, 3), (3600 - 301 - 21, 4)):
        manager.now += after
        assert (look("crm").current, manager.reads) == ("value 1", reads)
    (line, *_) = [line for line in logged() if line.get("message") == "secret not read again"]
    assert (line["level"], line["secret"], line["error"]) == ("WARNING", "crm", str(error))
    manager.now += 11
    with pytest.raises(type(error)):
        look("crm")
    manager.problem = None
    assert look("crm").current == f"value {manager.reads}"


@pytest.mark.parametrize(("after", "counts"), [(3600, True), (3600.5, False)])
def test_a_secret_that_cannot_be_read_again_counts_for_an_hour_and_no_longer(
    manager: Manager, after: float, counts: bool
) -> None:
    look("crm")
    manager.problem = THROTTLED
    manager.now += after
    if counts:
        assert look("crm").current == "value 1"
    else:
        with pytest.raises(ClientError):
            look("crm")


def test_a_newer_secret_that_cannot_be_read_is_an_error_once_and_then_the_known_one(manager: Manager) -> None:
    look("crm")
    manager.problem = THROTTLED
    manager.now += 11
    with pytest.raises(ClientError, match="Throttling"):
        look("crm", newer=True)
    assert look("crm", newer=True).current == look("crm").current == "value 1"
    assert look("crm").asked > look("crm").since
    assert manager.reads == 2


@pytest.mark.parametrize("known", [True, False])
def test_a_secret_that_may_not_be_read_is_an_error_whatever_was_known(manager: Manager, known: bool) -> None:
    if known:
        look("crm")
    manager.problem = refusal("AccessDeniedException") if known else GONE
    manager.now += 301
    with pytest.raises(type(manager.problem)):
        look("crm")


def test_there_need_be_no_value_before_and_any_other_trouble_with_it_is_told(manager: Manager) -> None:
    manager.before = refusal("ResourceNotFoundException")
    assert look("crm").previous is None
    assert secret.secret("crm") == ("value 1",)
    secret.forget()
    manager.before = refusal("AccessDeniedException")
    with pytest.raises(ClientError, match="AccessDenied"):
        look("crm")


@pytest.mark.parametrize(
    ("overlap", "ago", "count"),
    [("", 0, 2), ("86400", 0, 2), ("86399", 0, 1), ("86399", 1, 2), ("0", DAY, 2), ("0", DAY - 1, 1)],
)
def test_the_value_before_counts_for_what_came_within_the_overlap(
    manager: Manager, monkeypatch: pytest.MonkeyPatch, overlap: str, ago: float, count: int
) -> None:
    monkeypatch.setenv("PREVIOUS_SECRET", overlap)
    values = ("value 1", "old")[:count]
    assert secret.secret("crm", at=manager.now - ago) == values
    manager.now += 11
    assert secret.secret("crm", at=manager.now - ago - 11) == values
    assert manager.reads == 1, "nobody looks for a newer one"
    manager.now -= 11
    if not ago:
        assert secret.secret("crm") == values


@pytest.mark.parametrize(
    ("said", "value"), [("s\n", "s"), ("s\r\n", "s"), ("s\n\n", "s\n"), (" s ", " s "), ("\ns", "\ns")]
)
def test_only_the_line_break_at_its_end_is_no_part_of_a_secret(manager: Manager, said: str, value: str) -> None:
    manager.before = said
    assert look("crm").previous == value


def test_a_secret_that_the_function_has_no_access_to_is_named(
    manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SECRET_CRM")
    with pytest.raises(LookupError, match="SECRET_CRM is not set"):
        look("crm")
