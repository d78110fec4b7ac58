"""`python -m ops verify` against a whole stack: the local one is what we assume of AWS."""

from __future__ import annotations

import json

from local.effects import Effects
from local.session import Session
from tests.flow.tickets import left, operate
from tests.sample.topology import SAMPLE


def test_the_local_stack_is_what_we_assume_and_is_left_as_it_was(stack: Session, effects: Effects) -> None:
    done = operate(stack, "verify", "--yes", "--json")
    found = json.loads(done.stdout)["findings"]
    assert [each for each in found if each["verdict"] == "differs"] == []
    assert done.returncode == 0, done.stderr
    unchecked = {each["check"] for each in found if each["verdict"] == "not checked"}
    assert all("count" in check for check in unchecked), "an emulator measures nothing; all else is looked at"
    assert len(found) > 90
    assert left(effects) == {}
    assert [queue.name for queue in SAMPLE.queues if effects.depth(queue.name, dead=True)] == []
    states = {each["queue"]: each["consumer"] for each in json.loads(operate(stack, "queues", "--json").stdout)}
    assert {states[queue.name] for queue in SAMPLE.queues} == {"Enabled"}


def test_without_yes_it_only_says_what_it_would_do(stack: Session, effects: Effects) -> None:
    done = operate(stack, "verify")
    assert done.returncode == 0, done.stderr
    assert "open_ticket, change_ticket, receive_webhook" in done.stdout
    assert "Nothing was done" in done.stderr
    assert left(effects) == {}
