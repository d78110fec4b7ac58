"""What an editor leaves, however it ends and however it writes lines, and what is said of one that does not wait."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from ops import stage as ops_stage
from tests.ops.cli.test_editing import arrived, by, files, program, wrong_tickets
from tests.ops.cli.typed import answer, ops, queue
from tests.ops.endpoint import Endpoint


@pytest.fixture(autouse=True)
def no_visual(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VISUAL", raising=False)


@pytest.mark.parametrize(
    ("end", "code"),
    [
        ("sys.exit(1)", 2),
        ("os.kill(os.getpid(), 2)", 5),
        ("os.kill(os.getpid(), 9)", 2),
        ("os.kill(os.getppid(), 15)", 5),
        ("path.write_bytes(path.read_text().encode('utf-16'))", 2),
    ],
)
def test_what_was_written_is_kept_however_the_editor_ends(
    aws: Endpoint, home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, end: str, code: int
) -> None:
    wrong_tickets(aws, 1)
    by(monkeypatch, program(tmp_path, f"path.write_text(path.read_text().replace('en', 'EN'))\n{end}"))
    done = ops("redrive", "open_ticket", "--editor", "--yes")
    assert (done.exit_code, arrived(aws)) == (code, []), done.output
    (kept,) = files(home, "-edit.txt")
    assert f"what you wrote is in {kept}" in done.stderr
    assert '"language": "EN"' in kept.read_bytes().decode("utf-16" if "utf-16" in end else "utf-8")
    assert kept.stat().st_mode & 0o777 == 0o600
    assert list((home / "ops").rglob("edit-*")) == []


def test_an_editor_that_ends_badly_without_a_change_leaves_nothing(
    aws: Endpoint, home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    wrong_tickets(aws, 1)
    for end in ("sys.exit(1)", "path.unlink(); sys.exit(1)", "path.unlink(); path.mkdir()"):
        by(monkeypatch, program(tmp_path, end))
        done = ops("redrive", "open_ticket", "--editor", "--yes")
        assert (done.exit_code in (1, 2), files(home, ".txt")) == (True, []), done.output


@pytest.mark.parametrize("ends", ["\\r\\n", "\\n\\n"])
def test_an_editor_with_other_line_ends_or_blank_lines_changes_nothing(
    aws: Endpoint, home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ends: str
) -> None:
    wrong_tickets(aws, 1)
    aws.put(queue(aws, "open_ticket-dlq"), "hello")
    instead = f"b'\\n# message', b'{ends}# message'" if ends == "\\n\\n" else f"b'\\n', b'{ends}'"
    by(monkeypatch, program(tmp_path, f"path.write_bytes(path.read_bytes().replace({instead}))"))
    done = ops("redrive", "open_ticket", "--editor", "--yes", "--force")
    assert (done.exit_code, done.stdout.strip()) == (0, "Nothing was changed, so nothing was sent."), done.output


@pytest.mark.parametrize(
    ("options", "told"), [("", " code returns at once: set EDITOR to `code --wait`."), (" --wait", "")]
)
def test_an_editor_that_does_not_wait_is_told_of(
    aws: Endpoint, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, options: str, told: str
) -> None:
    wrong_tickets(aws, 1)
    (tmp_path / "code").symlink_to("/bin/true")
    by(monkeypatch, f"{tmp_path / 'code'}{options}")
    done = ops("redrive", "open_ticket", "--editor")
    assert (done.exit_code, done.stdout.strip()) == (0, f"Nothing was changed, so nothing was sent.{told}")


def test_what_a_dry_run_says_to_type_can_be_typed(
    aws: Endpoint, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(ops_stage, "HOME", tmp_path / "a folder")
    (tmp_path / "a folder").mkdir()
    (tmp_path / "state.json").rename(tmp_path / "a folder" / "state.json")
    wrong_tickets(aws, 1)
    by(monkeypatch, """sed -i 's/"en"/"EN"/'""")
    shown = ops("redrive", "open_ticket", "--editor").stdout
    said = shlex.split(shown[shown.index("--edit @") :])[1]
    assert answer("redrive", "open_ticket", "--edit", said, "--yes")["tally"]["moved"] == 1
