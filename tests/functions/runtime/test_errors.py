"""What a handler and the runtime raise says what they were told, and how long a message waits."""

from __future__ import annotations

import pytest

from functions.runtime.errors import (
    Busy,
    GroupBlocked,
    GroupParked,
    NotAttempted,
    OutOfTime,
    Reject,
    Retry,
    Unavailable,
    WorkerDied,
)


@pytest.mark.parametrize(
    "error",
    [
        *(kind("why") for kind in (Reject, Retry, Busy, Unavailable, OutOfTime)),
        *(kind("why") for kind in (GroupBlocked, GroupParked, WorkerDied)),
        Retry("why", delay=3),
        NotAttempted("why", delay=3),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_says_why(error: BaseException) -> None:
    assert str(error) == "why"


def test_a_message_waits_for_as_long_as_was_said() -> None:
    assert (Retry("why").delay, Retry("why", delay=3).delay, NotAttempted("why", delay=2.5).delay) == (None, 3, 2.5)
