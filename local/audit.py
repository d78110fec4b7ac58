"""`make audit`: is something known against a pinned package? OSV is asked or, where that is out of reach, PyPI.

Both need the network. Exit code 0 says that every package was judged and nothing is known, 1 that something is, 2 that
nobody could be asked, or not about every package: an
index of one's own often serves packages and knows nothing of vulnerabilities.
https://google.github.io/osv.dev/api/
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from stacks.names import ROOT

SERVICES = (("OSV", ("-s", "osv")), ("PyPI", ("-s", "pypi")))
"""Who is asked, in this order, each with pip-audit's options for it."""
PIP_AUDIT = ("-m", "pip_audit", "--strict", "--format", "json", "--progress-spinner", "off", "--disable-pip")
LONGEST = 600
"""Seconds for one file."""
Found = tuple[str, str, str, str]
"""A package, its version, what is known by which name, and the versions without it."""


class UnknownError(Exception):
    """Nobody could be asked; the message says why, a line for each."""


def main(console: Console | None = None, services: Sequence[tuple[str, Sequence[str]]] = SERVICES) -> int:
    """Ask about everything that is locked, and show the answer; the exit code."""
    console = console or Console(highlight=False)
    files = locked(ROOT)
    try:
        service, judged, found = ask(files, services)
    except UnknownError as unknown:
        console.print("[red]✗[/red] Nobody could be asked; run `make audit` where the internet is reached.")
        console.print(str(unknown), markup=False)
        return 2
    if not found:
        console.print(f"[green]✓[/green] {service} knows nothing against any of {judged} packages.")
        return 0
    table = Table("package", "version", "known as", "without it", title_justify="left", box=None)
    for row in sorted(found):
        table.add_row(*row)
    console.print(table)
    console.print(
        f"[red]✗[/red] Set other pins in the requirements.in that names each, then run `make lock`; {service}."
    )
    return 1


def locked(root: Path) -> list[Path]:
    """Every file of locked packages: the project's own, its folders' and its functions'."""
    found = (path.relative_to(root) for depth in ("", "*/", "*/*/") for path in root.glob(f"{depth}requirements.txt"))
    return sorted(path for path in found if not path.parts[0].startswith((".", "template", "build", "cdk.out")))


def ask(files: Sequence[Path], services: Sequence[tuple[str, Sequence[str]]]) -> tuple[str, int, set[Found]]:
    """Who answered, how many packages were judged, and what is known. Raises `UnknownError`."""
    reasons = []
    for service, options in services:
        try:
            judged = {pair for file in files for pair in _judged(file, options)}
        except UnknownError as unknown:
            reasons.append(f"  {service}: {unknown}")
            continue
        return service, len({row[:2] for row in judged}), {row for row in judged if row[2]}
    raise UnknownError("\n".join(reasons))


def _judged(file: Path, options: Sequence[str]) -> Iterator[Found]:
    """Each package of the file; its third word is empty where nothing is known."""
    command = (sys.executable, *PIP_AUDIT, "--require-hashes", "-r", str(file), *options)
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=LONGEST)
    except subprocess.TimeoutExpired:
        raise UnknownError(f"{file}: no answer within {LONGEST} seconds.") from None
    try:
        rows = list(_rows(json.loads(done.stdout)["dependencies"]))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UnknownError(_last_line(done.stderr)) from None
    if not rows:
        raise UnknownError(f"{file}: not one package was judged. {_last_line(done.stderr)}")
    yield from rows


def _rows(packages: Sequence[dict[str, Any]]) -> Iterator[Found]:
    for package in packages:
        if "skip_reason" in package:
            raise UnknownError(f"{package['name']} was not judged: {package['skip_reason']}")
        yield package["name"], package["version"], "", ""
        for known in package["vulns"]:
            yield package["name"], package["version"], known["id"], ", ".join(known["fix_versions"]) or "none yet"


def _last_line(text: str) -> str:
    lines = text.strip().splitlines() or ["pip-audit said nothing."]
    return lines[-1].removeprefix("ERROR:pip_audit._cli:")[:300]


if __name__ == "__main__":
    sys.exit(main())
