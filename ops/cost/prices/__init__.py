"""What AWS charges, from the dated price list of a region."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path

import msgspec
from msgspec import Struct

from ops.errors import UsageError

HERE = Path(__file__).resolve().parent


class Price(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What so many units cost, in US dollars, and where that was read. `of` is the month the source speaks of."""

    usd: float
    per: float
    unit: str
    source: str
    of: str

    def __mul__(self, units: float) -> float:
        """The price of so many units, in US dollars."""
        return self.usd * units / self.per


class Prices(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The list prices of a region, `read` on that day."""

    region: str
    read: date
    api_request: Price
    sqs_request: Price
    sqs_fifo_request: Price
    sqs_fair: Price
    lambda_request: Price
    lambda_arm64: Price
    lambda_x86_64: Price
    write: Price
    table_read: Price
    event: Price
    invocation: Price
    archived_gb: Price
    archive_gb_month: Price
    log_gb: Price
    trace: Price
    email: Price

    @classmethod
    def of(cls, region: str) -> Prices:
        """The prices of the region. Raises `UsageError` where there is no list of them."""
        path = HERE / f"{region}.toml"
        if not path.is_file():
            known = ", ".join(cls.regions())
            raise UsageError(
                f"There is no price list of {region}; there is: {known}. Add ops/cost/prices/{region}.toml."
            )
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), cls)

    @staticmethod
    def regions() -> list[str]:
        """The regions of which there is a list."""
        return sorted(found.stem for found in HERE.glob("*.toml"))
