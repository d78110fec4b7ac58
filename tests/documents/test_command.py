"""One door to every page: `python -m documents [--check]`."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from documents import permissions
from documents.command import main
from documents.diagram import END, START
from stacks.entry import Topology
from stacks.invariants.assembly import Assembly
from stacks.names import ROOT
from tests.kept import kept
from tests.sample.topology import SAMPLE


@pytest.fixture(scope="module", autouse=True)
def _kept() -> Iterator[None]:
    """The templates of which the pages tell are made once, and not for every command."""
    anew, code = permissions.synthesized, Path(permissions.__file__).read_text()

    def synthesized(stage: str, topology: Topology, folder: Path) -> Assembly:

        def make(draft: Path) -> None:
            anew(stage, topology, draft)

        made = kept(("documents", stage, topology, code), make)
        shutil.copytree(made, folder, dirs_exist_ok=True)
        return Assembly.read(map(str, sorted(folder.glob("*.template.json"))))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(permissions, "synthesized", synthesized)
        yield


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that has a README, and every page of the sample."""
    root = tmp_path_factory.mktemp("project")
    (root / "README.md").write_text(f"{START}\n{END}\n")
    assert main([], SAMPLE, root) == 0
    return root


def pages(root: Path) -> list[Path]:
    """Every file of the project."""
    return sorted(path for path in root.rglob("*") if path.is_file())


def test_what_was_written_is_in_step(written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"], SAMPLE, written) == 0
    assert capsys.readouterr().out == ""
    assert "open_ticket" in (written / "README.md").read_text()


def test_checking_tells_every_page_that_is_out_of_date(written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.read_text() for path in pages(written)}
    try:
        for path, text in before.items():
            path.write_text(text.replace("open_ticket", "opened", 1) if path.suffix == ".md" else text)
        changed = [path for path in before if path.read_text() != before[path]]
        (written / "docs" / "invariants.md").unlink()
        assert main(["--check"], SAMPLE, written) == 1
        told = capsys.readouterr().out.splitlines()
        assert sorted(told) == sorted(
            f"{path.relative_to(written)} is out of date; run: make fix"
            for path in (*changed, written / "docs" / "invariants.md")
        )
        assert main([], SAMPLE, written) == 0
        assert {path: path.read_text() for path in pages(written)} == before
    finally:
        for path, text in before.items():
            path.write_text(text)


def test_an_event_that_breaks_its_readers_stops_everything(written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written / "docs" / "events" / "TicketOpened.v1.json"
    known = path.read_text()
    older = json.loads(known)
    older["$defs"]["TicketOpened"]["properties"]["voucher"] = {"type": "string"}
    path.write_text(json.dumps(older))
    (written / "docs" / "invariants.md").write_text("stale")
    try:
        for arguments in ([], ["--check"]):
            assert main(arguments, SAMPLE, written) == 1
            assert "TicketOpened.v1.json: data.voucher was removed." in capsys.readouterr().err
        assert json.loads(path.read_text()) == older
        assert (written / "docs" / "invariants.md").read_text() == "stale"
    finally:
        path.write_text(known)
        main([], SAMPLE, written)


def test_pages_of_what_is_gone_go_with_it(tmp_path: Path) -> None:
    assert main([], SAMPLE, tmp_path) == 0
    assert (tmp_path / "docs" / "openapi.json").exists()
    assert main([], Topology(), tmp_path) == 0
    assert not (tmp_path / "docs" / "openapi.json").exists()
    assert main(["--check"], Topology(), tmp_path) == 0


@pytest.mark.parametrize("arguments", [["--chekc"], ["--check", "--check"], ["docs/flow.md"]])
def test_wrong_arguments_are_one_sentence_and_change_nothing(
    tmp_path: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments, SAMPLE, tmp_path) == 2
    assert capsys.readouterr().err == "python -m documents takes --check or nothing.\n"
    assert not list(tmp_path.iterdir())


def test_the_pages_of_this_project_are_in_step() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "documents", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
