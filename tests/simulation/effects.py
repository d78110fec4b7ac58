"""What a request came to, read from writes, mails and events alone: one reading for each function of the sample."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.simulation.evidence import Evidence, Mail, Told, Write
from tests.simulation.requests import Request


@dataclass(frozen=True)
class Effect:
    """One effect: when, and what it is called. `excused` says that the sender of a second mail never heard of a first.

    `follows` is what must be told of it: a detail-type and what the event is about; None if nothing.
    """

    at: float
    name: str
    excused: bool = False
    follows: tuple[str, str] | None = None


class Reading:
    """The effects of every request, looked up by what they are about."""

    def __init__(self, evidence: Evidence) -> None:
        self._killed = evidence.killed
        self._writes: dict[tuple[str, str], list[Write]] = defaultdict(list)
        for write in evidence.history:
            self._writes[write.table.rpartition("-")[2], write.key].append(write)
        self._mails: dict[str, list[Mail]] = defaultdict(list)
        for mail in evidence.mails:
            self._mails[mail.subject.split()[-1]].append(mail)
        self.told: dict[tuple[str, str], list[Told]] = defaultdict(list)
        for told in evidence.told:
            self.told[told.type, about(told)].append(told)
        self._reads: dict[str, Callable[[Request], list[Effect]]] = {
            "open_ticket": self._opened,
            "change_ticket": self._changed,
            "assign_ticket": self._assigned,
            "mail_ticket": self._mailed,
            "close_ticket": self._closed,
            "receive_webhook": self._received,
        }

    def of(self, request: Request) -> list[Effect]:
        """The effects of the request, in the order in which they happened."""
        return sorted(self._reads[request.queue](request), key=lambda effect: effect.at)

    def _opened(self, request: Request) -> list[Effect]:
        ticket = str(request.data.get("ticket_id"))
        return [
            Effect(write.at, "opened", follows=("TicketOpened", ticket))
            for write in self._writes["tickets", key(request.tenant, ticket)]
            if _says(write.after, "email", request.data.get("email"))
            and _says(write.after, "language", request.data.get("language"))
        ]

    def _changed(self, request: Request) -> list[Effect]:
        step = request.data.get("step")
        about_it = f"{request.group}/{step}"
        applied = [
            Effect(write.at, "changed", follows=("TicketChanged", about_it))
            for write in self._writes["changes", key(request.tenant, request.group, "step", str(step))]
            if _says(write.after, "key", request.key)
        ]
        declined = [Effect(told.at, "declined") for told in self.told["ChangeDeclined", about_it][:1]]
        return applied + declined

    def _assigned(self, request: Request) -> list[Effect]:
        ticket = request.subject
        return [
            Effect(write.at, "waiting", follows=("TicketWaiting", ticket))
            if (write.after or {})["short"]["L"]
            else Effect(write.at, "assigned", follows=("TicketAssigned", ticket))
            for write in self._writes["assignments", key(request.tenant, ticket)]
            if _has(write.after, "short")
        ]

    def _mailed(self, request: Request) -> list[Effect]:
        mails = self._mails[request.subject]
        # What the sender never heard of, or died right after, may be sent again: nothing can tell it from a mail that
        # was never sent.
        unsure = [not mail.answered or mail.worker in self._killed for mail in mails]
        return [Effect(mail.at, "mailed", excused=place > 0 and unsure[place - 1]) for place, mail in enumerate(mails)]

    def _closed(self, request: Request) -> list[Effect]:
        fact, event = str(request.data["type"]), request.data["event"]
        writes = self._writes["closings", key(request.tenant, request.subject)]
        noted = [write for write in writes if _has(write.after, fact)]
        # The fact is the first event's of its kind; a later one finds it there and changes nothing.
        moved = [write for write in noted if (write.before or {}).get(fact) != (write.after or {})[fact]]
        if not moved:
            return []
        mine = moved[0].after is not None and _says(moved[0].after, fact, event)
        complete = {"TicketAssigned", "TicketChanged"} <= set(writes[-1].after or {})
        last = complete and mine and not _says(writes[-1].after, "first", event)
        follows = ("TicketClosed", request.subject) if last else None
        first = Effect(max(moved[0].at, request.at), "noted", follows=follows)
        return [first, *(Effect(write.at, "noted again") for write in moved[1:])] if mine else [first]

    def _received(self, request: Request) -> list[Effect]:
        content = json.dumps(request.data, sort_keys=True)
        return [Effect(told.at, "told") for told in self.told["WebhookReceived", content][:1]]


def about(told: Told) -> str:
    """What an event is about: two that say the same of the same thing are one event."""
    data = told.detail.get("data", {})
    match told.type:
        case "WebhookReceived":
            return json.dumps(data.get("payload"), sort_keys=True)
        case "TicketChanged" | "ChangeDeclined":
            return f"{data.get('ticket_id')}/{data.get('step')}"
        case _:
            return str(data.get("ticket_id"))


def key(tenant: str | None, *parts: str | None) -> str:
    """The key that the parts have in a table: a tenant's own begins with a slash and the tenant."""
    written = [str(part).replace("%", "%25").replace("/", "%2F") for part in ([tenant, *parts] if tenant else parts)]
    return "/".join(["", *written] if tenant else written)


def _has(item: dict[str, Any] | None, name: str) -> bool:
    return name in (item or {})


def _says(item: dict[str, Any] | None, name: str, text: Any) -> bool:
    value = (item or {}).get(name)
    return value is not None and next(iter(value.values())) == text
