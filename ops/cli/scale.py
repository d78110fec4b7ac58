"""How much a stage takes: `scale`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import typer

from ops.address import partition_of
from ops.cli.capacity import capacity, sentence
from ops.cli.options import AsJson, InStage, topology
from ops.cli.screen import out, print_json, said
from ops.cost.prices import Prices
from ops.cost.work import Assumptions
from ops.errors import UsageError
from ops.scale.basis import Basis, Traffic
from ops.scale.limit import Limit, Path
from ops.scale.quotas import Quotas, listed
from ops.scale.scaling import Scaling
from stacks import names
from stacks.settings import SettingsError, read

PRICED = "us-east-1"
"""Whose prices count where a region has no list of its own."""
SLOWEST, FASTEST = 0.001, 1_000_000_000
"""Requests a second that are no slip of the finger."""
LONGEST = 900
"""Seconds that a function may take. https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""


def scale(
    rate: Annotated[float, typer.Option(help="Requests a second through each route, alone.")] = 1000,
    route: Annotated[
        list[str] | None,
        typer.Option("--route", metavar="ROUTE", help="Only this route, such as 'POST /v1/x'; again for more."),
    ] = None,
    together: Annotated[
        bool, typer.Option("--together", help="All routes at once, each at that rate: what they share has the sum.")
    ] = False,
    share: Annotated[
        list[str] | None,
        typer.Option(
            "--share",
            metavar="NAME=SHARE",
            help="How many messages tell that event or plan that command, or how many events that subscription takes: "
            "0 to 1.",
        ),
    ] = None,
    seconds: Annotated[
        list[str] | None,
        typer.Option("--seconds", metavar="CONSUMER=SECONDS", help="How long a message takes of that consumer."),
    ] = None,
    quota: Annotated[
        list[str] | None,
        typer.Option("--quota", metavar="NAME=VALUE", help="Your account's own figure, such as email_rate=14."),
    ] = None,
    fill: Annotated[float, typer.Option(help="Messages a batch, on average.")] = 5,
    hot: Annotated[float, typer.Option(help="The share of the busiest item, and of the busiest FIFO group.")] = 0.01,
    limits: Annotated[bool, typer.Option("--limits", help="Every limit of a hop, not only the first one met.")] = False,
    region: Annotated[str, typer.Option(help="Whose quotas.")] = PRICED,
    stage: InStage = names.STAGES[-1] if names.STAGES else "",
    as_json: AsJson = False,
) -> None:
    """What binds first at a rate, hop by hop, what to change, and what a month costs.

    Nothing is asked of AWS: the topology, the stage's settings and dated lists of quotas and prices say it all.

    Example: python -m ops scale --rate 1000
    """
    with said():
        _within("--rate", rate, FASTEST, least=SLOWEST)
        _within("--fill", fill, 10_000, least=1)
        _within("--hot", hot, 1)
        if partition_of(region) is None:
            raise UsageError(f"{region!r} is no region of AWS: say one such as --region eu-west-1.")
        try:
            settings = read(stage, names.CONTEXT["stages"])
        except SettingsError as error:
            raise UsageError(str(error)) from None
        given = dict(_named("--seconds", seconds or ()))
        for value in given.values():
            _within("--seconds", value, LONGEST)
        shares = dict(_named("--share", share or ()))
        for value in shares.values():
            _within("--share", value, 1, least=0)
        basis = Basis(
            topology(),
            settings,
            Quotas(region, dict(_named("--quota", quota or ()))),
            Assumptions(fill=fill, seconds=given),
            Traffic(hot=hot),
        )
        scaling = Scaling(basis, rate, shares, route or (), together)
        prices = Prices.of(region if region in Prices.regions() else PRICED)
    if as_json:
        print_json(_answer(scaling, prices))
    else:
        out.print(capacity(scaling, prices, out.width, every=limits))


def _within(option: str, value: float, most: float, least: float | None = None) -> None:
    """Raise `UsageError` for what is not above 0, or not from `least` on, or above `most`, or no number."""
    if not (value > 0 if least is None else value >= least) or not value <= most:
        low = "above 0" if least is None else f"from {least:g} on"
        raise UsageError(f"{option} {value:g} makes no sense: say a number {low}, {most:,} at the most.")


def _named(option: str, given: Sequence[str]) -> Iterator[tuple[str, float]]:
    """What is written as NAME=NUMBER. Raises `UsageError` for anything else."""
    for text in given:
        name, sign, number = text.rpartition("=")
        try:
            value = float(number) if sign and name else math.nan
        except ValueError:
            value = math.nan
        if math.isnan(value):
            raise UsageError(f"{option} {text!r} is no NAME=NUMBER; write it so.")
        yield name, value


def _answer(scaling: Scaling, prices: Prices) -> dict[str, Any]:
    basis, paths = scaling.basis, scaling.paths()
    return {
        "rate": scaling.rate,
        "stage": basis.settings.stage,
        "region": basis.quotas.region,
        "together": scaling.together,
        "paths": [_path(path) for path in paths],
        "months": {"region": prices.region, "read": prices.read, "dollars": scaling.months(prices)},
        "assumed": {
            "work": basis.assume,
            "traffic": basis.traffic,
            "shares": scaling.shares,
            "quotas": basis.quotas.own,
        },
        "quotas": listed(),
    }


def _path(path: Path) -> dict[str, Any]:
    binding = path.binding()
    return {
        "name": path.name,
        "rate": path.rate,
        "sentence": sentence(path),
        "binds": {"hop": binding[0][0].name, **_limit(path, binding[0][1])} if binding else None,
        "hops": [
            {
                "name": hop.name,
                "rate": hop.rate,
                "takes": hop.takes,
                "ramp_seconds": hop.ramp,
                "limits": [_limit(path, limit) for limit in hop.limits],
            }
            for hop in path.hops
        ],
    }


def _limit(path: Path, limit: Limit) -> dict[str, Any]:
    return {
        "unit": limit.unit,
        "most": limit.most,
        "burst": limit.burst,
        "needed": limit.need,
        "share": limit.share,
        "full_at": path.full_at(limit),
        "holds_up_messages": limit.stops,
        "then": limit.then,
        "setting": limit.setting,
        "quota": limit.quota,
        "source": limit.source,
    }
