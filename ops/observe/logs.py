"""What a stage's functions and API wrote to CloudWatch Logs, found by a word in it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

import msgspec
from botocore.exceptions import ClientError
from msgspec import Struct

from functions.contracts.log_line import LONGEST_KEY, Followed, Handled, Progressed
from ops.errors import OpsError, UsageError
from ops.observe.key import spellings
from ops.sqs.message import UNREADABLE
from ops.stage import Stage, in_words
from stacks import names

ID = re.compile(r"[!-~]{1,128}")
GROUPS = 50
MOST = 10_000
"""Log groups a query takes, and lines it answers.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatchlogs-quotas.html"""
PATIENCE = 120.0


class TooSlow(OpsError):
    """The logs took longer than somebody waits."""


class Answered(Struct, frozen=True, kw_only=True):
    """The API's line: one request and its answer. `time` is epoch milliseconds, `latency` milliseconds."""

    time: Annotated[str, msgspec.Meta(pattern="^[0-9]{1,15}$")]
    request_id: str
    correlation_id: str = "-"
    trace_id: str = "-"
    route: str = "-"
    method: str = "-"
    status: str = "-"
    latency: str = "-"
    error: str = "-"
    caller: str = "-"
    api_key_id: str = "-"
    principal: str = "-"
    tenant: str = "-"

    @property
    def called_by(self) -> str | None:
        """Who called: the token's subject, the API key's id, or who signed. None where nobody was asked."""
        return next((who for who in (self.principal, self.api_key_id, self.caller) if who not in ("", "-")), None)

    @property
    def id(self) -> str:
        """The correlation id; the request id took its place where the request reached no queue."""
        return self.correlation_id if self.correlation_id not in ("", "-") else self.request_id


Line = Handled | Answered | Progressed | Followed


def checked(text: str) -> None:
    """Raises `UsageError` for what can be neither an id nor a key."""
    if not text.strip() or len(text) > LONGEST_KEY:
        raise UsageError(f"An id or a key is 1 to {LONGEST_KEY} characters.")


def search(stage: Stage, text: str, since: float, *, patience: float = PATIENCE) -> list[Line]:
    """The lines that have `text` as an id or as a key, not older than `since` (epoch seconds), oldest first.

    It is one query for all kinds: Logs Insights bills by the gigabyte that it scans. Raises `UsageError` for what can
    be neither, `TooSlow` after `patience` seconds, `OpsError` where AWS refuses.
    """
    checked(text)
    # Whatever it is, it is a whole text of the line's JSON; a key may be behind its tenant's name.
    either = "|".join(re.escape(each).replace("/", r"\/") for each in spellings(text))
    return _lines(stage, rf'"(\/(\\.|[^"\/\\])*\/)?({either})"', since, patience)


def recent(stage: Stage, since: float) -> list[Line]:
    """Every line that is not older than `since` (epoch seconds), oldest first. Raises `OpsError` where AWS refuses."""
    return _lines(stage, '"(attempt|request_id)"', since, PATIENCE)


def _lines(stage: Stage, pattern: str, since: float, patience: float) -> list[Line]:
    query = f"fields @timestamp, @message | filter @message like /{pattern}/ | sort @timestamp asc | limit {MOST}"
    every = groups(stage)
    lines: list[Line] = []
    for start in range(0, len(every), GROUPS):
        messages = [*_ask(stage, every[start : start + GROUPS], query, since, patience)]
        if len(messages) == MOST:
            raise OpsError(f"The logs hold more than {MOST:,} such lines: give a shorter --since.")
        lines += [line for message in messages if (line := read(message)) is not None]
    return sorted(lines, key=lambda line: int(line.time) if isinstance(line, Answered) else line.at)


def failures(stage: Stage, function: str, ids: Iterable[str], since: float, *, patience: float) -> list[Handled]:
    """The lines of that consumer about failed attempts at these messages, oldest first, in one query.

    They are not older than `since` (epoch seconds); where there are more than an answer holds, the oldest are left out.
    At most 200 ids fit into a query. Raises `TooSlow` after `patience` seconds, `OpsError` where AWS refuses.
    """
    either = "|".join(re.escape(id_) for id_ in ids)
    wanted = f'filter @message like /"({either})"/ | filter @message like /"error_type"/'
    query = f"fields @timestamp, @message | {wanted} | sort @timestamp desc | limit {MOST}"
    found = [read(message) for message in _ask(stage, [names.log_group(stage.name, function)], query, since, patience)]
    return sorted((line for line in found if isinstance(line, Handled)), key=lambda line: (line.at, line.attempt))


