"""What cannot be written is refused before anything is; what can has its files, each in its place."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, ClassVar

import pytest
import typer
from msgspec import Meta

from functions.contracts.contract import Event
from scaffold import draft, fields, words
from scaffold.__main__ import app
from scaffold.errors import Refused
from stacks.entry import Topology
from stacks.names import ROOT
from tests.sample.contracts import TicketAssigned, TicketOpened, TicketWaiting
from tests.sample.topology import SAMPLE

EMPTY = "from stacks.entry import Topology\n\nTOPOLOGY = Topology()\n"
AGENTS = """\
from stacks.entry import Integration, Topology

TOPOLOGY = Topology(integrations=(Integration("tickets"), Integration("agents")))
"""
CARD: dict[str, Any] = {"route": "POST /v1/cards", "publishes": ("CardOrdered",)}
ORDERED: dict[str, Any] = {
    "route": "POST /v1/shops/{shop}/cards",
    "fifo": True,
    "group": "shop",
    "publishes": ("CardOrdered",),
}


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project, whose map names the sample's integrations."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "stacks").mkdir()
    (tmp_path / "stacks" / "entry.py").touch()
    (tmp_path / "stacks" / "topology.py").write_text(AGENTS)
    monkeypatch.setattr(draft, "ROOT", tmp_path)
    return tmp_path


def test_an_integration_is_a_contract_a_function_its_test_and_an_entry_of_the_map(root: Path) -> None:
    new, files = draft.integration(SAMPLE, "gift-cards", **CARD)
    assert (new.command, new.function, new.table) == ("GiftCardsRequest", "gift_cards_request", "gift_cards")
    assert [str(path) for path in files] == [
        "functions/contracts/gift_cards.py",
        "functions/gift_cards_request/__init__.py",
        "functions/gift_cards_request/logic.py",
        "functions/gift_cards_request/handler.py",
        "tests/functions/test_gift_cards_request.py",
        "stacks/topology.py",
    ]
    assert (root / "stacks" / "topology.py").read_text() == AGENTS
    assert not (root / "functions").exists()


def test_a_command_of_ones_own_names_the_function() -> None:
    new, files = draft.integration(SAMPLE, "gift-cards", command="OrderCard", **CARD)
    assert new.function == "order_card"
    assert Path("functions/order_card/handler.py") in files


def test_a_subscriber_without_an_integration_founds_one_of_its_name() -> None:
    new, files = draft.subscriber(SAMPLE, "print_card", on="TicketOpened")
    assert (new.function, new.integration, new.founds) == ("print_card", "print-card", True)
    assert Path("functions/contracts/print_card.py") not in files
    assert 'Integration("print-card"' in files[Path("stacks/topology.py")]


def test_a_subscriber_that_publishes_has_a_contract_of_its_own() -> None:
    new, files = draft.subscriber(
        SAMPLE, "print-card", on="TicketOpened", publishes=("CardPrinted",), integration="agents"
    )
    assert not new.founds
    contract = files[Path("functions/contracts/print_card.py")]
    assert "from tests.sample.contracts import TicketId" in contract
    assert 'source: ClassVar[str] = "agents"' in contract


def test_a_schedule_has_a_command_a_function_and_a_queue_of_its_own() -> None:
    new, files = draft.schedule(SAMPLE, "rate-agents", every="cron(0 6 ? * MON-FRI *)", skip=True, integration="agents")
    assert (new.command, new.function, new.table, new.founds) == ("RateAgents", "rate_agents", "rate_agents", False)
    assert Path("functions/contracts/rate_agents.py") in files
    written = files[Path("stacks/topology.py")]
    assert 'sends=RateAgents(at="<aws.scheduler.scheduled-time>"), every="cron(0 6 ? * MON-FRI *)"' in written
    assert 'overlap="skip"' in written
    assert "timezone" not in written, "UTC goes without saying"
    _, files = draft.schedule(SAMPLE, "rate-agents", every="rate(1 hour)", timezone="Europe/Berlin")
    assert 'Integration("rate-agents"' in files[Path("stacks/topology.py")]
    assert 'timezone="Europe/Berlin"' in files[Path("stacks/topology.py")]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"name": "Rate"}, "Schedule 'Rate': write at most 40 characters of lower-case words and hyphens"),
        ({"name": "agents"}, "Integration 'agents' is there already; add --integration agents"),
        ({"integration": "agent"}, "--integration: there is no 'agent' in the map; did you mean agents?"),
        ({"name": "open-ticket"}, "Schedule 'OpenTicket': OpenTicket is there already; choose another."),
        ({"name": "table"}, "Schedule 'Table': the written code needs that word itself"),
        ({"every": 'rate(1 hour)", paused=True, x="'}, "has a character that is none."),
        ({"timezone": "Europe\\Berlin"}, "has a character that is none."),
    ],
)
def test_a_schedule_that_cannot_be_written_is_refused_in_words(changes: dict[str, Any], sentence: str) -> None:
    given = {"name": "rate-agents", "every": "rate(1 hour)"} | changes
    with pytest.raises(Refused) as refused:
        draft.schedule(SAMPLE, given.pop("name"), **given)
    assert sentence in str(refused.value)


@pytest.mark.parametrize("name", ["claim", "table"])
def test_a_tables_name_hides_nothing_in_the_handler(name: str) -> None:
    new, files = draft.integration(SAMPLE, name, **CARD)
    handler = files[Path("functions", new.function, "handler.py")]
    assert f'{name.upper()} = Table("{name}")\n' in handler
    assert "    claim(request, message)\n" in handler


def test_the_group_is_a_field_of_the_path(root: Path) -> None:
    new, files = draft.integration(SAMPLE, "cards", **CARD | {"route": "POST /v1/a/{id}", "group": "id", "fifo": True})
    assert "    id: Annotated[Id, FromPath]\n" in files[Path("functions", "contracts", "cards.py")]
    assert "(id=request.id, note=request.note)" in files[Path("functions", new.function, "logic.py")]


def test_the_commands_of_the_guide_are_those_that_we_take() -> None:
    page = (ROOT / "docs" / "adding-an-integration.md").read_text()
    commands = [
        shlex.split(line.replace("\\\n", " "))[3:]
        for block in re.findall(r"```console\n(.*?)```", page, re.DOTALL)
        for line in re.split(r"^\$ ", block, flags=re.MULTILINE)
        if line.startswith("python -m scaffold")
    ]
    assert [words[0] for words in commands] == ["integration", "subscriber", "schedule"]
    known = typer.main.get_command(app)
    assert isinstance(known, typer.core.TyperGroup)
    (name, asked), (joins, hears), (runs, when) = (
        (words[1], known.commands[words[0]].make_context(words[0], words[1:]).params) for words in commands
    )
    asked.pop("dry_run")
    new, _ = draft.integration(Topology(), **asked)
    assert hears["on"] in new.publishes
    assert hears["integration"] == name
    assert words.hyphens("Subscriber", joins) == "print-label"
    assert (runs, when["integration"]) == ("count-returns", name)
    when.pop("dry_run")
    draft.schedule(Topology(), **when | {"integration": None})


def retired(topology: Topology, name: str) -> Topology:
    return replace(
        topology,
        integrations=tuple(replace(each, retired=each.name == name) for each in topology.integrations),
    )


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (lambda: draft.integration(SAMPLE, "tickets", **CARD), "Integration 'tickets' is there already"),
        (
            lambda: draft.integration(SAMPLE, "cards", **CARD | {"route": "POST /v1/tickets"}),
            "there is a route POST /v1/tickets already",
        ),
        (lambda: draft.integration(SAMPLE, "cards", **CARD | {"publishes": ()}), "--publishes: name the event"),
        (
            lambda: draft.integration(SAMPLE, "cards", **CARD | {"publishes": ("TicketOpened",)}),
            "--publishes 'TicketOpened': TicketOpened is there already",
        ),
        (
            lambda: draft.integration(SAMPLE, "cards", **CARD | {"publishes": ("CardSold", "CardSold")}),
            "--publishes 'CardSold': CardSold is there already",
        ),
        (
            lambda: draft.integration(SAMPLE, "cards", **CARD, command="OpenTicket"),
            "--command 'OpenTicket': OpenTicket is there already",
        ),
        (
            lambda: draft.integration(SAMPLE, "cards", **CARD, command="CardOrdered"),
            "--publishes 'CardOrdered': CardOrdered is there already",
        ),
        (
            lambda: draft.integration(SAMPLE, "cards", **ORDERED | {"publishes": ("Shop",)}),
            "--publishes 'Shop': Shop is there already",
        ),
        (
            lambda: draft.integration(SAMPLE, "closings", **CARD),
            "table 'closings' is there already, of integration 'tick",
        ),
        (
            lambda: draft.subscriber(SAMPLE, "tickets", on="TicketOpened"),
            "add --integration tickets, or choose another",
        ),
        (
            lambda: draft.subscriber(SAMPLE, "hear", on="TicketOpend"),
            "--on: nothing in the map publishes 'TicketOpend'; did you mean TicketOpened?",
        ),
        (lambda: draft.subscriber(SAMPLE, "hear", on="Xyz"), "--on: nothing in the map publishes 'Xyz'."),
        (lambda: draft.subscriber(Topology(), "hear", on="Xyz"), "publishes an event yet; add an integration first"),
        (
            lambda: draft.subscriber(SAMPLE, "hear", on="TicketOpened", integration="agent"),
            "--integration: there is no 'agent' in the map; did you mean agents?",
        ),
        (
            lambda: draft.subscriber(retired(SAMPLE, "agents"), "hear", on="TicketOpened", integration="agents"),
            "Integration 'agents' is retired and takes nothing new",
        ),
        (
            lambda: draft.subscriber(SAMPLE, "hear", on="TicketOpened", publishes=("TicketClosed",)),
            "TicketClosed is there already",
        ),
        (lambda: draft.subscriber(SAMPLE, "Hear It", on="TicketOpened"), "Subscriber 'Hear It': write at most 40"),
        (lambda: draft.subscriber(SAMPLE, "closings", on="TicketOpened"), "A table 'closings' is there already"),
    ],
)
def test_what_is_there_or_unknown_is_refused_in_words(root: Path, ask: Callable[[], object], sentence: str) -> None:
    before = sorted(root.rglob("*"))
    with pytest.raises(Refused) as refused:
        ask()
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)
    assert sorted(root.rglob("*")) == before


@pytest.mark.parametrize(
    "path",
    ["functions/contracts/gift_cards.py", "functions/gift_cards_request", "tests/functions/test_gift_cards_request.py"],
)
def test_a_file_that_is_there_is_never_written_over(root: Path, path: str) -> None:
    (root / path).mkdir(parents=True)
    with pytest.raises(Refused, match=f"{path} is there already; choose another name"):
        draft.integration(SAMPLE, "gift-cards", **CARD)


def test_a_map_that_is_not_formatted_is_refused(root: Path) -> None:
    (root / "stacks" / "topology.py").write_text(EMPTY.replace(" = ", "="))
    with pytest.raises(Refused, match="is not formatted, so that more than the entry would change; run make fix"):
        draft.integration(Topology(), "gift-cards", **CARD)


def test_a_name_that_the_map_uses_already_is_refused(root: Path) -> None:
    (root / "stacks" / "topology.py").write_text(EMPTY.replace("Topology()", "Topology()\nCardOrdered = 1"))
    with pytest.raises(Refused, match="CardOrdered is there already"):
        draft.integration(Topology(), "gift-cards", **CARD)


class Plain(Event, frozen=True, kw_only=True):
    """Has no business key."""

    source: ClassVar[str] = "tests"

    parts: tuple[int, ...]
    number: int
    name: str


class Unsaid(Event, frozen=True, kw_only=True):
    """Has nothing plain, and nothing that an example can be made of."""

    source: ClassVar[str] = "tests"

    parts: Annotated[tuple[Annotated[str, Meta(pattern="^x+$")], ...], Meta(min_length=1)]


def test_the_field_that_tells_is_the_business_key_or_the_first_plain_one() -> None:
    found = fields.telling(TicketOpened)
    assert found is not None
    assert found.name == "ticket_id"
    assert fields.telling(Plain) == fields.Field("number", "int", None)
    assert fields.telling(Unsaid) is None


def test_an_example_of_an_event_fits_its_contract() -> None:
    assert fields.example(TicketAssigned) == {"ticket_id": "tic-1001"}
    assert fields.example(TicketWaiting) == {"ticket_id": "tic-1001", "short": []}
    assert fields.example(Plain) == {"parts": [], "number": 1, "name": "some words"}
    with pytest.raises(Refused, match="give its fields examples in their contract"):
        fields.example(Unsaid)
