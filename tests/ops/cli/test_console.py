"""`console`: what it is started with, and what it says where it cannot be."""

from __future__ import annotations

from contextvars import Context
from typing import Any

import pytest

from ops.console.desk import Desk
from stacks import names
from tests.ops.cli.typed import ops
from tests.ops.endpoint import Endpoint
from tests.sample.topology import SAMPLE


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Desk, dict[str, Any]]]:
    found: list[tuple[Desk, dict[str, Any]]] = []
    monkeypatch.setattr("ops.console.server.serve", lambda desk, **said: found.append((desk, said)))
    return found


def test_it_serves_the_stage_that_is_said_with_the_options_that_say_it(
    aws: Endpoint, served: list[tuple[Desk, dict[str, Any]]]
) -> None:
    done = ops("console", "--stage", "local", "--read-only", "--port", "8123", "--no-browser")
    assert done.exit_code == 0, done.output
    assert "The console of stage local, which changes nothing." in done.stdout
    ((desk, said),) = served
    assert (desk.stage.name, desk.read_only, [*desk.where]) == (names.LOCAL, True, ["--stage", "local"])
    assert (said["port"], said["browser"]) == (8123, False)


def test_after_a_fault_it_signs_in_anew(aws: Endpoint, served: list[tuple[Desk, dict[str, Any]]]) -> None:
    ops("console")
    ((desk, _),) = served
    first = desk.stage
    assert desk.stage is first
    assert [*desk.where] == [], "nobody said a stage, so no command need"
    desk.reconnect()
    again = Context().run(lambda: desk.stage)  # the server's threads know nothing of the command's context
    assert again is not first
    assert again.name == names.LOCAL
    assert again.topology is SAMPLE


def test_without_a_stack_it_says_how_to_start_one(home: object, served: list[Any]) -> None:
    done = ops("console")
    assert done.exit_code == 1
    assert "start it with `python -m local up`" in done.output
    assert not served


def test_without_what_it_needs_it_says_how_to_get_it(
    aws: Endpoint, served: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ops.cli.console.find_spec", lambda name: None if name == "uvicorn" else object())
    done = ops("console")
    assert done.exit_code == 1
    assert "The console needs uvicorn: install them with pip install 'headrace[console]'" in done.output
    assert not served
