"""The edge: what API Gateway takes of the account, the stage, a route and a key, and what checks tokens."""

from __future__ import annotations

from collections.abc import Iterator

from ops.scale.basis import MAP, STAGES, Basis
from ops.scale.limit import Hop, Limit
from ops.scale.load import Load
from stacks import names

TOO_MANY = "callers get a 429 and must ask again"
PERIODS = {"DAY": 86_400, "WEEK": 7 * 86_400, "MONTH": 30 * 86_400}
"""Seconds of the period of a key's quota."""


def hops(basis: Basis, load: Load) -> Iterator[Hop]:
    """API Gateway, the stage's API, the keys of its callers, every route with limits of its own, and the authorizer."""
    rate = sum(load.routes.values())
    if not load.routes:
        return
    settings = basis.settings
    stage = _requests(
        settings.throttle_rate, settings.throttle_burst, rate, setting="throttle_rate (cdk.json)", source=STAGES
    )
    account = basis.quota("api_rate", "requests/s", rate, TOO_MANY, burst="api_burst")
    yield Hop(name="API Gateway", rate=rate, limits=(account,))
    yield Hop(name="API of the stage", rate=rate, limits=(stage,))
    if keyed := authorized(basis, load, "api_key"):
        yield _keys(basis, keyed)
    for route in basis.topology.routes:
        if route.name in load.routes and route.rate is not None:
            need = load.routes[route.name]
            own = _requests(route.rate, route.burst, need, setting="Route.rate", source=MAP)
            yield Hop(name=route.name, rate=need, limits=(own,))
    if bearers := authorized(basis, load, "jwt"):
        runs = checks(basis, bearers) * basis.traffic.check
        then = "callers get a 500"
        growth = runs / basis.quotas.most("worker_growth") * 10
        limit = basis.quota("lambda_concurrency", "runs at once", runs, then)
        yield Hop(name=names.AUTHORIZER, rate=bearers, limits=(limit,), ramp=growth)


def _requests(most: float, burst: float | None, need: float, *, setting: str, source: str) -> Limit:
    """So many requests a second, and so many at once."""
    return Limit(unit="requests/s", most=most, need=need, then=TOO_MANY, setting=setting, source=source, burst=burst)


def authorized(basis: Basis, load: Load, kind: str) -> float:
    """Requests a second of callers who show who they are in that way."""
    stage = basis.settings.authorization
    return sum(load.routes.get(route.name, 0) for route in basis.topology.routes if route.authorized(stage) == kind)


def checks(basis: Basis, bearers: float) -> float:
    """Runs a second of the function that checks tokens, for so many requests a second."""
    return bearers * basis.traffic.uncached


def _keys(basis: Basis, rate: float) -> Hop:
    """All keys together, as if each had its part: one alone is at its own end sooner."""
    keys = basis.settings.api_keys
    count = max(len(keys.clients), 1)
    limits = (
        Limit(
            unit="requests/s",
            most=keys.rate * count,
            need=rate,
            then=TOO_MANY,
            setting="api_keys.rate (cdk.json)",
            source=STAGES,
            burst=keys.burst * count,
        ),
        Limit(
            unit=f"requests a {keys.period.lower()}",
            most=keys.quota * count,
            need=rate * PERIODS[keys.period],
            then=f"callers get a 429 until the {keys.period.lower()} ends",
            setting="api_keys.quota (cdk.json)",
            source=STAGES,
        ),
    )
    return Hop(name="API keys", rate=rate, limits=limits)
