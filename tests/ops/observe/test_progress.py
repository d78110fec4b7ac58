"""A handler's word of its progress is in the path of its request, before there is any line of an attempt."""

from __future__ import annotations

from functions.contracts.log_line import Progressed
from ops.observe.logs import read
from tests.ops.lines import answered, handled, progressed
from tests.ops.observe.test_request_path import only, shown, told


def test_a_message_at_work_is_seen_before_its_attempt_ends_with_the_last_word() -> None:
    texts = [
        answered(),
        progressed("open_ticket", "m1", 900, 80, "Writing.", request=0),
        progressed("open_ticket", "m1", 500, 40, "Reading.", request=0),
    ]
    found = told(*texts)
    delivery = only(found.requests[0].deliveries)
    assert (delivery.queue, delivery.state, delivery.progress) == ("open_ticket", "working", "80 %: Writing.")
    assert found.awaited() == []
    text = " ".join(shown(found).split())
    assert "open_ticket at work, 80 %: Writing." in text
    assert text.endswith("At work: open_ticket.")


def test_what_is_done_is_done_and_what_waits_was_that_far() -> None:
    said = progressed("open_ticket", "m1", 50, 40, request=0)
    done = told(answered(), said, handled("open_ticket", "m1", 100, request=0))
    assert only(done.requests[0].deliveries).state == "processed"
    failed = handled("open_ticket", "m1", 100, outcome="retried", request=0, error_type="Retry", error="busy")
    waiting = told(answered(), said, failed)
    assert only(waiting.requests[0].deliveries).progress == "40 %"
    assert "will be attempted again, was at 40 %" in " ".join(shown(waiting).split())


def test_progress_of_an_events_message_hangs_below_its_event_once_that_is_told() -> None:
    at_work = told(progressed("mail_ticket", "m2", 50, 10))
    assert [each.progress for each in at_work.strays] == ["10 %"]
    done = told(progressed("mail_ticket", "m2", 50, 10), handled("mail_ticket", "m2", 100, event="e1"))
    assert done.strays == []
    assert only(done.facts[0].deliveries).progress == "10 %"


def test_it_is_no_attempt() -> None:
    line = read(progressed("open_ticket", "m1", 50, 40))
    assert isinstance(line, Progressed)
    assert only(told(progressed("open_ticket", "m1", 50, 40)).strays).attempts == []
