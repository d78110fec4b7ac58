"""`make mutants`: mistakes are put into the code, one at a time; the nearest tests must notice them.

    make mutants SEED=7                          a sample of each room
    make mutants SINCE=main SAMPLE=0             the lines that differ from that commit
    python -m tests.mutants --room ops/sqs --sample 200 --seed 7
    python -m tests.mutants functions/runtime/once.py --sample 0

A place is one piece of code, and of each place that is drawn one mistake is made, drawn too. The score is the part that
is noticed of those that are not listed in `equivalents.toml`. Exits with 1 where a room is below 95 %.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tests.mutants.equivalents import LISTED, Equivalents
from tests.mutants.mistakes import Mistake, Place, places
from tests.mutants.nearest import Nearest
from tests.mutants.score import Room, as_json, survivor, table
from tests.mutants.seen import KEPT, Seen, watched
from tests.mutants.tree import Tree, Verdict, shared

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("functions/runtime", "functions/contracts", "stacks", "ops/redrive", "ops/sqs")
SAMPLE = 40
LEAST = 0.95
"""The part that must be noticed in each room."""


def _changed(since: str) -> dict[Path, frozenset[int]]:
    """By module the lines that differ from a commit. Raises ValueError where git knows no such commit."""
    command = ["git", "diff", "--unified=0", "--no-color", "--no-ext-diff", "--relative", since, "--", "*.py"]
    asked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if asked.returncode:
        raise ValueError(f"git knows no commit {since!r}")
    found: dict[Path, set[int]] = {}
    path = Path()
    for line in asked.stdout.splitlines():
        if line.startswith("+++ "):
            path = Path(line.removeprefix("+++ ").removeprefix("b/"))
        elif match := re.match(r"@@ -\S+ \+(\d+)(?:,(\d+))? @@", line):
            first, count = int(match[1]), int(match[2] or 1)
            found.setdefault(path, set()).update(range(first, first + count))
    return {path: frozenset(lines) for path, lines in found.items() if lines}


def _found(options: argparse.Namespace) -> dict[str, list[Place]]:
    """By room what can be mistaken there."""
    if options.since:
        changed = {path: lines for path, lines in _changed(options.since).items() if path.parts[0] != "tests"}
        return {str(path): places(ROOT, path, lines) for path, lines in changed.items()}
    if options.modules:
        return {str(path): places(ROOT, path) for path in options.modules}
    return {
        room: [place for path in sorted((ROOT / room).rglob("*.py")) for place in places(ROOT, path.relative_to(ROOT))]
        for room in options.room or ROOMS
    }


def _drawn(room: str, found: Sequence[Place], sample: int, seed: int) -> list[Mistake]:
    """A mistake of each place that is drawn, or of all where `sample` is 0, in the order of their lines."""
    dice = random.Random(f"{seed} {room}")
    chosen = dice.sample(range(len(found)), min(sample, len(found))) if sample else range(len(found))
    return [found[at].mistake(dice.randrange(len(found[at].changes))) for at in sorted(chosen)]


def _seen(nearest: Nearest, trees: Sequence[Tree], console: Console, *, look: bool) -> Seen:
    """Which tests run which function: what was found last, or what is found now, which takes minutes."""
    kept = ROOT / KEPT
    if look or not kept.exists():
        console.print(f"Running every test once, to see which code each of them runs; {KEPT} keeps it.")
        found = watched(trees, nearest.tests())
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(found))
    return Seen(json.loads(kept.read_text()), trees[0].folder)


def _judged(mistakes: Sequence[Mistake], options: argparse.Namespace, console: Console) -> dict[Mistake, Verdict]:
    """Tries each mistake, several at a time, and says at once which survived; none begins after `--seconds`."""
    columns = (TextColumn("mistakes"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder, ExitStack() as stack:
        trees = [stack.enter_context(Tree(ROOT, Path(folder) / str(number))) for number in range(options.workers)]
        nearest = Nearest(trees[0].folder)
        seen = _seen(nearest, trees, console, look=options.look)
        until = time.monotonic() + options.seconds
        files = {path: nearest.of(path) for path in {each.path for each in mistakes}}
        progress = stack.enter_context(Progress(*columns, console=console))
        task = progress.add_task("", total=len(mistakes))

        def one(tree: Tree, mistake: Mistake) -> Verdict | None:
            if time.monotonic() > until:
                return None
            tests = seen.of(mistake.path, mistake.within, *files[mistake.path])
            verdict = tree.judged(mistake, tests, seen.seconds(tests))
            if not verdict.how:
                progress.console.print(survivor(mistake), markup=False, highlight=False)
            elif not console.is_terminal:
                told = f"{verdict.how:5} {verdict.seconds:5.1f} s  {mistake.path}:{mistake.line} {verdict.by}"
                print(told, file=sys.stderr, flush=True)
            progress.advance(task)
            return verdict

        return {each.mistake: each for each in shared(trees, one, mistakes) if each is not None}


def main(arguments: Sequence[str] | None = None) -> int:
    """Tries what the command line asks for; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants")
    parser.add_argument("modules", nargs="*", type=Path, help="these modules instead of rooms")
    parser.add_argument("--room", action="append", help=f"a folder, once or more often ({', '.join(ROOMS)})")
    parser.add_argument("--since", help="the lines that differ from this commit")
    parser.add_argument("--sample", type=int, default=SAMPLE, help="places of each room, 0 for all (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="draws the same again (%(default)s)")
    parser.add_argument("--look", action="store_true", help="run all tests first, to see anew which code they run")
    parser.add_argument("--seconds", type=float, default=7200, help="after which no mistake is made (%(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="trees at a time (%(default)s)")
    parser.add_argument("--json", action="store_true", help="the scores and survivors for programs")
    options = parser.parse_args(arguments)
    console = Console(stderr=True)
    try:
        known = Equivalents(LISTED.read_text())
        for old in known.old(ROOT):
            print(f"{LISTED.name} has an old entry: {old}", file=sys.stderr)
        drawn = {room: _drawn(room, found, options.sample, options.seed) for room, found in _found(options).items()}
    except (OSError, ValueError) as error:
        print(f"mutants: {error}", file=sys.stderr)
        return 2
    tried = [each for mistakes in drawn.values() for each in mistakes if each not in known]
    random.Random(options.seed).shuffle(tried)  # what is judged in the time is a sample, too
    try:
        verdicts = _judged(tried, options, console)
    except (TimeoutError, RuntimeError) as error:  # not one mistake more would be judged rightly
        print(f"mutants: {error}", file=sys.stderr)
        return 2
    rooms = [
        Room(room, [verdicts[each] for each in mistakes if each in verdicts], [e for e in mistakes if e in known])
        for room, mistakes in drawn.items()
    ]
    if left := len(tried) - len(verdicts):
        print(f"{left} of {len(tried)} mistakes did not begin in {options.seconds:,.0f} s", file=sys.stderr)
    print(json.dumps(as_json(rooms), indent=2) if options.json else table(rooms))
    return int(any(room.score < LEAST for room in rooms))


if __name__ == "__main__":
    sys.exit(main())
