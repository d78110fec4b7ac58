"""What many mistakes showed: a line a room, then each that nobody noticed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.mutants.mistakes import Mistake
from tests.mutants.tree import Verdict

TITLES = ("room", "mistakes", "by tests", "by types", "too long", "survived", "equivalent", "score")


@dataclass
class Room:
    """What was tried in a room, and how it ended."""

    name: str
    verdicts: list[Verdict]
    equivalent: list[Mistake]

    def count(self, how: str) -> int:
        """How many ended so."""
        return sum(each.how == how for each in self.verdicts)

    @property
    def survivors(self) -> list[Verdict]:
        """Those that nobody noticed, in the order of their lines."""
        found = [each for each in self.verdicts if not each.how]
        return sorted(found, key=lambda each: (str(each.mistake.path), each.mistake.line))

    @property
    def score(self) -> float:
        """The part that was noticed, from 0 to 1, of those that change anything."""
        return 1 - len(self.survivors) / len(self.verdicts) if self.verdicts else 1.0


def table(rooms: Sequence[Room]) -> str:
    """The rooms and their scores, then the survivors."""
    whole = Room("all", [each for room in rooms for each in room.verdicts], [x for r in rooms for x in r.equivalent])
    lines = [TITLES, *(_line(room) for room in (*rooms, *([whole] if len(rooms) > 1 else [])))]
    widths = [max(len(line[at]) for line in lines) for at in range(len(TITLES))]
    told = [
        "  ".join(
            cell.rjust(width) if at else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    ]
    return "\n".join([*told, *(survivor(each.mistake) for each in whole.survivors)])


def survivor(mistake: Mistake) -> str:
    """Where it is, and what it changes, as a person reads it."""
    before, after = mistake.changed
    return f"\n{mistake.path}:{mistake.line}: {mistake.within or 'module'}\n  - {before}\n  + {after}"


def as_json(rooms: Sequence[Room]) -> dict[str, Any]:
    """By room the counts, the score and the survivors."""
    return {
        room.name: {
            "mistakes": len(room.verdicts),
            "tests": room.count("test"),
            "types": room.count("types"),
            "time": room.count("time"),
            "equivalent": len(room.equivalent),
            "score": round(room.score, 4),
            "survivors": [
                {
                    "path": str(each.mistake.path),
                    "line": each.mistake.line,
                    "within": each.mistake.within,
                    "before": each.mistake.before,
                    "after": each.mistake.after,
                }
                for each in room.survivors
            ],
        }
        for room in rooms
    }


def _line(room: Room) -> tuple[str, ...]:
    counts = (len(room.verdicts), room.count("test"), room.count("types"), room.count("time"), len(room.survivors))
    return room.name, *(f"{count:,}" for count in (*counts, len(room.equivalent))), f"{room.score:.1%}"
