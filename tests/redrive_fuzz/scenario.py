"""What one run does, drawn by its seed: which queue, which letters, which command, what goes wrong, what kills it."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from tests.redrive_fuzz.faults import FAULTS, Faults
from tests.redrive_fuzz.letters import FILTERS, PATCHES, Draft, Filter, drafts, means

KINDS = (
    *("all", "filter", "limit", "ids", "edit", "rate", "big", "out of order", "age"),
    *("drop", "export", "import", "two at once", "asleep", "senseless", "topology", "held"),
)
SENSELESS = (
    ("--ids", " , "),
    ("--filter", ""),
    ("--older-than", "0s"),
    ("--limit", "0"),
    ("--rate", "-1"),
    ("--edit", "[1]"),
    ("--filter", "body.[["),
    ("--cause", " "),
    ("--group", "g"),
)


@dataclass(frozen=True)
class Upset:
    """What is done to a process: a signal after so many seconds, or a kill at a call, which its faults have."""

    signal: str = ""
    after: float = 0.0
    stop: float = 0.0
    """Seconds for which it is stopped."""


@dataclass
class Scenario:
    """One run."""

    seed: int
    kind: str
    engine: str
    fifo: bool
    died: bool
    """Whether SQS itself moves the letters to the dead-letter queue."""
    to: bool
    """Whether the command names the destination."""
    drafts: list[Draft]
    action: str = "redrive"
    chosen: Filter | None = None
    ids: list[int] | None = None
    """Numbers of the letters that are named."""
    limit: int | None = None
    patch: str | None = None
    rate: float | str | None = None
    out_of_order: bool = False
    older: str | None = None
    """The age that is asked for: nothing is an hour old, and everything a second."""
    senseless: tuple[str, ...] = ()
    twice: bool = False
    waits: bool = False
    """Whether time passes by itself: what a dead process held comes back when its two minutes are over."""
    at_once: bool = False
    """Whether `resume` follows at once, while what the dead process held is still hidden."""
    held: int = 0
    """Letters that somebody else holds until the command ended."""
    hold: int | None = None
    """Seconds of a hold, where the command is run with another than its own two minutes."""
    faults: list[Faults] = field(default_factory=list)
    """Those of each process in turn; none for those that follow."""
    upsets: list[Upset] = field(default_factory=list)

    @property
    def selected(self) -> set[str]:
        """Keys of those that are meant."""
        if self.older == "1h":
            return set()
        found = set(range(len(self.drafts))) if self.ids is None else set(self.ids)
        return {
            draft.key
            for number, draft in enumerate(self.drafts)
            if number in found and (self.chosen is None or means(self.chosen, draft))
        }


def drawn(seed: int, kind: str, engine: str | None = None, *, short: bool = False) -> Scenario:
    """The run of that seed and kind; `short` draws nothing that waits."""
    dice = random.Random(f"{seed} {kind}")
    fifo = (dice.random() < 0.5 and kind != "topology") or kind == "out of order"
    on = engine or dice.choice(("ministack", "moto"))
    if kind == "asleep" and fifo:
        on = "ministack"  # where a hold runs out in moto, it hands out a group without its head
    count = dice.choice((3, 12, 25, 40, 80)) if kind != "big" else dice.choice((4, 8))
    if not short and kind in ("all", "filter") and dice.random() < 0.15:
        count = 600 if on == "ministack" else 150  # each receive of moto copies what it has
    if kind == "rate":
        count = dice.choice((80, 90))
    groups = dice.choice((1, 2, 5, 20)) if fifo else 0
    made = drafts(dice, seed, count, groups=groups, big=kind == "big")
    died = dice.random() < 0.5 and not (on == "moto" and fifo)
    # What was sent to a queue by hand says no source, and ministack cannot list the sources.
    to = kind != "topology" and (dice.random() < 0.5 or (on == "ministack" and not died))
    scenario = Scenario(seed, kind, on, fifo, died, to, made)
    _ask(scenario, dice)
    if kind != "senseless":
        _upset(scenario, dice, short=short)
    return scenario


def _ask(scenario: Scenario, dice: random.Random) -> None:
    kind, count = scenario.kind, len(scenario.drafts)
    if kind in ("drop", "export", "import"):
        scenario.action = kind
    if kind == "filter" or (kind in ("limit", "edit", "out of order", "drop", "export") and dice.random() < 0.5):
        scenario.chosen = dice.choice(FILTERS)
    if kind == "ids":
        scenario.ids = sorted(dice.sample(range(count), dice.randrange(1, min(count, 20) + 1)))
    if kind == "limit" or (kind in ("filter", "drop", "export") and dice.random() < 0.3):
        scenario.limit = dice.choice((1, 2, 9, 10, 11, 15, count, count + 5))
    if kind == "edit":
        scenario.patch = dice.choice(PATCHES)
    scenario.held = dice.randrange(1, min(count, 10) + 1) if kind == "held" else 0
    scenario.older = dice.choice(("1h", "1s")) if kind == "age" else None
    scenario.out_of_order = kind == "out of order"
    scenario.rate = dice.choice((None, None, "max", "auto"))
    if kind == "rate":
        scenario.rate = dice.choice((10, 15.5, 20))
    if kind == "senseless":
        scenario.senseless = dice.choice(SENSELESS)
    scenario.twice = kind == "two at once"


def _upset(scenario: Scenario, dice: random.Random, *, short: bool) -> None:
    """Draws what goes wrong: nothing in a fifth of the runs, else faults, and a signal in half of the runs."""
    kind = scenario.kind
    calm = dice.random() < 0.2 or kind in ("rate", "asleep", "held")
    processes = dice.choice((1, 1, 2, 3))
    for number in range(processes):
        likely: dict[str, float] = {}
        if not calm:
            some = dice.sample(FAULTS, dice.randrange(1, 5))
            likely = {name: dice.choice((0.02, 0.05, 0.1)) for name in some}
        expired = dice.randrange(2, 25) if not calm and dice.random() < 0.15 else None
        throw = dice.random()
        upset, kill = Upset(), None
        if kind == "asleep":
            # A hold of four seconds, so that it is over before the process wakes up.
            scenario.hold = 4
            upset = Upset("STOP", dice.uniform(0.9, 1.6), stop=dice.uniform(4.5, 6.5)) if not number else upset
        elif kind in ("rate", "export", "held"):
            pass
        elif throw < 0.4:
            action = dice.choice(("SendMessageBatch", "DeleteMessageBatch", "DeleteMessageBatch", "ReceiveMessage"))
            action = "DeleteMessageBatch" if scenario.action == "drop" and action == "SendMessageBatch" else action
            reaches = 0.25 if action == "DeleteMessageBatch" else 0.75  # between a send's yes and its deletion
            kill = (action, dice.choice((1, 1, 2, 3, 5, 8)), dice.random() < reaches)
        elif throw < 0.55:
            upset = Upset("KILL", dice.uniform(0.3, 1.8))
        elif throw < 0.65:
            upset = Upset("INT", dice.uniform(0.2, 1.8))
        scenario.upsets.append(upset)
        scenario.faults.append(Faults(scenario.seed * 10 + number, likely, expired, kill))
    if kind == "asleep":
        scenario.rate = dice.choice((15, 25))
    slow = not short and scenario.action == "redrive"
    scenario.waits = slow and dice.random() < 0.015 and not (scenario.fifo and scenario.engine == "moto")
    scenario.at_once = slow and scenario.engine == "ministack" and dice.random() < 0.06
