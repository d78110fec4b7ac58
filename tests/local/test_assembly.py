"""Stacks that nobody changed are not synthesized again, and those that anybody changed are."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from local import assembly
from local.assembly import share_zips, take
from local.state import Endpoint
from local.toolchain import environment

APP = ".venv/bin/python app.py"


class Synth:
    """Synthesizes, and counts how often."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.times = 0

    def into(self, name: str, command: str = APP, environment: Mapping[str, str] | None = None) -> Path:
        folder = self.root / "cdk.out" / name

        def make() -> None:
            self.times += 1
            (folder / "asset.1").mkdir(parents=True)
            (folder / "asset.1" / "code.py").write_text("code")
            (folder / "manifest.json").write_text(f"made {self.times}")

        take(folder, command, environment or {}, make)
        return folder


@pytest.fixture
def synth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Synth:
    for name in ("stacks/map.py", "functions/greet/handler.py", "mine/app.py", "app.py", "cdk.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    monkeypatch.setattr(assembly, "ROOT", tmp_path)
    monkeypatch.setattr(assembly, "BUILD", tmp_path / "build")
    return Synth(tmp_path)


def test_what_nobody_changed_is_taken_as_it_was_and_stays_as_it_is(synth: Synth) -> None:
    synth.into("first")
    second = synth.into("second")
    assert synth.times == 1
    assert (second / "manifest.json").read_text() == "made 1"
    assert (second / "asset.1" / "code.py").read_text() == "code"
    (second / "manifest.json").write_text("changed by its owner")
    assert (synth.into("third") / "manifest.json").read_text() == "made 1"


@pytest.mark.parametrize(
    "name",
    [
        "stacks/map.py",
        "functions/greet/handler.py",
        "app.py",
        "cdk.json",
        "stacks/new.py",
        "names.toml",
        "shared/new.py",
    ],
)
def test_whatever_the_stacks_are_made_of_makes_them_anew(synth: Synth, name: str) -> None:
    synth.into("first")
    (synth.root / name).parent.mkdir(exist_ok=True)
    (synth.root / name).write_text("other")
    assert (synth.into("second") / "manifest.json").read_text() == "made 2"


def test_another_command_or_environment_makes_them_anew_and_another_moment_does_not(synth: Synth) -> None:
    synth.into("first")
    synth.into("second", f"{APP.removesuffix('app.py')}-m mine.app")
    synth.into("third", environment={"RETIRED": "tickets"})
    assert synth.times == 3
    synth.into("fourth", environment={"AWS_ENDPOINT_URL": "https://127.0.0.1:4566", "TMPDIR": "elsewhere"})
    assert synth.times == 3


def test_another_emulator_does_not_count(synth: Synth) -> None:
    for number in (1, 2):
        endpoint = Endpoint(
            url=f"https://127.0.0.1:{number}",
            access_key_id=f"key-{number}",
            secret_access_key=f"secret-{number}",
            ca_bundle=f"/home/{number}/ca.pem",
        )
        synth.into(f"from-{number}", environment=environment(endpoint))
    assert synth.times == 1


def test_byte_code_does_not_count(synth: Synth) -> None:
    synth.into("first")
    (synth.root / "stacks" / "__pycache__").mkdir()
    (synth.root / "stacks" / "__pycache__" / "map.cpython-311.pyc.140").write_text("being written")
    synth.into("second")
    assert synth.times == 1


def test_a_modules_own_folder_counts(synth: Synth) -> None:
    command = "python -m mine.app"
    synth.into("first", command)
    (synth.root / "mine" / "map.py").write_text("more")
    synth.into("second", command)
    assert synth.times == 2


def test_of_a_command_that_reads_nobody_knows_what_nothing_is_kept(synth: Synth) -> None:
    for name in ("first", "second"):
        synth.into(name, "npx cdk-app")
    assert synth.times == 2


def test_what_is_saved_while_it_is_made_is_not_kept_under_the_name_of_what_was(synth: Synth) -> None:
    def make() -> None:
        (synth.root / "cdk.out" / "first").mkdir(parents=True)
        (synth.root / "stacks" / "map.py").write_text("saved meanwhile")

    take(synth.root / "cdk.out" / "first", APP, {}, make)
    (synth.root / "stacks" / "map.py").write_text("stacks/map.py")
    synth.into("second")
    assert synth.times == 1


def test_a_synth_that_fails_is_tried_again(synth: Synth) -> None:
    def fail() -> None:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        take(synth.root / "cdk.out" / "first", APP, {}, fail)
    synth.into("second")
    assert synth.times == 1


def test_only_the_last_ones_are_kept(synth: Synth, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assembly, "MOST", 2)
    for number in range(4):
        synth.into(str(number), environment={"NUMBER": str(number)})
    synth.into("last", environment={"NUMBER": "3"})
    assert synth.times == 4
    synth.into("again", environment={"NUMBER": "0"})
    assert synth.times == 5


def test_what_another_removes_at_the_same_time_is_no_failure(synth: Synth, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assembly, "MOST", 1)
    for name in ("one", "two", "three"):
        (synth.root / "build" / f"assembly-{name}").mkdir(parents=True)
    real = Path.is_dir

    def removed_meanwhile(path: Path) -> bool:
        found = real(path)
        if path.name == "assembly-two":
            path.rmdir()
        return found

    monkeypatch.setattr(Path, "is_dir", removed_meanwhile)
    synth.into("a")
    monkeypatch.setattr(Path, "is_dir", real)
    assert len([path for path in (synth.root / "build").glob("assembly-*") if path.is_dir()]) == 1


def zipped(folder: Path, name: str) -> Path:
    """What the CDK CLI leaves of an asset in the folder's `.cache`."""
    (folder / ".cache").mkdir(exist_ok=True)
    (folder / ".cache" / name).write_text(name)
    return folder / ".cache" / name


def test_what_was_zipped_for_one_assembly_is_there_for_the_next(synth: Synth) -> None:
    first, second = synth.into("first"), synth.into("second")
    share_zips(first)
    zipped(first, "1.zip")
    share_zips(second)
    share_zips(second)
    assert (second / ".cache" / "1.zip").read_text() == "1.zip"
    assert not (synth.into("third") / ".cache").exists(), "it is no part of what is kept"


def test_of_zips_those_in_use_and_the_last_ones_are_kept(synth: Synth, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assembly, "MOST_ZIPS", 2)
    folder = synth.into("first")
    share_zips(folder)
    for age, name in enumerate(("1.zip", "new.zip", "older.zip", "broken-off.zip.ab._tmp")):
        os.utime(zipped(folder, name), (1_000_000 - age,) * 2)
    share_zips(folder)
    assert {path.name for path in (folder / ".cache").iterdir()} == {"1.zip", "new.zip"}


def test_a_zip_that_another_removes_at_the_same_time_is_no_failure(
    synth: Synth, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assembly, "MOST_ZIPS", 0)
    folder = synth.into("first")
    share_zips(folder)
    zipped(folder, "1.zip")
    real = assembly._taken

    def removed_meanwhile(path: Path) -> float:
        found = real(path)
        path.unlink()
        return found

    monkeypatch.setattr(assembly, "_taken", removed_meanwhile)
    share_zips(folder)
    assert list((folder / ".cache").iterdir()) == []
