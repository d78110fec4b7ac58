"""What goes wrong on the way to a real stack: the sign-in runs out, or what tells of a minute is slow."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from local.session import Session
from ops.stage import Stage
from stacks import names
from tests.console.served import Served, served
from tests.console.way import WORDS, Way, way
from tests.sample.lifetime import now

NOT_YET = "was asked and has not answered yet"


@pytest.fixture
def between(stack: Session) -> Iterator[Way]:
    with way(stack.state.endpoint) as between:
        yield between


@pytest.fixture
def here(stack: Session, between: Way, browser: Browser, tmp_path: Path) -> Iterator[Served]:
    """A console that signs in as its operator does, whenever it is to sign in anew."""
    state = json.loads((stack.home / "state.json").read_text())
    (tmp_path / "state.json").write_text(json.dumps(state | {"aws_endpoint_url": between.url, "ca_bundle": ""}))
    with served(Stage.open(names.LOCAL, now(), tmp_path), browser) as here:
        here.desk.open_ = lambda: Stage.open(names.LOCAL, now(), tmp_path)
        yield here


def test_a_sign_in_that_runs_out_is_said_on_every_page_and_pages_go_on_after_another(
    here: Served, between: Way
) -> None:
    window, other = here.console.window(), here.console.window()
    window.open()
    window.page.locator("a:has-text('open_ticket')").first.wait_for()
    assert WORDS not in window.text()
    between.expired = True
    window.sees(WORDS)  # by itself
    for path in ("dead/open_ticket", "schedules", "limits", "redrives"):
        other.open(path)
        assert WORDS in other.text(), path
    between.expired = False
    window.page.get_by_text(WORDS).first.wait_for(state="detached")  # by itself
    other.open("dead/open_ticket")
    assert WORDS not in other.text()


def test_a_flow_whose_minute_is_late_shows_what_is_counted_and_the_rest_once_it_is_there(
    here: Served, between: Way
) -> None:
    between.slow = frozenset({"logs", "monitoring", "lambda"})
    window = here.console.window()
    window.open()
    window.sees(NOT_YET)
    assert window.page.locator("#q-open_ticket").is_visible()
    between.let.set()
    window.page.get_by_text(NOT_YET).first.wait_for(state="detached")  # by itself
    assert not window.complaints
