"""What became of a request, and of what it asked for: read without a function, by its own tenant alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

import pytest

from local.aws import client
from local.deployment import deploy
from local.effects import Effects, eventually, get, post
from local.session import Session
from stacks import names
from tests.flow.tickets import hire, operate, settled, ticket
from tests.sample.lifetime import READABLE
from tests.sample.local import CDK_APP
from tests.sample.open_ticket_slowly.handler import SLOW

SHOWN = {"language": "EN", "wanted": [{"agent": "ada", "hours": 1}]}


@dataclass(frozen=True)
class Asked:
    """A request that was accepted, and where its outcome is read."""

    status: str
    thing: str
    tenant: str

    def read(self, what: str, tenant: str | None = None, **headers: str) -> tuple[int, dict[str, Any], dict[str, str]]:
        return get(what, x_tenant_id=tenant or self.tenant, **headers)

    def state(self) -> str:
        """What the status says."""
        return str(self.read(self.status)[1]["status"])


@pytest.fixture(scope="module")
def readable(stack: Session, effects: Effects) -> Iterator[Session]:
    """The stack once its tickets and requests can be read; nobody needs it any more as it was."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(READABLE, "yes")
        deploy(stack.home, stack.state.endpoint, CDK_APP)
        yield stack
        assert settled(effects)


def ask(stack: Session, ticket_id: str, language: str = "EN", **headers: str) -> Asked:
    """Ask for a ticket."""
    url = f"{stack.state.api_url}/v1/tickets"
    body = ticket(ticket_id, ("ada", 1)) | {"language": language}
    status, answer, said = post(url, body, x_tenant_id="acme", **headers)
    assert status == 202, answer
    thing = said["Link-Template"].split('"')[1].replace("{ticket_id}", ticket_id)
    asked = Asked(urljoin(url, said["Location"]), urljoin(url, thing), "acme")
    assert asked.status.endswith(f"/v1/requests/{answer['correlation_id']}")
    return asked


def test_a_request_goes_from_accepted_over_working_to_done_and_its_thing_is_there(
    readable: Session, effects: Effects
) -> None:
    hire(readable, "ada")
    asked = ask(readable, f"{SLOW}1")
    code, said, headers = asked.read(asked.status)
    assert (code, said["status"] in ("accepted_or_unknown", "working")) == (200, True)
    assert eventually(lambda: asked.state() == "working")
    _, said, _ = asked.read(asked.status)
    assert (said["percent"], said["words"]) == (40, "Storing the ticket of [secret].")
    assert asked.read(asked.thing)[0] == 404
    assert eventually(lambda: asked.state() == "done")
    _, said, headers = asked.read(asked.status)
    assert asked.thing.endswith(said["thing"])
    code, said, headers = asked.read(asked.thing)
    assert (code, said) == (200, {"ticket_id": f"{SLOW}1", **SHOWN})
    assert asked.read(asked.thing, if_none_match=headers["ETag"])[0] == 304
    assert asked.read(asked.thing, tenant="other")[0] == 404
    assert asked.read(asked.status, tenant="other")[1]["status"] == "accepted_or_unknown"
    stored = effects.item("tickets", f"/acme/{SLOW}1")
    assert stored is not None
    assert stored["email"] not in json.dumps(asked.read(asked.thing)[1])

    def traced() -> bool:
        text = operate(readable, "trace", asked.status.rpartition("/")[2], "--json").stdout
        return "40 %: Storing the ticket of [secret]." in text and stored["email"] not in text

    assert eventually(traced)


def test_what_dies_is_dead_with_its_cause_and_done_once_it_is_redriven(readable: Session, effects: Effects) -> None:
    hire(readable, "ada")
    first = ask(readable, "twice-1")
    assert eventually(lambda: first.state() == "done")
    again = ask(readable, "twice-1", language="DE")
    assert eventually(lambda: again.state() == "dead")
    _, said, _ = again.read(again.status)
    assert said["cause"] == {
        "error": "Reject",
        "message": "Ticket twice-1 was opened before with another body.",
    }
    assert first.state() == "done"
    assert eventually(lambda: effects.depth("open_ticket", dead=True) == 1)
    client("dynamodb", readable.state.endpoint).delete_item(
        TableName=names.resource(names.LOCAL, "tickets"), Key={"ticket_id": {"S": "/acme/twice-1"}}
    )
    done = operate(readable, "redrive", "open_ticket", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert eventually(lambda: again.state() == "done")
    assert again.read(again.thing)[1]["language"] == "DE"


def test_of_a_batch_each_request_is_told_its_own(readable: Session) -> None:
    hire(readable, "ada")
    every = [ask(readable, f"many-{number}") for number in range(12)]
    assert eventually(lambda: {asked.state() for asked in every} == {"done"})
    things = [asked.read(asked.status)[1]["thing"] for asked in every]
    assert things == [f"/v1/tickets/many-{number}" for number in range(12)]


def test_what_cannot_be_named_is_refused_in_words(readable: Session) -> None:
    asked = Asked(f"{readable.state.api_url}/v1/requests/a%20b", f"{readable.state.api_url}/v1/tickets/a.b", "acme")
    for what in (asked.status, asked.thing):
        code, said, _ = asked.read(what)
        assert (code, "in the path, must match" in said["message"]) == (400, True)
