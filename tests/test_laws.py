"""Which room may import which: the laws of the layout, read from the code's own imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("functions", "stacks", "ops", "local", "benchmarks")
FUNCTIONS = sorted(path.parent.name for path in (ROOT / "functions").glob("*/handler.py"))
AWS = ("boto3", "botocore", "aws_lambda_powertools", "aws_cdk")


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Every module that the file imports, wherever in it, with the line."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively; write the whole name"
            yield node.lineno, node.module or ""
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def is_in(module: str, *packages: str) -> bool:
    return any(module == package or module.startswith(package + ".") for package in packages)


def others(own: str) -> tuple[str, ...]:
    return tuple(f"functions.{name}" for name in FUNCTIONS if name != own)


def forbidden(path: Path) -> tuple[str, tuple[str, ...]]:
    """The law for a file: in words, and the packages that break it."""
    parts = path.relative_to(ROOT).parts
    room, place, name = parts[0], parts[1] if len(parts) > 2 else "", parts[-1]
    outside = ("stacks", "ops", "local", "benchmarks", "tests")
    if room == "functions" and place == "contracts":
        return "contracts import no AWS, no runtime and no function", (
            *AWS,
            *outside,
            "functions.runtime",
            *others(""),
            "os",
        )
    if room == "functions" and place == "runtime":
        return "the runtime imports contracts and no function", (*outside, *others(""), "boto3", "aws_cdk")
    if room == "functions" and name == "logic.py":
        return "logic imports contracts only", (*AWS, *outside, "functions.runtime", *others(place), "os")
    if room == "functions":
        return "a function imports contracts, the runtime and its own logic", (*AWS, *outside, *others(place), "os")
    if room == "stacks" and name in ("topology.py", "entry.py", "names.py"):
        return "the topology is plain data", (*AWS, "ops", "local", "functions.runtime", "tests", *others(""))
    if room == "stacks":
        return "stacks read contracts and the topology", (
            *("ops", "local", "benchmarks", "tests", "functions.runtime"),
            *others(""),
        )
    if room in ("ops", "local"):
        own = {"ops": "local", "local": "benchmarks"}[room]
        return f"{room} reads contracts and the topology", (
            *("aws_cdk", "tests", "functions.runtime", own),
            *others(""),
        )
    return "benchmarks measure; nothing else", ("tests",)


@pytest.mark.parametrize("room", ROOMS)
def test_every_import_keeps_the_laws_of_the_layout(room: str) -> None:
    broken = []
    for path in sorted((ROOT / room).rglob("*.py")):
        law, packages = forbidden(path)
        broken += [
            f"{path.relative_to(ROOT)}:{line} imports {module}: {law}"
            for line, module in imports(path)
            if is_in(module, *packages)
        ]
    assert not broken, "\n".join(broken)


def test_no_module_is_a_drawer_for_odds_and_ends() -> None:
    drawers = {"utils", "util", "common", "helpers", "helper", "misc", "shared"}
    found = [
        str(path.relative_to(ROOT))
        for room in ROOMS
        for path in (ROOT / room).rglob("*")
        if path.stem in drawers and "__pycache__" not in path.parts
    ]
    assert not found, f"name them after what is in them: {found}"


def test_every_module_is_read_in_one_sitting() -> None:
    long = [
        f"{path.relative_to(ROOT)} has {lines} lines"
        for room in (*ROOMS, "tests")
        for path in sorted((ROOT / room).rglob("*.py"))
        if (lines := len(path.read_text().splitlines())) > 400
    ]
    assert not long, long
