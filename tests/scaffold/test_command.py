"""`python -m scaffold` as a person meets it: wrong words change nothing, and what it says fits the screen."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest
from typer.testing import CliRunner

from scaffold.__main__ import app
from stacks.entry import Topology
from tests.scaffold.conftest import Project

INTEGRATION = ("scaffold", "integration", "trial-cards", "--route", "POST /v1/trial-cards")
PUBLISHES = ("--publishes", "TrialCardOrdered")
pytestmark = pytest.mark.xdist_group("scaffold")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("scaffold", "integration", "Gift", "--route", "POST /v1/x", *PUBLISHES), "Integration 'Gift': write at most"),
        ((*INTEGRATION, "--fifo", *PUBLISHES), "--fifo keeps the order within a group; name it with --group"),
        ((*INTEGRATION, "--publishes", "card"), "--publishes 'card': write it in CamelCase, such as GiftCardRedeemed"),
        (
            ("scaffold", "subscriber", "hear", "--on", "TrialCardOrdered"),
            "publishes an event yet; add an integration first",
        ),
    ],
)
def test_wrong_words_get_one_sentence_and_change_nothing(
    monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], sentence: str
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("nothing may be tried or written")

    empty = ModuleType("stacks.topology")
    vars(empty)["TOPOLOGY"] = Topology()
    monkeypatch.setitem(sys.modules, "stacks.topology", empty)
    for name in ("tried", "write"):
        monkeypatch.setattr(f"scaffold.__main__.{name}", refuse)
    done = CliRunner().invoke(app, [*words[1:]])
    assert done.exit_code == 2
    assert sentence in done.output
    assert done.output.count("\n") == 1


@pytest.mark.long
def test_what_breaks_a_rule_of_the_map_gets_the_rules_sentence_and_changes_nothing(untouched: Project) -> None:
    before = untouched.files()
    said = untouched.run("scaffold", "integration", "ingress", "--route", "POST /v1/x", *PUBLISHES, code=2)
    assert said == "Integration 'ingress': a stack of that name is everybody's; rename it.\n"
    assert untouched.files() == before


@pytest.mark.long
def test_an_event_whose_schema_is_known_otherwise_is_refused_and_nothing_changes(project: Project) -> None:
    project.empty()
    kept = project.root / "docs" / "events" / "TrialCardOrdered.v1.json"
    kept.parent.mkdir(exist_ok=True)
    kept.write_text('{"properties": {"gone": {}}}')
    before = project.files()
    said = project.run(*INTEGRATION, *PUBLISHES, code=1)
    assert said.startswith("Nothing was written, because it does not work in a copy of the project: ")
    assert "TrialCardOrdered.v1.json: gone was removed." in said
    assert project.files() == before


@pytest.mark.long
def test_a_dry_run_shows_what_would_be_written_and_writes_nothing(untouched: Project) -> None:
    before = untouched.files()
    said = untouched.run(*INTEGRATION, *PUBLISHES, "--dry-run")
    assert "+++ functions/trial_cards_request/handler.py\n" in said
    assert '+            "trial-cards",\n' in said
    assert "+++ docs/" not in said
    assert "  new      docs/events/TrialCardOrdered.v1.json\n" in said
    assert said.endswith("\nNothing was written.\n")
    assert untouched.files() == before


def test_help_fits_eighty_columns() -> None:
    for words in ((), ("integration",), ("subscriber",)):
        said = CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": "80", "TERMINAL_WIDTH": "80"}).output
        assert "--help" in said
        assert max(map(len, said.splitlines())) <= 80
