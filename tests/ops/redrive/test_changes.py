"""What an edit may make of a message, what is shown and counted of it, and where the originals are kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from ops.dead_letters.cause import Cause
from ops.dead_letters.start import START
from ops.errors import UsageError
from ops.queue import find
from ops.redrive.changes import Changes, change_of
from ops.redrive.delivery import Delivery
from ops.redrive.document import Document, part, written
from ops.redrive.edit import Edit
from ops.redrive.report import Report
from ops.redrive.request import Request
from ops.redrive.routing import QueueDestination, Routing
from ops.redrive.rule import Rule, Script
from ops.sqs.client import Sqs
from ops.sqs.message import MOST_BYTES, Message, Value
from ops.stage import Stage
from tests.aws.queues import FakeSqs
from tests.ops.redrive.test_verdict import TICKET


class Becomes:
    """A change that makes of every body what it is told."""

    left_by = "it was told to"

    def __init__(self, to: Callable[[str], str | None], ids: tuple[str, ...] = ()) -> None:
        self._to = to
        self.ids = ids

    def of(self, message: Message, body: str, cause: Cause | None) -> str | None:
        return self._to(body)


class Home:
    """Sends everything home as it is, but for what has no home."""

    def __init__(self, url: str) -> None:
        self._to = QueueDestination(Sqs(FakeSqs()), url)

    def prepare(self, message: Message) -> Delivery | str:
        if message.body == "homeless":
            return "nobody knows where it belongs"
        return Delivery(self._to, message.body, message.message_attributes, message.group)


def prepared(changes: Changes, url: str, *messages: Message) -> list[Delivery | str | None]:
    routing = cast(Routing, Home(url))
    changes.saw(messages)
    return [changes.prepare(routing, message, None) for message in messages]


def made(stage: Stage, change: Any, **options: Any) -> Changes:
    return Changes(stage, change, **{"work_queue": None, "act": True, "force": False, **options})


def message(body: str, number: int = 0, **attributes: str) -> Message:
    return Message(
        f"m-{number}", "receipt", body, {}, {name: Value("String", text) for name, text in attributes.items()}
    )


def told(changes: Changes, **known: Any) -> Report:
    report = Report("run", "q", acted=True, **known)
    changes.tell(report)
    return report


URL = "http://sqs/1/nobodys"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("", "it cannot be edited: its body would be empty, which SQS does not take"),
        *(
            (
                f"a{sign}",
                f"it cannot be edited: its body would have a character that SQS does not take (U+{ord(sign):04X})",
            )
            for sign in "\0\x08\x0b\x0c\x0e\x1f\ufffe\uffff"
        ),
        *((f"a{sign}", None) for sign in "\t\n\r \x7f\ud7ff\ue000\ufffd\U0001f600"),
        ("x" * (MOST_BYTES - 14), None),
        (
            "x" * (MOST_BYTES - 13),
            "it cannot be edited: it would have 1,048,577 bytes, and SQS takes 1,048,576",
        ),
    ],
)
def test_what_sqs_would_not_take_is_not_sent(stage: Stage, body: str, reason: str | None) -> None:
    changes = made(stage, Becomes(lambda _: body))
    (found,) = prepared(changes, URL, message("before", a="1234567"))
    assert (found.body if isinstance(found, Delivery) else found) == (reason or body)
    assert told(changes).edited == (reason is None)


def test_what_cannot_be_edited_or_placed_is_said_and_what_is_left_is_left(stage: Stage) -> None:
    def odd(body: str) -> str | None:
        if body == "wrong":
            raise ValueError("it is odd")
        return None if body == "leave" else body

    changes = made(stage, Becomes(odd))
    found = prepared(changes, URL, *map(message, ("wrong", "leave", "same", "homeless")))
    assert found[:2] == ["it cannot be edited: it is odd", None]
    assert isinstance(found[2], Delivery)
    assert (found[2].body, found[3]) == ("same", "nobody knows where it belongs")
    report = told(changes)
    assert (report.edited, report.differences, report.left_by) == (0, [], "it was told to")


@pytest.mark.parametrize("force", [False, True])
def test_an_edit_that_its_consumer_would_refuse_is_sent_only_by_force(stage: Stage, force: bool) -> None:
    url = find(stage, "open_ticket").url
    changes = made(stage, Becomes(lambda body: body.replace("EN", "en")), force=force)
    found = prepared(changes, url, *(message(TICKET, number) for number in range(4)))
    if force:
        assert all(isinstance(each, Delivery) and '"en"' in each.body for each in found)
    else:
        assert all(isinstance(each, str) and "edited, its consumer would refuse it (--force" in each for each in found)
    report = told(changes)
    assert (report.edited, len(report.differences), len(report.verdicts)) == (4, 3, 3)
    assert '+  "language": "en",' in report.differences[0].split("\n")
    assert report.contract is not None
    assert sum(report.contract.refused.values()) == 4


@pytest.mark.parametrize("act", [True, False])
@pytest.mark.parametrize("change", [None, Becomes(lambda body: body)], ids=["no edit", "an edit that changes nothing"])
def test_what_is_not_edited_is_never_held_back_and_judged_where_nothing_is_sent(
    stage: Stage, change: Any, act: bool
) -> None:
    url = find(stage, "open_ticket").url
    changes = made(stage, change, act=act)
    assert all(isinstance(each, Delivery) for each in prepared(changes, url, message(TICKET), message("odd")))
    contract = told(changes).contract
    assert (contract is None) == (act and change is None)
    if contract is not None:
        judged = (dict(contract.accepted), sum(contract.refused.values()))
        assert judged == (({}, 0) if act else ({"open_ticket": 1}, 1))


@pytest.mark.parametrize(
    ("known", "moved_before", "absent"),
    [
        ({}, 0, 3),
        ({"stopped": START}, 0, 3),
        ({"stopped": "limit"}, 0, 0),
        ({}, 2, 1),
        ({}, 9, 0),
        ({"locked": 1}, 0, 2),
        ({"unseen": 2, "locked": 1}, 0, 1),
    ],
)
def test_messages_of_an_edit_that_are_not_there_are_counted(
    stage: Stage, known: dict[str, Any], moved_before: int, absent: int
) -> None:
    ids = tuple(f"m-{number}" for number in range(5))
    changes = made(stage, Becomes(lambda body: body, ids), moved_before=moved_before)
    prepared(changes, URL, message("a", 0), message("b", 4), message("c", 7))
    assert told(changes, **known).absent == absent


def test_an_edited_message_keeps_its_place_where_its_queue_parks(stage: Stage) -> None:
    change = Becomes(lambda body: body.upper())
    ten: Any = {f"a{number}": "x" for number in range(10)}
    nine: Any = dict(list(ten.items())[:9])
    messages = (
        message("a"),
        message("B"),
        message("a", idempotency_key="k"),
        message("a", **ten),
        message("a", **nine),
    )
    plain = [each.attributes for each in prepared(made(stage, change), URL, *messages) if isinstance(each, Delivery)]
    assert [len(each) for each in plain] == [0, 0, 1, 10, 9]
    found = prepared(made(stage, change, work_queue="change_ticket"), URL, *messages)
    kept = [len(each.attributes) if isinstance(each, Delivery) else each for each in found]
    assert kept[:3] + kept[4:] == [1, 0, 1, 10]
    assert kept[3] == "it has no key, and no room for the attribute by which an edited message keeps its place"


def test_originals_are_kept_whole_in_a_file_of_each_time_that_a_run_edits(stage: Stage) -> None:
    names = []
    for number in range(3):
        changes = made(stage, Becomes(lambda body: body if body == "same" else body.upper()))
        report = Report("run", "q", acted=True)
        stage.open_files()
        changes.keep_originals(report)
        prepared(changes, URL, message("same", 1), message(f"secret {number}", 2), message("homeless", 3))
        changes.close(report)
        names.append(Path(report.originals or "").name)
        (line,) = Path(report.originals or "").read_text().splitlines()
        assert (json.loads(line)["message_id"], json.loads(line)["body"]) == ("m-2", f"secret {number}")
    assert names == ["run-originals.jsonl", "run-originals-2.jsonl", "run-originals-3.jsonl"]


@pytest.mark.parametrize("change", [None, Becomes(lambda body: body)])
def test_where_nothing_was_edited_there_are_no_originals(stage: Stage, change: Any) -> None:
    changes, report = made(stage, change), Report("run", "q", acted=True)
    stage.open_files()
    changes.keep_originals(report)
    assert (report.originals is None) == (change is None)
    prepared(changes, URL, message("same"))
    changes.close(report)
    assert (report.originals, list(stage.files.glob("*originals*"))) == (None, [])


def test_a_redrive_is_edited_in_one_way(stage: Stage, tmp_path: Path) -> None:
    file = tmp_path / "rule.py"
    file.write_text("def fix(message): ...\n")
    script = Script.of(f"{file}:fix")
    assert change_of(stage, Request("q")) is None
    assert isinstance(change_of(stage, Request("q", edit='{"a": 1}')), Edit)
    assert isinstance(change_of(stage, Request("q", edit=written([part("m", "{}")]))), Document)
    assert isinstance(change_of(stage, Request("q", python=script)), Rule)
    with pytest.raises(UsageError, match="edited in one way: by a patch, by hand, or by a rule"):
        change_of(stage, Request("q", edit="{}", python=script))
