"""A path says which release attempted a message, how long its handler worked, and where the release changed."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from tests.ops.lines import answered, handled, ticket_to_close
from tests.ops.observe.test_request_path import shown, told

BOTH = {"open_ticket": "41", "mail_ticket": None}
"""The queues of a request, and the release that their lines tell, if they do."""
WHY: dict[str, Any] = {"request": 0, "outcome": "retried", "error_type": "Retry", "error": "later"}


@pytest.mark.parametrize("width", [60, 200])
def test_a_release_that_changed_between_attempts_is_a_row_of_its_own(width: int) -> None:
    failed = [
        handled("open_ticket", "m1", 10 * n, attempt=n, release="41" if n < 3 else "42", **WHY) for n in range(1, 6)
    ]
    again = handled("open_ticket", "m7", 9000, request=0, redriven="1 run", release="43")
    rows = shown(told(answered(), *failed, again), width).splitlines()
    where = [row.strip("│├└─↻ ").partition("  ")[0] for row in rows]
    marked = ("attempts 1 to 2", "release 41 → 42", "attempts 3 to 5", "open_ticket", "release 42 → 43")
    assert [each for each in where if each in marked] == ["open_ticket", *marked]
    assert sum("processed, redriven (run), release 43" in row for row in rows) == 1


def test_the_release_of_all_attempts_is_said_once_and_each_has_its_handlers_time() -> None:
    failed = [handled("open_ticket", "m1", 10 * n, attempt=n, release="41", duration_ms=12 * n, **WHY) for n in (1, 2)]
    done = handled("open_ticket", "m1", 90, attempt=3, request=0, release="41", duration_ms=1500)
    text = shown(told(answered(), *failed, done))
    rows = {row.strip("│├└─ ").partition("  ")[0]: row for row in text.splitlines()}
    assert "1 request, 1 message, 0 events by release 41 in" in text
    assert text.count("release 41") == 1
    assert "retried: Retry: later " in rows["attempts 1 to 2"]
    assert "0.012 to 0.024 s" in rows["attempts 1 to 2"]
    assert "1.500 s" in rows["attempt 3"]
    assert "→" not in text


def test_a_message_that_was_attempted_once_has_it_in_its_own_row() -> None:
    found = told(answered(), handled("open_ticket", "m1", 90, request=0, release="41", duration_ms=0))
    (row,) = [row for row in shown(found).splitlines() if "open_ticket" in row]
    assert "0.000 s" in row
    attempt = json.loads(msgspec.json.encode(found))["requests"][0]["deliveries"][0]["attempts"][0]
    assert (attempt["release"], attempt["duration_ms"]) == ("41", 0)


@pytest.mark.parametrize("width", [60, 200])
def test_where_not_every_attempt_is_of_the_same_release_each_names_its_own(width: int) -> None:
    lines = [handled(queue, queue, 90, request=0, release=release, duration_ms=15) for queue, release in BOTH.items()]
    said = " ".join(shown(told(answered(), *lines), width).split())
    assert "processed, release 41" in said
    assert ("mail_ticket" in said, "0.015 s" in said, "by release" in said) == (True, True, False)
    assert ("processed, release 41, handler 0.015 s" in said) == (width == 60)


def test_lines_from_before_the_update_have_no_column_for_it() -> None:
    text = shown(told(*ticket_to_close()))
    assert ("release" in text, "handler" in text) == (False, False)
