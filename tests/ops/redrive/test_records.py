"""What is not said of a redrive is nothing, and not something else: every record has its empty values."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ops.dead_letters.selection import Selection
from ops.queue import Queue
from ops.redrive.document import Part, part
from ops.redrive.edit import Edit
from ops.redrive.journal import Journal
from ops.redrive.mover import Tally
from ops.redrive.report import Report, quiet
from ops.redrive.request import Request
from ops.redrive.rule import Script
from ops.redrive.runs import Run
from ops.redrive.verdict import Verdict, Verdicts
from ops.sqs.message import md5_of_body

NOTHING = {
    "native": False,
    "tally": {
        "seen": 0,
        "matched": 0,
        "moved": 0,
        "group_blocked": 0,
        "came_back": 0,
        "left": 0,
        "late": 0,
        "lapsed": 0,
        "refused": {},
        "to": {},
        "behind": {},
        "causes": {},
        "first": {},
        "last": {},
    },
    "before": None,
    "after": None,
    "unseen": 0,
    "left": 0,
    "locked": 0,
    "in_flight": 0,
    "whole": False,
    "uncounted": 0,
    "maybe_twice": 0,
    "undeleted": 0,
    "forced": False,
    "mostly_back": False,
    "dead_again": None,
    "sampled": 0,
    "unfit": 0,
    "stopped": None,
    "failure": None,
    "differences": [],
    "verdicts": [],
    "edited": 0,
    "contract": None,
    "left_by": "",
    "absent": 0,
    "not_seen": [],
    "originals": None,
    "edit_in": None,
    "edit_kept": None,
    "problem": None,
    "seconds": 0.0,
}


def test_a_report_of_nothing_says_nothing() -> None:
    assert asdict(Report("run", "queue", acted=True)) == {"run": "run", "queue": "queue", "acted": True, **NOTHING}
    assert asdict(Tally()) == NOTHING["tally"]
    quiet(1, 2)


def test_the_smallest_request_asks_for_everything_as_it_is() -> None:
    request = msgspec.json.decode(b'{"queue":"q"}', type=Request)
    assert msgspec.structs.asdict(request) == {
        "queue": "q",
        "selection": Selection(filter=None, older_than=None, cause=None, ids=None),
        "to": None,
        "limit": None,
        "edit": None,
        "python": None,
        "rate": "auto",
        "keep_order": True,
        "force": False,
        "follow": False,
        "group": None,
        "natively": None,
    }
    assert msgspec.json.encode(request) == b'{"queue":"q"}'


@pytest.mark.parametrize(
    ("rate", "natively"),
    [(1, 1), (500, 500), (7.0, 7), (0.99, None), (501, None), (2.5, None), ("auto", None), ("max", None)],
)
def test_aws_takes_a_rate_of_one_to_five_hundred_in_whole_numbers(rate: Any, natively: int | None) -> None:
    assert Request("q", rate=rate).native_rate == natively
    assert Request("q", rate=rate).plain is (natively is not None or rate == "auto")


@pytest.mark.parametrize(
    "more",
    [
        {"selection": Selection(ids=("a",))},
        {"limit": 1},
        {"edit": "{}"},
        {"python": Script("a.py", "fix", "0")},
        {"group": "g"},
    ],
)
def test_whatever_is_chosen_or_changed_is_nothing_for_awss_own_redrive(more: dict[str, object]) -> None:
    assert not Request("q", **more).plain  # type: ignore[arg-type]
    assert Request("q", to="w", keep_order=False, force=True, follow=True, natively=True).plain


def test_a_run_of_which_only_the_name_is_known_says_no_more() -> None:
    assert msgspec.to_builtins(Run(run="r", action="drop", state="running")) == {
        "run": "r",
        "action": "drop",
        "state": "running",
        **dict.fromkeys(("since", "moved", "undeleted", "how", "who", "host", "process", "command")),
    }


def test_a_verdict_says_no_more_than_is_known() -> None:
    unknown = Verdict("m", None)
    assert (unknown.queue, unknown.reason, str(unknown)) == (None, None, "no contract known")
    assert str(Verdict("m", True, "q")) == "accepted by q's contract"
    assert str(Verdict("m", False, "q", "it is odd")) == "its consumer would refuse it: it is odd"
    verdicts = Verdicts()
    assert msgspec.to_builtins(verdicts) == {"accepted": {}, "refused": {}, "unknown": 0}
    for each in (unknown, Verdict("m", True), Verdict("m", False, "q", "odd"), Verdict("m", False)):
        verdicts.count(each)
    assert msgspec.to_builtins(verdicts) == {"accepted": {"": 1}, "refused": {"odd": 1, "": 1}, "unknown": 1}


def test_a_part_of_a_text_that_was_not_read_has_no_line() -> None:
    read = part("m", "words")
    assert (read, read.line) == (Part("m", "text", md5_of_body("words"), "words"), 0)
    assert (Edit("{}").ids, Edit("{}").left_by) == ((), "the edit is for every message")


def test_a_new_journal_knows_of_nothing(tmp_path: Path) -> None:
    queue = Queue("a-dlq", "dead", "a-dlq", "http://sqs/1/a-dlq")
    journal = Journal(tmp_path / "runs" / "run-1.journal", queue, Request("a"))
    assert (journal.run, journal.begun, journal.moved, journal.ended, journal.idle) == ("run-1", None, 0, None, None)
    assert (journal.pending, journal.unstamped, journal.unwritten, journal.hides) == (set(), set(), set(), True)
    assert not journal.path.exists()
    journal.begin()
    head, rest = journal.path.read_text().splitlines()
    told = msgspec.json.decode(head)
    assert (list(told), told["request"]) == (["queue", "request"], {"queue": "a"})
    assert msgspec.json.decode(rest) == {}
    journal.took("new")
    journal.sent(["2", "1"])
    journal.deleted(["1", "stranger"])
    journal.deleted(["stranger"])
    lines = [msgspec.json.decode(line) for line in journal.path.read_text().splitlines()[2:]]
    assert lines == [{"sent": ["1", "2"], "unstamped": ["new"]}, {"deleted": ["1"]}]
    journal.end("done")
    assert msgspec.json.decode(journal.path.read_text().splitlines()[-1]) == {"ended": "done"}
    journal.close()
