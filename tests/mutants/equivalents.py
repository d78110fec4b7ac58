"""Mistakes that are known to change nothing, with their reasons: `equivalents.toml`."""

from __future__ import annotations

import tomllib
from pathlib import Path

from tests.mutants.mistakes import Mistake

LISTED = Path(__file__).with_name("equivalents.toml")


class Equivalents:
    """The list, by what says which mistake it is."""

    def __init__(self, text: str) -> None:
        listed = tomllib.loads(text).get("equivalent", [])
        self._keys = {
            Mistake(Path(each["path"]), 0, each["within"], each["before"], each["after"], "", "").key for each in listed
        }
        without = [each["path"] for each in listed if not each["reason"].strip()]
        if without:
            raise ValueError(f"{LISTED.name} gives no reason for a mistake in {without[0]}")

    def __contains__(self, mistake: Mistake) -> bool:
        return mistake.key in self._keys
