"""A limited consumer, end to end: what waits goes on as a copy, spends no attempt, and is one request all the way."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from functions.contracts.limit import TABLE
from local.aws import client
from local.deployment import deploy
from local.effects import Effects, eventually
from local.session import Session
from stacks import names
from tests.flow.tickets import hire, open_ticket, operate, settled
from tests.sample.lifetime import LIMITED
from tests.sample.local import CDK_APP

TICKETS = [f"limited-{number}" for number in range(4)]


@pytest.fixture(scope="module")
def limited(stack: Session, effects: Effects) -> Iterator[Session]:
    """The stack once `open_ticket` lets through one message in two seconds; nobody needs it any more as it was."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(LIMITED, "open_ticket")
        deploy(stack.home, stack.state.endpoint, CDK_APP)
        yield stack
        assert settled(effects)


def test_what_waits_for_a_limit_is_handled_in_its_time_and_is_one_request(limited: Session, effects: Effects) -> None:
    hire(limited, "ada")
    answers = {name: open_ticket(limited, name, ("ada", 1)) for name in TICKETS}
    seen: dict[str, float] = {}

    def all_there() -> bool:
        for name in TICKETS:
            if name not in seen and effects.item("tickets", name):
                seen[name] = time.monotonic()
        return len(seen) == len(TICKETS)

    assert eventually(all_there)
    times = sorted(seen.values())
    assert times[-1] - times[0] >= 3 * 2 - 1.5, "one in two seconds, as far as a look from outside tells"
    assert effects.depth("open_ticket", dead=True) == 0
    table = names.resource(names.LOCAL, TABLE)
    items = client("dynamodb", limited.state.endpoint).scan(TableName=table)["Items"]
    assert {item["id"]["S"] for item in items} >= {"open_ticket/crm/@0.5", "open_ticket/crm//places"}
    last = max(seen, key=lambda name: seen[name])

    def told() -> bool:
        text = operate(limited, "trace", answers[last]["correlation_id"]).stdout
        said.append(text)
        return text.count("open_ticket") == 1 and "limited" in text and "Nothing of it is left" in text

    said: list[str] = []
    assert eventually(told), said[-1]