def of_runs(
    stage: Stage, *, functions: list[str], schedules: list[str], since: float, patience: float
) -> list[Handled]:
    """The lines of those consumers about runs of these schedules, not older than `since` (epoch seconds).

    Raises `TooSlow` after `patience` seconds, `OpsError` where AWS refuses.
    """
    either = "|".join(map(re.escape, schedules))
    every = [names.log_group(stage.name, function) for function in functions]
    return _newest(stage, every, f'"correlation_id":"({either})@', since, patience)[0]


def limited(stage: Stage, functions: list[str], since: float, *, patience: float) -> list[Handled]:
    """The lines of those consumers about messages that waited for a limit, not older than `since`, the newest first.

    Raises `TooSlow` after `patience` seconds, `OpsError` where AWS refuses.
    """
    return _newest(stage, [names.log_group(stage.name, each) for each in functions], '"limited"', since, patience)[0]


def latest(stage: Stage, since: float, *, patience: float = PATIENCE) -> tuple[list[Handled], bool]:
    """The attempts of all consumers that are not older than `since`, the newest first, and whether that is all of them.

    Raises `TooSlow` after `patience` seconds, `OpsError` where AWS refuses.
    """
    every = [names.log_group(stage.name, consumer.function) for consumer in stage.topology.consumers]
    return _newest(stage, every, '"attempt"', since, patience)


def _newest(stage: Stage, every: list[str], pattern: str, since: float, patience: float) -> tuple[list[Handled], bool]:
    query = f"fields @timestamp, @message | filter @message like /{pattern}/ | sort @timestamp desc | limit {MOST}"
    found: list[Handled] = []
    whole = True
    for start in range(0, len(every), GROUPS):
        messages = [*_ask(stage, every[start : start + GROUPS], query, since, patience)]
        whole = whole and len(messages) < MOST
        found += [line for line in map(read, messages) if isinstance(line, Handled)]
    return sorted(found, key=lambda line: -line.at), whole


def groups(stage: Stage) -> list[str]:
    """The log groups of the API and of every consumer."""
    functions = [names.log_group(stage.name, consumer.function) for consumer in stage.topology.consumers]
    return [*([names.api_log_group(stage.name)] if stage.topology.routes else []), *functions]


def read(message: str) -> Line | None:
    """The line of a consumer or of the API, or None for anything else that is in the logs."""
    kinds: tuple[type[Line], ...] = (Handled, Answered, Progressed, Followed)
    for kind in kinds:
        try:
            return msgspec.json.decode(message, type=kind)
        except UNREADABLE:
            continue
    return None


def _ask(stage: Stage, names_: list[str], query: str, since: float, patience: float) -> Iterator[str]:
    logs = stage.client("logs")
    asked = {"startTime": int(since), "endTime": int(time.time()) + 1, "queryString": query}
    with in_words():
        try:
            id_ = logs.start_query(logGroupNames=names_, **asked)["queryId"]
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            raise OpsError(f"Stage {stage.name} has not all of its log groups: deploy it first.") from None
        answer = _wait(logs, id_, patience)
    for row in answer:
        yield next(field["value"] for field in row if field["field"] == "@message")


def _wait(logs: Any, id_: str, patience: float) -> list[Any]:
    end, pause = time.monotonic() + patience, 0.1
    while time.monotonic() < end:
        answer = logs.get_query_results(queryId=id_)
        if answer["status"] == "Complete":
            found: list[Any] = answer["results"]
            return found
        if answer["status"] not in ("Scheduled", "Running", "Unknown"):
            raise OpsError(f"The search in the logs ended as {answer['status']}: try again.")
        time.sleep(pause)
        pause = min(2 * pause, 2.0)
    logs.stop_query(queryId=id_)
    raise TooSlow(f"The search in the logs took more than {patience:.0f} s: give a shorter --since.")
