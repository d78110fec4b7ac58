"""What an editor leaves, however it ends and however it writes lines, and what is said of one that does not wait."""

from __future__ import annotations

import errno
import shlex
import signal
import threading
from pathlib import Path

import pytest

from ops import stage as ops_stage
from ops.errors import OpsError
from ops.redrive import editor
from tests.ops.cli.test_editing import arrived, by, files, program, wrong_tickets
from tests.ops.cli.typed import answer, ops, queue
from tests.ops.endpoint import Endpoint

WINDOWED = ("atom", "code", "code-insiders", "codium", "cursor", "subl", "windsurf", "zed")


@pytest.fixture(autouse=True)
def no_visual(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VISUAL", raising=False)


@pytest.mark.parametrize(
    ("end", "code", "said"),
    [
        ("sys.exit(1)", 2, " ended with 1: nothing was sent. Without a terminal it must be"),
        ("sys.exit(130)", 5, ""),
        ("sys.exit(129)", 2, " ended with 129: nothing was sent."),
        ("os.kill(os.getpid(), 2)", 5, ""),
        ("os.kill(os.getpid(), 9)", 2, " ended with -9: nothing was sent."),
        ("os.kill(os.getppid(), 15)", 5, ""),
        ("os.kill(os.getppid(), 1)", 5, ""),
        ("path.write_bytes(path.read_text().encode('utf-16'))", 2, " left a file that is not UTF-8: nothing was sent."),
    ],
)
def test_what_was_written_is_kept_however_the_editor_ends(
    aws: Endpoint, home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, end: str, code: int, said: str
) -> None:
    wrong_tickets(aws, 1)
    by(monkeypatch, program(tmp_path, f"path.write_text(path.read_text().replace('en', 'EN'))\n{end}"))
    done = ops("redrive", "open_ticket", "--editor", "--yes")
    assert (done.exit_code, arrived(aws), said in done.stderr) == (code, [], True), done.output
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
    ("name", "options", "told"),
    [
        *((name, "", f" {name} returns at once: set EDITOR to `{name} --wait`.") for name in WINDOWED),
        *(("code", f" {waits}", "") for waits in ("-w", "--wait", "-f", "--nofork", "--block", "-n -w")),
        ("code", " --nowait", " code returns at once: set EDITOR to `code --wait`."),
        ("vi", "", ""),
    ],
)
def test_an_editor_that_does_not_wait_is_told_of(
    aws: Endpoint, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, options: str, told: str
) -> None:
    wrong_tickets(aws, 1)
    by(monkeypatch, f"{tmp_path / name}{options}")
    assert editor.hint() == told
    if name == "code" and options in ("", " --wait"):
        (tmp_path / name).symlink_to("/bin/true")
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


def test_the_editor_of_the_screen_goes_before_that_of_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDITOR", "vi -n 'a b'")
    assert editor.command() == ["vi", "-n", "a b"]
    monkeypatch.setenv("VISUAL", "  ")
    assert editor.command() == ["vi", "-n", "a b"]
    monkeypatch.setenv("VISUAL", " code --wait ")
    assert editor.command() == ["code", "--wait"]


def test_signals_are_the_persons_again_once_the_editor_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    by(monkeypatch, program(tmp_path, "os.kill(os.getppid(), 2); path.write_text('by ' + path.read_text())"))
    kept: list[bytes] = []
    assert editor.edited("hand", tmp_path, kept.append) == "by hand", "Ctrl-C is the editor's own"
    assert ([signal.getsignal(number) for number in numbers], kept) == (before, [])
    assert [each.name for each in tmp_path.iterdir()] == ["editor.py"]


def test_in_a_thread_an_editor_works_without_signals(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    by(monkeypatch, program(tmp_path, "path.write_text('other')"))
    told: list[str] = []
    thread = threading.Thread(target=lambda: told.append(editor.edited("text", tmp_path, lambda _: None)))
    thread.start()
    thread.join()
    assert told == ["other"]


def test_a_folder_in_which_nothing_can_be_kept_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    by(monkeypatch, "true")

    def full(file: int, content: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("ops.private_file.write", full)
    with pytest.raises(OpsError, match=rf"^The messages cannot be edited in {tmp_path}/edit-.*: No space left on dev"):
        editor.edited("text", tmp_path, lambda _: None)
    assert list(tmp_path.iterdir()) == []
