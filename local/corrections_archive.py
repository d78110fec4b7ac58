"""Archives and replays of EventBridge: made by CloudFormation, counted, and replayed to the rules that are named.

Part of `local/corrections.py`, in the emulator's process, which by itself refuses an archive in a template, replays to
every rule whoever is named, and ends before it could be cancelled.
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-archive.html
"""

from __future__ import annotations

import json
import random
import re
import threading
import time
from contextlib import suppress
from contextvars import ContextVar, copy_context
from itertools import groupby
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import eventbridge
from ministack.services.cloudformation import provisioners

Answer = Any
Record = dict[str, Any]

STARTING = 1.0
"""Seconds for which a replay is about to start, so that there is one to cancel; AWS takes longer."""
DAY = 24 * 60 * 60
MINUTE = 60
NAME = re.compile(r"[.\-_A-Za-z0-9]{1,64}")

sent_at: ContextVar[float | None] = ContextVar("sent_at", default=None)
"""The time that an event says of itself."""


def put_each(entries: list[Record], put: Any, **options: Any) -> Answer:
    """Put the events one by one, each at the time that it says: `Time` decides which replay it is part of.

    https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsRequestEntry.html
    """
    told: Record = {"FailedEntryCount": 0, "Entries": []}
    headers: Any = {}
    for entry in entries:
        said = eventbridge._coerce_timestamp(entry.get("Time"))
        token = sent_at.set(said if isinstance(said, int | float) else None)
        try:
            _, headers, body = put({"Entries": [entry]}, **options)
        finally:
            sent_at.reset(token)
        one = json.loads(body)
        told["FailedEntryCount"] += one["FailedEntryCount"]
        told["Entries"] += one["Entries"]
    return 200, headers, json.dumps(told).encode()


def now() -> float:
    """The time in seconds since 1970, of an event that is being put its own."""
    at = sent_at.get()
    return time.time() if at is None else at


def archive_event(event: Record, view: Any = None, keep: Any = eventbridge._archive_event) -> None:
    """Archive an event, unless a replay brought it, wherever it goes on to.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-archive.html#eb-archive-replayed-events
    """
    if event.get("ReplayName") is None:
        keep(event, view)


def create_archive(data: Record, create: Any = eventbridge._create_archive) -> Answer:
    """Make an archive of a bus that is there. https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_CreateArchive.html."""
    bus = str(data.get("EventSourceArn", "")).rpartition("event-bus/")[2]
    if bus not in eventbridge._event_buses:
        return _refused("ResourceNotFoundException", f"Event bus {bus} does not exist.")
    return create(data)


def describe_archive(data: Record) -> Answer:
    """Tell of an archive, without what is in it, and count what it still keeps.

    https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_DescribeArchive.html
    """
    archive = eventbridge._archives.get(data.get("ArchiveName"))
    if archive is None:
        return _refused("ResourceNotFoundException", f"Archive {data.get('ArchiveName')} does not exist.")
    kept = _kept(archive)
    size = sum(len(json.dumps(event)) for event in kept)
    told = {name: value for name, value in archive.items() if name != "Events"}
    return eventbridge.json_response({**told, "EventCount": len(kept), "SizeBytes": size})


def _kept(archive: Record) -> list[Record]:
    """The events of an archive that its retention has not taken."""
    days, events = int(archive.get("RetentionDays") or 0), archive.setdefault("Events", [])
    if days:
        limit = time.time() - days * DAY
        for old in [event for event in events if event["Time"] <= limit]:
            with suppress(ValueError):  # another thread took it; one by one, because events come meanwhile
                events.remove(old)
    return list(events)


def start_replay(data: Record) -> Answer:
    """Start to replay what happened from `EventStartTime` until before `EventEndTime`, to the rules in `FilterArns`.

    Without those, to every rule of the bus.
    https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_StartReplay.html
    """
    name, to = str(data.get("ReplayName", "")), data.get("Destination") or {}
    archive = eventbridge._archives.get(str(data.get("EventSourceArn", "")).rpartition("archive/")[2])
    start, end = (eventbridge._coerce_timestamp(data.get(f"Event{which}Time")) for which in ("Start", "End"))
    if not NAME.fullmatch(name):
        return _refused("ValidationException", f"Value '{name}' at 'replayName' failed to satisfy constraint.")
    if name in eventbridge._replays:
        return _refused("ResourceAlreadyExistsException", f"Replay {name} already exists.")
    if archive is None:
        return _refused("ResourceNotFoundException", "The archive does not exist.")
    if to.get("Arn") != archive["EventSourceArn"]:
        return _refused(
            "ValidationException", "Destination.Arn is not valid: it is another event bus than the archive's."
        )
    if not (isinstance(start, int | float) and isinstance(end, int | float) and start < end):
        return _refused("ValidationException", "EventStartTime must be before EventEndTime.")
    replay = {
        **{key: data[key] for key in ("ReplayName", "EventSourceArn", "Destination")},
        "Description": data.get("Description", ""),
        "ReplayArn": f"arn:aws:events:{get_region()}:{get_account_id()}:replay/{name}",
        "EventStartTime": start,
        "EventEndTime": end,
        "State": "STARTING",
        "ReplayStartTime": time.time(),
    }
    eventbridge._replays[name] = replay
    # In the account and region of the call, and through TLS, as queues ask of whoever sends.
    threading.Thread(target=copy_context().run, args=(_run, replay, archive), daemon=True).start()
    told = ("ReplayArn", "State", "ReplayStartTime")
    return eventbridge.json_response({key: replay[key] for key in told})


