"""What others wrote and we hand out is the version that we say, to the byte, with its licence."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from ops.console.page import HERE
from stacks.names import ROOT

STATIC = HERE / "static"
AXE = ROOT / "tests/console/axe.min.js"
VENDORED = {
    # https://www.npmjs.com/package/htmx.org/v/2.0.11, dist/htmx.min.js
    STATIC / "htmx.min.js": ("d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717", 'version:"2.0.11"'),
    # https://www.npmjs.com/package/htmx-ext-sse/v/2.2.4, dist/sse.min.js
    STATIC / "htmx-sse.min.js": ("98a46496de0c3605fbffdce9167ba427bdd9553184f83f149c261891a92c0136", '"sse"'),
    # https://www.npmjs.com/package/axe-core/v/4.14.1, axe.min.js
    ROOT / "tests/console/axe.min.js": (
        "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c",
        "axe v4.14.1",
    ),
}


@pytest.mark.parametrize("path", VENDORED, ids=lambda path: path.name)
def test_it_is_the_version_that_we_say(path: Path) -> None:
    digest, version = VENDORED[path]
    content = path.read_bytes()
    assert hashlib.sha256(content).hexdigest() == digest
    assert version in content.decode()


@pytest.mark.parametrize("path", VENDORED, ids=lambda path: path.name)
def test_its_licence_is_beside_it(path: Path) -> None:
    licence = path.with_name(f"{path.name.removesuffix('.js').removesuffix('.min')}.LICENSE").read_text()
    assert any(words in licence for words in ("Zero-Clause BSD", "BSD Zero Clause", "Mozilla Public License"))


def test_every_script_is_ours_or_one_of_these() -> None:
    assert {path.name for path in STATIC.glob("*.js")} == {
        "console.js",
        *(path.name for path in VENDORED if path.parent == STATIC),
    }
