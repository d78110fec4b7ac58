"""The template has everything that a project needs, and nothing of the example."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from stacks.names import ROOT

TEMPLATE = ROOT / "template"
# What stays here: the example, what measures it, what makes projects, and what we review of our own templates.
OURS = (
    *("benchmarks", "example", "tests/benchmarks", "tests/example"),
    *(
        f"functions/{name}"
        for name in (
            *("accept_order", "apply_payment", "confirm_order", "plan_reminder", "release_stock", "remind_to_pay"),
            *("reserve_stock", "return_payment"),
        )
    ),
    *(f"functions/contracts/{name}.py" for name in ("orders", "payments", "reminders", "shipping", "stock")),
    *("copier.yml", "headrace.mk", "project", "template", "tests/project", "tests/summaries"),
)
# What `python -m documents` writes, in every project its own.
GENERATED = (
    *("docs/alarms.md", "docs/events", "docs/flow.md", "docs/invariants.md", "docs/openapi.json"),
    *("docs/asyncapi.json", "docs/permissions.md", "docs/settings.md", "docs/topology.md"),
)


def tracked() -> list[str]:
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [name for name in names.split("\0") if name]


def is_in(name: str, places: tuple[str, ...]) -> bool:
    return any(name == place or name.startswith(place + "/") for place in places)


def links(folder: Path) -> Iterator[tuple[Path, Path]]:
    """Every link of the template, relative to it, with what it leads to."""
    for path in sorted(folder.iterdir()):
        if path.is_symlink():
            yield path.relative_to(TEMPLATE), path.resolve()
        elif path.is_dir():
            yield from links(path)


def written(folder: Path) -> set[str]:
    """The files of the template that are no links, under the names that they have in a project."""
    return {
        str(path.relative_to(TEMPLATE)).removesuffix(".jinja")
        for path in folder.rglob("*")
        if path.is_file() and not any(each.is_symlink() for each in (path, *path.parents) if each != ROOT)
    }


def test_every_file_is_in_the_template_or_stays_here_for_a_reason() -> None:
    linked = tuple(str(place) for place, _ in links(TEMPLATE))
    places = (*linked, *written(TEMPLATE), *OURS, *GENERATED)
    forgotten = [name for name in tracked() if not is_in(name, places)]
    assert not forgotten, "link these into template/, or say above why a project has none: " + ", ".join(forgotten)


def test_every_link_leads_to_the_same_place_of_the_repository() -> None:
    astray = [str(place) for place, target in links(TEMPLATE) if target != ROOT / place or not target.exists()]
    assert not astray, "a link of template/ leads to the same path of the repository: " + ", ".join(astray)


def test_nothing_of_the_example_is_linked() -> None:
    linked = tuple(str(place) for place, _ in links(TEMPLATE))
    assert not [name for name in tracked() if is_in(name, OURS) and is_in(name, linked)]


@pytest.mark.parametrize("place", OURS + GENERATED)
def test_the_lists_above_name_only_what_is_there(place: str) -> None:
    assert any(is_in(name, (place,)) for name in tracked())


@pytest.mark.parametrize("path", ["cdk.json", "template/cdk.json.jinja"])
def test_the_last_stage_keeps_what_it_holds(path: str) -> None:
    text = (ROOT / path).read_text()
    prod = text[text.index('"prod": {') :]
    assert '"retain": true' in prod
