"""What was looked at lately: by cause, with times and releases, and never more of it than there is room for."""

from __future__ import annotations

import json

import pytest

from ops.dead_letters import sample as samples
from ops.dead_letters.filter import Filter, containing
from ops.dead_letters.sample import Samples
from ops.dead_letters.selection import Selection, document
from ops.errors import UsageError
from ops.stage import Stage
from stacks import names
from tests.ops.cli.typed import dead_tickets, explain, queue
from tests.ops.endpoint import Endpoint


def test_a_sample_is_grouped_by_cause_with_its_releases_and_the_selection_that_means_each(
    stage: Stage, aws: Endpoint
) -> None:
    ids = dead_tickets(aws, 9)
    failures = aws.tables[names.resource(names.LOCAL, names.FAILURES)]
    for number, id_ in enumerate(ids[:5]):
        explain(aws, id_)
        failures[id_]["version"] = {"S": "7" if number else "8"}
        failures[id_]["stack"] = {"L": [{"S": "functions/a.py:1 f"}, {"S": "functions/b.py:2 g"}]}
    sample = Samples().take(stage, "open_ticket")
    known, unknown = sample.groups()
    assert (known.cause, len(known.seen), known.versions) == ("Reject: unknown agent a-9", 5, [("7", 4), ("8", 1)])
    assert known.stack[-1] == "functions/b.py:2 g"
    assert sum(known.trend) == 5
    assert known.selection == Selection(cause="Reject: unknown agent a-9")
    assert (unknown.cause, len(unknown.seen)) == ("unexplained", 4)
    assert sorted(unknown.selection.ids or ()) == sorted(ids[5:]), "nobody knows which others died of the same"
    assert sample.whole


def test_a_cause_that_was_cut_is_selected_by_what_is_left_of_it(stage: Stage, aws: Endpoint) -> None:
    ids = dead_tickets(aws, 2)
    for id_ in ids:
        explain(aws, id_)
        failures = aws.tables[names.resource(names.LOCAL, names.FAILURES)]
        failures[id_]["error_message"] = {"S": "it took a long time until " * 20}
    (group,) = Samples().take(stage, "open_ticket").groups()
    assert group.cause.endswith(" …")
    assert all(group.selection.means(each.message, each.cause) for each in group.seen)


def test_no_more_is_received_than_asked_and_no_more_kept_than_there_is_room(
    stage: Stage, aws: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = queue(aws, "open_ticket-dlq")
    for _ in range(40):
        aws.put(dead, "x" * 10_000)
    kept = Samples()
    assert len(kept.take(stage, "open_ticket", limit=15).seen) == 15
    assert not kept.take(stage, "open_ticket", limit=15).whole
    monkeypatch.setattr(samples, "ROOM", 100_000)
    few = kept.take(stage, "open_ticket", limit=40)
    assert 10 < len(few.seen) <= 30
    assert kept.kept(few.queue) is few


def test_only_the_last_few_queues_are_kept(stage: Stage, aws: Endpoint) -> None:
    kept = Samples()
    words = ("open_ticket", "mail_ticket", "close_ticket", "assign_ticket", "receive_webhook")
    taken = {word: kept.take(stage, word).queue for word in words}
    assert [word for word, queue_ in taken.items() if kept.kept(queue_) is None] == ["open_ticket"]
    kept.forget(taken["mail_ticket"])
    assert kept.kept(taken["mail_ticket"]) is None


def test_a_look_into_a_work_queue_is_refused_where_it_would_kill(stage: Stage, aws: Endpoint) -> None:
    aws.put(queue(aws, "open_ticket"), "{}")
    with pytest.raises(UsageError, match="A look counts as a receive"):
        Samples().take(stage, "open_ticket", dead=False)


@pytest.mark.parametrize(
    "text", ["plain", "it's", "back\\slash", "\\'", "`tick`", '"quoted"', "a || b", "${x}", "\n", "ünï", "'); drop('"]
)
def test_a_text_is_found_as_it_is_written(stage: Stage, aws: Endpoint, text: str) -> None:
    dead = queue(aws, "open_ticket-dlq")
    inside = aws.put(dead, json.dumps({"note": f"with {text} in it"}, ensure_ascii=False))
    as_text = aws.put(dead, f"no json, {text}")
    beside = aws.put(dead, "{}", note=text if text.strip() else "-")
    other = aws.put(dead, json.dumps({"note": "nothing"}))
    chosen = Filter.of(containing(text))
    found = {
        each.message.message_id
        for each in Samples().take(stage, "open_ticket").seen
        if chosen.selects(document(each.message, each.cause))
    }
    # Inside JSON a text stands as JSON writes it.
    expected = {as_text} | ({inside} if json.dumps(text, ensure_ascii=False)[1:-1] == text else set())
    assert expected <= found
    assert other not in found
    if text.strip() and json.dumps(text, ensure_ascii=False)[1:-1] == text:
        assert beside in found


def test_all_samples_together_keep_no_more_than_there_is_room(
    stage: Stage, aws: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("open_ticket", "mail_ticket", "close_ticket")
    for word in words:
        for _ in range(10):
            aws.put(queue(aws, f"{word}-dlq"), "x" * 10_000)
    monkeypatch.setattr(samples, "TOGETHER", 250_000)
    kept = Samples()
    taken = {word: kept.take(stage, word).queue for word in words}
    assert [word for word, queue_ in taken.items() if kept.kept(queue_) is None] == ["open_ticket"]
    monkeypatch.setattr(samples, "TOGETHER", 1)
    last = kept.take(stage, "mail_ticket")
    assert kept.kept(taken["close_ticket"]) is None
    assert kept.kept(last.queue) is last, "what was asked for last is shown, however large"


def test_letters_that_take_more_memory_count_for_more(
    stage: Stage, aws: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(40):
        aws.put(queue(aws, "open_ticket-dlq"), "x" * 5_000 + "🎫")
    monkeypatch.setattr(samples, "ROOM", 150_000)
    assert len(Samples().take(stage, "open_ticket", limit=40).seen) == 10
