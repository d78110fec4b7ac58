"""From words to files: what is refused, what is written where, and the map with its new entry."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from functions.contracts.contract import Event
from scaffold import contract, entry, fields, function, map_source, ruff, scheduled, unit_test, words
from scaffold.changes import Files
from scaffold.errors import Refused
from scaffold.plan import NewIntegration, NewSchedule, NewSubscriber
from stacks import feeds
from stacks.entry import Topology
from stacks.names import ROOT


def integration(
    topology: Topology,
    name: str,
    *,
    route: str,
    publishes: Sequence[str],
    fifo: bool = False,
    group: str | None = None,
    command: str | None = None,
) -> tuple[NewIntegration, Files]:
    """The files of a new integration with one route. Raises `Refused`."""
    name = words.hyphens("Integration", name)
    _refuse(name in _integrations(topology), f"Integration {name!r} is there already; choose another name.")
    method, path, parameters = words.route(route)
    there = [each.name for every in topology.integrations for each in every.routes]
    _refuse(f"{method} {path}" in there, f"--route: there is a route {method} {path} already; choose another path.")
    group = words.group(group, parameters, fifo=fifo)
    source = _map()
    taken = {*_known(topology), *map_source.bound(source), *([words.camel(group)] if group else [])}
    command = words.class_name("--command", command or f"{words.camel(name)}Request", taken)
    new = NewIntegration(
        name=name,
        method=method,
        path=path,
        group=group,
        command=command,
        publishes=_published(publishes, {*taken, command}),
    )
    _refuse(not new.publishes, "--publishes: name the event that follows, such as GiftCardRedeemed.")
    _tables(topology, new.table)
    parts, imports = entry.of_integration(new)
    files = {
        **_contract(new.contract, contract.of_integration(new)),
        **_function(new.function, function.of_integration(new), unit_test.of_integration(new)),
    }
    return new, {**_fresh(files), _MAP: map_source.with_integration(source, name, parts, imports)}


def subscriber(
    topology: Topology, name: str, *, on: str, publishes: Sequence[str] = (), integration: str | None = None
) -> tuple[NewSubscriber, Files]:
    """The files of a new subscriber. Raises `Refused`."""
    own = words.hyphens("Subscriber", name.replace("_", "-"))
    event = _event(topology, on)
    target, founds = _target(topology, own, integration)
    source, field = _map(), fields.telling(event)
    taken = {*_known(topology), *map_source.bound(source), *([field.type] if field else [])}
    new = NewSubscriber(
        function=words.snake(own),
        event=event,
        field=field,
        integration=target,
        founds=founds,
        publishes=_published(publishes, taken),
    )
    _tables(topology, new.table)
    parts, imports = entry.of_subscriber(new)
    test = unit_test.of_subscriber(new, fields.example(event))
    files = {
        **(_contract(new.contract, contract.of_subscriber(new)) if new.publishes else {}),
        **_function(new.function, function.of_subscriber(new), test),
    }
    changed = map_source.with_integration if new.founds else map_source.with_parts
    return new, {**_fresh(files), _MAP: changed(source, target, parts, imports)}


def schedule(
    topology: Topology,
    name: str,
    *,
    every: str,
    timezone: str = "UTC",
    skip: bool = False,
    integration: str | None = None,
) -> tuple[NewSchedule, Files]:
    """The files of a new schedule, and of the queue and the function that its runs go to. Raises `Refused`."""
    own = words.hyphens("Schedule", name.replace("_", "-"))
    target, founds = _target(topology, own, integration)
    source = _map()
    new = NewSchedule(
        function=words.snake(own),
        command=words.class_name("Schedule", words.camel(own), {*_known(topology), *map_source.bound(source)}),
        every=_quoted("--every", every),
        timezone=_quoted("--timezone", timezone),
        skips=skip,
        integration=target,
        founds=founds,
    )
    _tables(topology, new.table)
    parts, imports = scheduled.entry(new)
    files = {
        **_contract(new.contract, scheduled.contract(new)),
        **_function(new.function, scheduled.function(new), scheduled.unit_test(new)),
    }
    changed = map_source.with_integration if new.founds else map_source.with_parts
    return new, {**_fresh(files), _MAP: changed(source, target, parts, imports)}


_MAP = Path("stacks", "topology.py")


def _target(topology: Topology, own: str, integration: str | None) -> tuple[str, bool]:
    """The integration that takes it, and whether that is new."""
    target = integration or own
    known = _integrations(topology)
    _refuse(
        integration is not None and target not in known,
        f"--integration: there is no {target!r} in the map{words.near(target, known)}",
    )
    _refuse(
        integration is None and target in known,
        f"Integration {target!r} is there already; add --integration {target}, or choose another name.",
    )
    _refuse(
        target in known and topology.integration(target).retired,
        f"Integration {target!r} is retired and takes nothing new; choose another.",
    )
    return target, target not in known


def _quoted(option: str, text: str) -> str:
    """The text, which can stand between quotes; what it means the map's rules judge."""
    _refuse(not text.isprintable() or bool({*text} & {'"', "\\"}), f"{option} {text!r} has a character that is none.")
    return text


def _map() -> str:
    _refuse(
        not ruff.is_tidy(ROOT, _MAP),
        f"{_MAP} is not formatted, so that more than the entry would change; run make fix.",
    )
    return (ROOT / _MAP).read_text(encoding="utf-8")


def _refuse(wrong: bool, sentence: str) -> None:
    if wrong:
        raise Refused(sentence)


def _integrations(topology: Topology) -> list[str]:
    return [each.name for each in topology.integrations]


def _known(topology: Topology) -> set[str]:
    """The names of every command and event of the map, also of what is retired."""
    commands = feeds.commands(topology)
    heard = (subscription.event for each in topology.integrations for subscription in each.subscriptions)
    return {contract.__name__ for contract in (*commands, *heard, *topology.events)}


def _published(names: Sequence[str], taken: Iterable[str]) -> tuple[str, ...]:
    known = set(taken)
    for name in names:
        known.add(words.class_name("--publishes", name, known))
    return tuple(names)


def _event(topology: Topology, name: str) -> type[Event]:
    events = {event.__name__: event for event in topology.events}
    _refuse(not events, "--on: nothing in the map publishes an event yet; add an integration first.")
    _refuse(name not in events, f"--on: nothing in the map publishes {name!r}{words.near(name, events)}")
    return events[name]


def _tables(topology: Topology, name: str) -> None:
    for each in topology.integrations:
        if any(table.name == name for table in each.tables):
            raise Refused(f"A table {name!r} is there already, of integration {each.name!r}; choose another name.")


def _contract(module: str, text: str) -> Files:
    return {Path("functions", "contracts", f"{module}.py"): text}


def _function(name: str, modules: function.Modules, test: str) -> Files:
    folder = Path("functions", name)
    _refuse((ROOT / folder).exists(), f"{folder} is there already; choose another name.")
    return {
        **{folder / module: text for module, text in modules.items()},
        Path("tests", "functions", f"test_{name}.py"): test,
    }


def _fresh(files: Files) -> Files:
    """The files. Raises `Refused` if one is there already."""
    for path in files:
        _refuse((ROOT / path).exists(), f"{path} is there already; choose another name.")
    return files
