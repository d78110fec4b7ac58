"""A worker that dies before or after any of its AWS calls, and what must hold of the function that it ran."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from functions.runtime import clients
from local.rehearsal import Rehearsal
from tests.functions.events import batch, failed

Batch = list[dict[str, Any]]


class Killed(KeyboardInterrupt):
    """The worker is gone."""


class Mortal:
    """A client whose worker dies at the call that `dies` picks, before or after it took effect."""

    def __init__(self, client: Any, dies: Callable[[], str]) -> None:
        self._client = client
        self._dies = dies

    def __getattr__(self, name: str) -> Any:
        operation = getattr(self._client, name)
        if not callable(operation):
            return operation

        def call(**arguments: Any) -> Any:
            when = self._dies()
            if when == "before":
                raise Killed
            try:
                return operation(**arguments)
            finally:
                if when == "after":
                    raise Killed

        return call


@contextmanager
def mortal(at: int, when: str) -> Iterator[None]:
    """In the body the worker dies at the call of that number, counted from 0."""
    numbers = count()

    def dies() -> str:
        return when if next(numbers) == at else "never"

    good = {service: clients.client(service) for service in ("dynamodb", "events")}
    clients.made.update({service: Mortal(client, dies) for service, client in good.items()})
    try:
        yield
    finally:
        clients.made.update(good)


def crash_everywhere(
    aws: Rehearsal,
    handler: Callable[[dict[str, Any]], Any],
    records: Callable[[str], Batch],
    types: list[str],
) -> list[str]:
    """Kill `handler` before and after each of its calls, each time on a batch of another name, and run it again.

    Each name must end as one good run ends: nothing failed, and events of these `types`, each with one id. Returns the
    names, among them two that ran through without a crash.
    """
    crashes, names = 0, []
    for at in count():
        for when in ("before", "after"):
            name = f"n-{at}-{when}"
            names.append(name)
            try:
                with mortal(at, when):
                    handler(batch(*records(name)))
            except Killed:
                crashes += 1
            assert failed(handler(batch(*records(name)))) == []
            told = {envelope["id"]: envelope["type"] for envelope in aws.published()}
            assert sorted(told.values()) == sorted(types)
        if crashes < 2 * (at + 1):
            break
    assert crashes >= 2 * 2, "there are a write and a publication to crash at"
    return names


def alike(items: list[dict[str, Any]], *own: str) -> bool:
    """Whether the items are equal but for the attributes `own`, which name each of them."""
    first, *others = [{name: value for name, value in item.items() if name not in own} for item in items]
    return all(other == first for other in others)
