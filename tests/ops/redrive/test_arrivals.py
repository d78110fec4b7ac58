"""A redrive ends while messages keep arriving: it is about what was there at its start, unless it is to follow."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.stub import Stubber

from ops.dead_letters import start
from ops.dead_letters.start import Start
from ops.depth import COUNTS
from ops.queue import Queue
from ops.sqs.message import Entry, Message
from ops.stage import Stage
from tests.aws.queues import FakeQueue, Fault, Stored
from tests.ops.cli.typed import answer, dead_tickets, ops, queue
from tests.ops.endpoint import Endpoint


def arriving(dead: FakeQueue, many: int, seconds: int) -> None:
    """From now on every receive finds new messages, sent so many `seconds` from now, until there were so `many`."""
    took, left = dead.take, [many]

    def take(most: int, visibility: float) -> list[Stored]:
        for _ in range(min(left[0], 10)):
            left[0] -= 1
            number = f"new-{left[0]}"
            group = "g" if dead.fifo else None
            dead.put(Entry(number, '{"new": true}', {}, {}, group, number if dead.fifo else None))
            there = dead._groups["g"] if dead.fifo else dead._ready
            there[-1].sent += seconds * 1000
        return took(most, visibility)

    dead.take = take  # type: ignore[method-assign]


@pytest.mark.parametrize("command", ["redrive", "drop"])
def test_what_is_sent_after_the_start_is_left_and_the_command_ends(aws: Endpoint, command: str) -> None:
    dead_tickets(aws, 30)
    arriving(queue(aws, "open_ticket-dlq"), 100_000, seconds=60)
    done = answer(command, "open_ticket", "--yes")
    counts = done["tally"] if command == "redrive" else done
    assert counts["moved" if command == "redrive" else "deleted"] == 30
    assert 0 < counts["late"] < 5_000
    assert set(queue(aws, "open_ticket-dlq").bodies()) == {'{"new": true}'}


def test_what_dies_after_the_start_is_left_by_the_count_though_it_was_sent_before(aws: Endpoint) -> None:
    dead_tickets(aws, 30)
    arriving(queue(aws, "open_ticket-dlq"), 100_000, seconds=-60)
    result = ops("redrive", "open_ticket", "--yes")
    assert result.exit_code == 3  # nobody can say whether SQS had only not counted them
    assert "they died since, or SQS had not counted them yet. --follow takes them too." in result.stderr
    assert 30 <= len(queue(aws, "open_ticket")) <= 43
    assert ops("resume").stdout.strip() == "Every redrive and import ended."


def test_a_redrive_to_a_queue_whose_consumer_sends_everything_back_as_new_ends(aws: Endpoint) -> None:
    dead_tickets(aws, 30)
    dead, work = queue(aws, "open_ticket-dlq"), queue(aws, "open_ticket")
    work.put = lambda entry, **_: dead.put(Entry(entry.id, entry.message_body))  # type: ignore[method-assign]
    for options in (["--to", "open_ticket"], ["--to", "open_ticket", "--force"]):
        tally = json.loads(ops("redrive", "open_ticket", *options, "--yes", "--json").stdout)["tally"]
        assert 30 <= tally["moved"] <= 43
        assert len(dead) == 30


def test_export_and_peek_end_while_messages_keep_arriving(
    aws: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start, "MOST_LATE", 100)
    dead_tickets(aws, 30)
    arriving(queue(aws, "open_ticket-dlq"), 100_000, seconds=60)
    file = tmp_path / "letters.jsonl"
    exported = answer("export", "open_ticket", str(file))
    assert (exported["matched"], len(file.read_text().splitlines())) == (30, 30)
    assert answer("peek", "open_ticket", "--filter", "body.nothing") == []
    assert len(queue(aws, "open_ticket-dlq")) < 3_000


def test_a_redrive_that_goes_on_keeps_to_what_was_there_when_it_began_first(aws: Endpoint) -> None:
    dead_tickets(aws, 30)
    dead = queue(aws, "open_ticket-dlq")
    sent: list[int] = []
    take = dead.take

    def away(most: int, visibility: float) -> list[Stored]:
        sent.append(1)
        if len(sent) > 1:
            raise Fault("AccessDenied")
        return take(most, visibility)

    dead.take = away  # type: ignore[method-assign]
    assert ops("redrive", "open_ticket", "--rate", "1000", "--yes").exit_code == 5
    moved = len(queue(aws, "open_ticket"))
    assert 0 < moved < 30
    for number in range(200):
        aws.put(dead, json.dumps({"new": number}))
    dead.take = take  # type: ignore[method-assign]
    (row,) = answer("resume")
    report = json.loads(ops("resume", row["redrive"], "--json").stdout)
    # Those that came in the same second count as there, a tenth and ten more at the most.
    assert 30 <= len(queue(aws, "open_ticket")) <= 30 + 13
    assert report["tally"]["late"] > 0


def test_with_follow_it_goes_on_until_the_queue_is_empty(aws: Endpoint) -> None:
    dead_tickets(aws, 5)
    arriving(queue(aws, "open_ticket-dlq"), 50, seconds=60)
    assert answer("redrive", "open_ticket", "--follow", "--yes")["tally"]["moved"] == 55


def test_on_fifo_what_came_later_stays_behind_what_was_there(aws: Endpoint) -> None:
    dead = queue(aws, "change_ticket-dlq")
    for number in range(5):
        aws.put(dead, f'{{"n": {number}}}', group="g")
    arriving(dead, 20, seconds=60)
    tally = answer("redrive", "change_ticket", "--yes")["tally"]
    assert (tally["moved"], len(queue(aws, "change_ticket")), len(dead)) == (5, 5, 20)


def test_the_start_is_told_by_sqss_own_clock(cloud: Stage) -> None:
    answered: dict[str, Any] = {"Attributes": dict.fromkeys(COUNTS, "1")}
    answered["ResponseMetadata"] = {"HTTPHeaders": {"date": "Fri, 20 Nov 2026 10:00:00 GMT"}}
    dead = Queue("d", "other", "d", "https://sqs.eu-west-1.amazonaws.com/000000000000/d")
    with Stubber(cloud.client("sqs")) as sqs:
        sqs.add_response("get_queue_attributes", answered)
        began = Start.of(cloud, dead)
    moment = datetime(2026, 11, 20, 10, tzinfo=UTC).timestamp() * 1000
    sent = [Message("1", "", "", {"SentTimestamp": str(int(moment + more))}, {}) for more in (-1, 999, 1001)]
    assert [began.came_later(message) for message in sent] == [False, False, True]
