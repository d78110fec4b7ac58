"""Mistakes that are known to change nothing, with their reasons: `equivalents.toml`."""

from __future__ import annotations

import tomllib
from pathlib import Path

from tests.mutants.mistakes import Mistake, places, told

LISTED = Path(__file__).with_name("equivalents.toml")


class Equivalents:
    """The list, by what says which mistake it is."""

    def __init__(self, text: str) -> None:
        listed = tomllib.loads(text).get("equivalent", [])
        self._keys = {
            told(Path(each["path"]), each["within"], each["before"], each["after"]): (
                Path(each["path"]),
                each["within"],
            )
            for each in listed
        }
        without = [each["path"] for each in listed if not each["reason"].strip()]
        if without:
            raise ValueError(f"{LISTED.name} gives no reason for a mistake in {without[0]}")

    def __contains__(self, mistake: Mistake) -> bool:
        return mistake.key in self._keys

    def old(self, root: Path) -> list[str]:
        """Those that are no mistake of the tree any more: its line was changed."""
        made = {
            place.mistake(at).key
            for path in {path for path, _ in self._keys.values()}
            if (root / path).exists()
            for place in places(root, path)
            if (path, place.within) in self._keys.values()
            for at in range(len(place.changes))
        }
        return sorted(self._keys.keys() - made)
