"""What a stage takes, hop by hop: what binds first in a sentence, tables, a month's cost, and what it rests on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from rich.console import Group
from rich.table import Table
from rich.text import Text

from ops.cli.screen import Line, sheet
from ops.cost.prices import Prices
from ops.scale.limit import Hop, Limit, Path
from ops.scale.quotas import listed
from ops.scale.scaling import RATES, Month, Scaling

TITLES = ("", "limit", "needed", "full at", "used")
SETTING = "to change"
FULL, NEARLY = 1, 0.7
"""Shares from which a hop is shown in red, and in yellow."""
NEXT = 3
"""Places that are named after the first."""


def capacity(scaling: Scaling, prices: Prices, width: int, *, every: bool = False) -> Group:
    """A sentence a path, then its hops; with `every` all limits of a hop, else the one that is met first.

    Where `width` columns of text are too few for the settings, they are left out.
    """
    paths = scaling.paths()
    if not paths:
        return Group(Text("Nothing flows here: the map has no open route and no subscription."))
    told: list[Text | Table | Group] = [_heading(scaling), Text()]
    for path in paths:
        told += _sentences(path)
    whole = True
    for path in paths:
        table, settings = _hops(path, width, every)
        told += [Text(), Text(path.name, "bold"), table]
        whole = whole and settings
    told += [Text(), _months(scaling.months(prices), width), Text(), *_told(scaling, prices)]
    elsewhere = "" if every else "The other limits of each hop: --limits. "
    elsewhere += "" if whole else "What to change at each: on a wider screen. "
    return Group(*told, Text(f"{elsewhere}Quotas and their sources: ops/scale/quotas/quotas.toml", "dim"))


def sentence(path: Path) -> str:
    """What binds first on the path: at which rate, what happens beyond, and what to change."""
    if not (binding := path.binding()):
        return f"{path.name}: nothing binds, because nothing goes through."
    hop, limit = binding[0]
    where = "the route itself" if hop.name == path.name else hop.name
    return (
        f"{path.name}: {where} binds first, at {figure(path.full_at(limit))} a second. It has {figure(limit.most)} "
        f"{limit.unit}, and {figure(path.rate)} a second take {figure(limit.need)}. Beyond that {limit.then}. To "
        f"change: {changed(limit)}."
    )


def changed(limit: Limit) -> str:
    """What to change; a quota with its name, by which AWS's console lists it."""
    quota = listed()[limit.quota] if limit.quota else None
    named = quota is not None and quota.code is not None and limit.setting == quota.asked_by
    return f"{limit.setting}, {quota.name} of {quota.service}" if quota and named else limit.setting


def following(path: Path) -> str:
    """What binds after that, one limit a hop, or nothing."""
    seen = {path.binding()[0][0].name} if path.binding() else set()
    found: list[str] = []
    for hop, limit in path.binding():
        if hop.name not in seen and len(found) < NEXT:
            seen.add(hop.name)
            found.append(f"{hop.name} ({limit.unit}) at {figure(path.full_at(limit))}")
    return f"Then {', '.join(found)}." if found else ""


def figure(value: float) -> str:
    """A number as people read it: two digits where it is small, thousands apart, millions as such."""
    if not math.isfinite(value):
        return "-"
    if value >= 999_999.5:
        millions = value / 1_000_000
        return f"{millions:,.0f} M" if millions >= 9.95 else f"{millions:.1f} M"
    return f"{value:,.0f}" if value >= 9.95 else f"{value:.2g}"


def used(share: float) -> str:
    """A share in percent; as so many times, where it is many."""
    if share < 9.995:
        return f"{share:.0%}"
    return f"{share:.0f}x" if share < 999.5 else ">999x"


def _sentences(path: Path) -> Iterator[Text]:
    over = any(limit.share > FULL for _, limit in path.binding())
    yield Text(sentence(path), "red" if over else "green")
    if more := following(path):
        yield Text(f"  {more}", "dim")


def _hops(path: Path, width: int, every: bool) -> tuple[Table | Group, bool]:
    """The table, and whether it has the settings."""
    whole = sheet((*TITLES, SETTING), _lines(path, every, settings=True), width)
    if isinstance(whole, Table):
        return whole, True
    return sheet(TITLES, _lines(path, every, settings=False), width), False