def _run(replay: Record, archive: Record) -> None:
    try:
        _replay(replay, archive)
    except Exception as error:  # whatever it is, who watches must see that it is over
        replay.update(State="FAILED", StateReason=f"{type(error).__name__}: {error}")
    replay["ReplayEndTime"] = time.time()


def _replay(replay: Record, archive: Record) -> None:
    time.sleep(STARTING)
    if replay["State"] == "STARTING":
        replay["State"] = "RUNNING"
    start, end = replay["EventStartTime"], replay["EventEndTime"]
    meant = sorted((e for e in _kept(archive) if start <= e["Time"] < end), key=lambda event: event["Time"] // MINUTE)
    for _, several in groupby(meant, key=lambda event: event["Time"] // MINUTE):
        minute = list(several)
        random.shuffle(minute)  # AWS promises the order of minutes only
        for event in minute:
            if replay["State"] == "RUNNING":
                _deliver(replay, event)
                replay["EventLastReplayedTime"] = max(event["Time"], replay.get("EventLastReplayedTime", 0))
    replay["State"] = "CANCELLED" if replay["State"] == "CANCELLING" else "COMPLETED"


def _deliver(replay: Record, event: Record) -> None:
    """Send the event to the rules that are named, or all, each judging it by its pattern as when it happened."""
    replayed = {**event, "ReplayName": replay["ReplayName"]}
    only = replay["Destination"].get("FilterArns")
    if not only:
        eventbridge._dispatch_event(replayed)
        return
    view = eventbridge._pattern_event_view(replayed)
    for key, rule in list(eventbridge._rules.items()):
        here = rule["Arn"] in only and rule.get("EventBusName", "default") == event["EventBusName"]
        pattern = rule.get("EventPattern") if here and rule.get("State") == "ENABLED" else None
        if pattern and eventbridge._matches_pattern_view(pattern, view, f"rule {key}"):
            for target in eventbridge._targets.get(key, []):
                eventbridge._invoke_target(target, replayed, rule, view)


def cancel_replay(data: Record) -> Answer:
    """Cancel a replay that starts or runs. https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_CancelReplay.html."""
    name = data.get("ReplayName")
    replay = eventbridge._replays.get(name)
    if replay is None:
        return _refused("ResourceNotFoundException", f"Replay {name} does not exist.")
    if replay["State"] not in ("STARTING", "RUNNING"):
        return _refused("IllegalStatusException", f"Replay {name} is not in a valid state for this operation.")
    replay["State"] = "CANCELLING"
    return eventbridge.json_response({"ReplayArn": replay["ReplayArn"], "State": "CANCELLING"})


def list_replays(data: Record, told: Any = eventbridge._list_replays) -> Answer:
    """List replays with the times that AWS tells of each.

    https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_Replay.html
    """
    status, headers, body = told(data)
    answer = json.loads(body)
    for each in answer.get("Replays", []):
        replay = eventbridge._replays[each["ReplayName"]]
        for name in ("EventStartTime", "EventEndTime", "EventLastReplayedTime", "ReplayStartTime", "ReplayEndTime"):
            each.update({name: replay[name]} if name in replay else {})
    return status, headers, json.dumps(answer).encode()


def _refused(code: str, message: str) -> Answer:
    return eventbridge.error_response_json(code, message, 400)


def provision(logical_id: str, properties: Record, stack: str) -> tuple[str, dict[str, str]]:
    """Make the archive of a template; `Ref` is its name.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-events-archive.html
    """
    name = properties.get("ArchiveName") or provisioners._physical_name(stack, logical_id, max_len=48)
    _checked(
        eventbridge._create_archive({**_asked(properties), "EventSourceArn": properties["SourceArn"]} | _called(name))
    )
    return _made(name)


def update(
    name: str, before: Record, after: Record, stack: str, logical_id: str | None = None
) -> tuple[str, dict[str, str]]:
    """Change it in place; another name or source is another archive."""
    renamed = after.get("ArchiveName") not in (None, name)
    if renamed or before.get("SourceArn") != after.get("SourceArn"):
        made: tuple[str, dict[str, str]] = provision(logical_id or name, after, stack)
        provisioners._delete_predecessor(remove, name, before)
        return made
    _checked(eventbridge._update_archive(_asked(after) | _called(name)))
    return _made(name)


def remove(name: str, _properties: Record) -> None:
    """Delete it and what it keeps, if it is there."""
    eventbridge._delete_archive(_called(name))


def _called(name: str) -> Record:
    return {"ArchiveName": name}


def _asked(properties: Record) -> Record:
    pattern = properties.get("EventPattern") or ""
    return {
        "Description": properties.get("Description", ""),
        "EventPattern": pattern if isinstance(pattern, str) else json.dumps(pattern),
        "RetentionDays": int(properties.get("RetentionDays") or 0),
        "KmsKeyIdentifier": properties.get("KmsKeyIdentifier", ""),
    }


def _made(name: str) -> tuple[str, dict[str, str]]:
    return name, {"Arn": eventbridge._archives[name]["ArchiveArn"], "ArchiveName": name}


def _checked(answer: Answer) -> None:
    status, _, body = answer
    if status >= 400:
        raise ValueError(f"AWS::Events::Archive: {json.loads(body).get('message', body)}")


def correct() -> None:
    """Put archives and replays right."""
    eventbridge._now_ts = now
    eventbridge._archive_event = archive_event
    eventbridge._create_archive = create_archive
    eventbridge._describe_archive = describe_archive
    eventbridge._start_replay = start_replay
    eventbridge._cancel_replay = cancel_replay
    eventbridge._list_replays = list_replays
    provisioners._RESOURCE_HANDLERS["AWS::Events::Archive"] = {
        "create": provision,
        "update": update,
        "update_with_logical_id": True,
        "delete": remove,
    }
