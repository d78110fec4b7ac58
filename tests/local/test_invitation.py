"""The command that a person is invited to try: it survives the shell, and fits a narrow screen."""

from __future__ import annotations

import json
import shlex
from typing import Annotated, ClassVar

import pytest
from msgspec import Meta

from functions.contracts.contract import END, Command
from functions.contracts.path import FromPath
from local.invitation import curl, invitation
from stacks.entry import Route, Topology
from tests.sample.topology import SAMPLE

URL = "http://127.0.0.1:40001/local"
WORDS = 'it\'s $HOME `now` \\ "so" !'


class Quoted(Command, frozen=True, kw_only=True):
    """A command whose example the shell would like to read."""

    business_key: ClassVar[str | None] = "id"

    id: Annotated[str, Meta(examples=["q-1"])]
    words: Annotated[str, Meta(examples=[WORDS])]


class Numbered(Command, frozen=True, kw_only=True):
    """A command of a path that has a form of its own."""

    id: Annotated[str, Meta(pattern=rf"^q-[0-9]+{END}", examples=["q-17"]), FromPath]


class Long(Quoted, frozen=True, kw_only=True):
    """One whose example fits no line."""

    more: Annotated[tuple[Annotated[str, Meta(examples=["x" * 40])], ...], Meta(min_length=1)]


def words(route: Route) -> list[str]:
    """The command's words, as the shell reads them."""
    return shlex.split("\n".join(curl(route, URL)).replace("\\\n", ""))


@pytest.mark.parametrize("contract", [Quoted, Long])
def test_the_shell_reads_the_example_as_it_is(contract: type[Command]) -> None:
    route = Route(path="/v1/quotes", accepts=contract, queue="quotes")
    command = words(route)
    assert command[:3] == ["curl", "-i", f"{URL}/v1/quotes"]
    assert json.loads(command[-1])["words"] == WORDS


def test_a_route_without_a_business_key_is_given_an_idempotency_key_and_a_path_its_values() -> None:
    (route,) = (route for route in SAMPLE.routes if route.group)
    command = words(route)
    assert f"{URL}/v1/tickets/example-1/changes" in command
    assert "Idempotency-Key: example-1" in command


def test_a_path_that_allows_no_plain_value_gets_its_example() -> None:
    route = Route(path="/v1/quotes/{id}/words", accepts=Numbered, queue="quotes", group="id")
    assert f"{URL}/v1/quotes/q-17/words" in words(route)


def test_every_line_fits_eighty_columns() -> None:
    routes = [*SAMPLE.routes, Route(path="/v1/quotes", accepts=Long, queue="quotes")]
    lines = [line for route in routes for line in curl(route, URL)]
    assert [line for line in lines if len(line) > 80] == []


def test_nobody_is_invited_to_a_route_that_asks_who_calls() -> None:
    asking = Topology(integrations=())
    assert list(invitation(asking, URL)) == []
    assert "/v1/tickets" in "\n".join(invitation(SAMPLE, URL))