def _lines(path: Path, every: bool, *, settings: bool) -> list[Line]:
    return [
        (Text(hop.name), [*_cells(path, limit), *([Text(limit.setting, "dim")] if settings else [])])
        for hop in path.hops
        for limit in (hop.limits if every else (hop.tightest,))
    ]


def _cells(path: Path, limit: Limit) -> Iterator[Text]:
    style = "red" if limit.share > FULL else "yellow" if limit.share > NEARLY else ""
    yield Text(f"{figure(limit.most)} {limit.unit}")
    yield Text(figure(limit.need))
    yield Text(figure(path.full_at(limit)))
    yield Text(used(limit.share), style)


def _months(months: Sequence[Month], width: int) -> Table | Group:
    titles = ("US dollars a month, with all that follows", *(f"{rate:,}/s" for rate in RATES))
    lines = [(Text(month.name), [Text(f"{month.dollars[rate]:,.0f}") for rate in RATES]) for month in months]
    return sheet(titles, lines, width)


def _heading(scaling: Scaling) -> Text:
    basis = scaling.basis
    how = "through all of it at once, each route" if scaling.together else "through each path alone"
    oldest = min(quota.read for quota in listed().values())
    return Text(
        f"{figure(scaling.rate)} a second {how}, stage {basis.settings.stage}, {basis.quotas.region}, quotas read on "
        f"{oldest}",
        "bold",
    )


def _told(scaling: Scaling, prices: Prices) -> Iterator[Text]:
    basis = scaling.basis
    assume, traffic = basis.assume, basis.traffic
    yield Text("Assumed", "bold")
    yield from (
        Text(f"  {line}")
        for line in (
            _defaults(scaling),
            f"{assume.fill:g} messages a batch (--fill), which takes as long as `ops cost` assumes, or its messages "
            "one after the other, where --seconds says how long one takes. Under load batches are fuller, and more "
            "is done.",
            "Of the events that a consumer tells each is told for every message, and every subscription takes it; "
            "less: --share NAME=SHARE.",
            f"The busiest item and the busiest FIFO group have {traffic.hot:.0%} of all (--hot); "
            f"{traffic.failing:.0%} of messages fail once. A table takes less at first, until it was busy for a while.",
            *_seldom(scaling),
            f"From idle Lambda reads {figure(basis.quotas.most('mapping_start'))} batches of a queue at once, and "
            f"{figure(basis.quotas.most('mapping_growth'))} more every minute{_slowest(scaling.paths())}.",
            f"Prices are those of {prices.region}, a month has 30 days, and nothing is refused: what `ops cost` says.",
            "Left out: what else uses the account's quotas, bursts, X-Ray, a web ACL, a VPC, others' services.",
        )
    )


def _defaults(scaling: Scaling) -> str:
    own = ", ".join(f"{name} {figure(value)}" for name, value in scaling.basis.quotas.own.items())
    if own:
        return f"AWS's default quotas, but for {own}."
    return (
        "AWS's default quotas; an account's own: --quota NAME=VALUE. A new account runs 10 functions at once, and SES "
        "begins in its sandbox."
    )


def _seldom(scaling: Scaling) -> Iterator[str]:
    """What is assumed of parts that not every stage has."""
    basis = scaling.basis
    if any(route.authorized(basis.settings.authorization) == "jwt" for route in basis.topology.routes):
        traffic = basis.traffic
        part, long = f"{traffic.uncached:.0%}", f"{traffic.check * 1000:g} ms"
        yield f"{part} of tokens are checked, for {long} each; API Gateway remembers the rest."
    if basis.settings.customer_key:
        yield "The stage's key is asked for twice a message and twice an event, which is the most that can be."


def _slowest(paths: Sequence[Path]) -> str:
    hops: list[Hop] = [hop for path in paths for hop in path.hops if hop.ramp >= 1]
    if not hops:
        return ""
    slowest = max(hops, key=lambda hop: hop.ramp)
    return f": {slowest.name} is there after {math.ceil(slowest.ramp):,} s"
