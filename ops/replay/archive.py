"""The archive of a stage: what it keeps, and from when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from botocore.exceptions import ClientError
from msgspec import Struct

from ops.answer import part
from ops.errors import UsageError
from ops.replay.period import Period, shown
from ops.stage import Stage, in_words
from stacks import names

LATE = timedelta(minutes=10)
"""For how long an event may be on its way into the archive.
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-archive.html"""


class Archive(Struct, frozen=True, kw_only=True):
    """An archive. `events` and `size` (bytes) are all that it keeps, by AWS's count, which may be a day old."""

    name: str
    arn: str
    bus: str
    state: str
    reason: str | None
    since: datetime
    """Nothing that happened before is in it: it was not there, or that is forgotten."""
    days: int | None
    events: int
    size: int


def archive(stage: Stage, now: datetime) -> Archive:
    """The stage's archive. Raises `UsageError` where it has none, `OpsError` where AWS refuses."""
    name = names.resource(stage.name, names.BUS)
    with in_words():
        try:
            told = stage.client("events").describe_archive(ArchiveName=name)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            raise UsageError(
                f"Stage {stage.name} archives nothing: give it archive_days in cdk.json and deploy it; what happens "
                "from then on can be replayed."
            ) from None
    made, days = part(told, "CreationTime").astimezone(UTC), told.get("RetentionDays") or None
    return Archive(
        name=name,
        arn=part(told, "ArchiveArn"),
        bus=part(told, "EventSourceArn"),
        state=told.get("State", "ENABLED"),
        reason=told.get("StateReason"),
        since=max(made, now - timedelta(days=days)) if days is not None else made,
        days=days,
        events=told.get("EventCount", 0),
        size=told.get("SizeBytes", 0),
    )


def kept(archive: Archive, asked: Period, now: datetime) -> tuple[Period, list[str]]:
    """The part of a period that the archive has, and what must be said of the rest.

    Raises `UsageError` where it has nothing of it.
    """
    forgets = archive.days is not None and now - archive.since >= timedelta(archive.days)
    why = f"it keeps {archive.days} day{'' if archive.days == 1 else 's'}" if forgets else "it began then"
    since = archive.since.replace(second=0, microsecond=0)
    if asked.end <= archive.since:
        raise UsageError(
            f"Archive {archive.name} has nothing from before {shown(since)} UTC ({why}), so nothing of {asked} is left."
        )
    notes = []
    if asked.start < since:
        notes.append(f"The archive has nothing from before {shown(since)} UTC: {why}.")
    if archive.state != "ENABLED":
        notes.append(f"The archive is {archive.state}{f': {archive.reason}' if archive.reason else ''}.")
    if now - asked.end < LATE:
        notes.append(
            "What happened in the last ten minutes may not be in the archive yet: replay that once more later."
        )
    return Period(max(asked.start, since), asked.end), notes
