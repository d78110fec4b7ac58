"""What Lambda gets: only what it needs, byte code that stays valid, the same name for the same content."""

from __future__ import annotations

import hashlib
import importlib.util
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from stacks.bundle import build
from stacks.bundle.build import PackageError, Target

HOST = Target.this_machine()


@pytest.fixture
def functions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small `functions/` and an empty `build/`."""
    folder = tmp_path / "functions"
    for name, text in {
        "__init__.py": "",
        "greet/__init__.py": "",
        "greet/handler.py": "WORD = 'hello'\n",
        "greet/mail.txt": "Dear customer\n",
        "requirements.txt": "",
        "requirements.in": "",
        ".notes": "",
        "greet/__pycache__/handler.cpython-39.pyc": "stale",
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for name, value in {"ROOT": tmp_path, "FUNCTIONS": folder, "BUILD": tmp_path / "build"}.items():
        monkeypatch.setattr(build, name, value)
    monkeypatch.setattr(build, "REQUIREMENTS", folder / "requirements.txt")
    return folder


def test_the_code_keeps_its_prefix_and_leaves_the_working_trees_litter_behind(functions: Path) -> None:
    built = build.build_code(HOST)
    sources = {path.relative_to(built).as_posix() for path in built.rglob("*") if path.is_file()}
    tag = sys.implementation.cache_tag
    assert sources == {
        "functions/__init__.py",
        "functions/RELEASE",
        f"functions/__pycache__/__init__.{tag}.pyc",
        "functions/greet/__init__.py",
        "functions/greet/handler.py",
        "functions/greet/mail.txt",
        f"functions/greet/__pycache__/__init__.{tag}.pyc",
        f"functions/greet/__pycache__/handler.{tag}.pyc",
    }
    assert (built / "functions" / "RELEASE").read_text() == build.release()


def test_byte_code_is_valid_whatever_time_its_source_is_dated(functions: Path) -> None:
    for compiled in build.build_code(HOST).rglob("*.pyc"):
        header = compiled.read_bytes()[:8]
        assert header[:4] == importlib.util.MAGIC_NUMBER
        assert int.from_bytes(header[4:], "little") == 0b01  # hash-based, unchecked (PEP 552)


def test_tracebacks_name_files_where_lambda_has_them(functions: Path) -> None:
    (compiled,) = build.build_code(HOST).rglob("handler.*.pyc")
    assert b"/var/task/functions/greet/handler.py" in compiled.read_bytes()


def test_the_same_content_has_the_same_name_on_every_machine(functions: Path) -> None:
    before = build.code_hash(HOST)
    (functions / "greet" / "handler.py").touch()
    (functions / "greet" / "__pycache__" / "handler.cpython-312.pyc").write_text("other litter")
    assert build.code_hash(HOST) == before


def test_other_content_or_another_target_has_another_name(functions: Path) -> None:
    hashes = {build.code_hash(HOST), build.code_hash(Target(python=HOST.python, architecture="arm64"))}
    (functions / "greet" / "handler.py").write_text("WORD = 'goodbye'\n")
    hashes.add(build.code_hash(HOST))
    (functions / "requirements.txt").write_text("six==1.17.0\n")  # another release, though the layer has it
    hashes.add(build.code_hash(HOST))
    assert len(hashes) == 4


def test_a_release_is_the_same_for_whatever_it_is_compiled(functions: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    targets = (HOST, Target(python="3.13", architecture="arm64"))
    with_byte_code = build.build_code(HOST)
    monkeypatch.setattr(build, "_interpreter", lambda version: None)
    built = [with_byte_code, *(build.build_code(target) for target in targets)]
    assert len({*built}) == 3
    assert {(folder / "functions" / "RELEASE").read_text() for folder in built} == {build.release()}
    before = build.release()
    (functions / "greet" / "mail.txt").write_text("Dear friend\n")
    assert build.release() != before


def test_the_layers_name_follows_the_requirements_and_the_target(functions: Path) -> None:
    arm = Target(python="3.13", architecture="arm64")
    hashes = {build.layer_hash(HOST), build.layer_hash(arm)}
    (functions / "requirements.txt").write_text("six==1.17.0\n")
    hashes |= {build.layer_hash(HOST), build.layer_hash(arm)}
    assert len(hashes) == 4


def test_without_an_interpreter_of_the_target_the_code_goes_without_byte_code_under_another_name(
    functions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_byte_code = build.code_hash(HOST)
    monkeypatch.setattr(build, "_interpreter", lambda version: None)
    assert build.code_hash(HOST) != with_byte_code
    assert not list(build.build_code(HOST).rglob("*.pyc"))


def test_what_is_built_is_built_once(functions: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built = build.build_code(HOST)
    monkeypatch.setattr(build, "_compile", lambda *args, **kwargs: pytest.fail("compiled again"))
    assert build.build_code(HOST) == built


def test_a_build_that_breaks_off_leaves_nothing_that_looks_finished(
    functions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any, **kwargs: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(build, "_compile", broken)
    with pytest.raises(KeyboardInterrupt):
        build.build_code(HOST)
    assert list(build.BUILD.iterdir()) == []


def test_runs_that_build_the_same_at_once_all_get_it_whole(functions: Path) -> None:
    together = Barrier(4)

    def fill(folder: Path) -> None:
        together.wait(10)
        (folder / "made").write_text("whole")

    with ThreadPoolExecutor(4) as pool:
        folders = list(pool.map(lambda _: build.built("packages", fill), range(4)))
    assert set(folders) == {build.BUILD / "packages"}
    assert [path.read_text() for path in build.BUILD.rglob("*") if path.is_file()] == ["whole"]


def test_a_source_that_is_no_python_stops_the_build(functions: Path) -> None:
    (functions / "greet" / "handler.py").write_text("def handler(:")
    with pytest.raises(subprocess.CalledProcessError):
        build.build_code(HOST)
    assert list(build.BUILD.iterdir()) == []


def test_a_layer_that_pip_cannot_fetch_is_one_sentence(functions: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (functions / "requirements.txt").write_text("no-such-thing==1 --hash=sha256:" + "0" * 64)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(PackageError, match=r"^pip could not fetch the dependency layer for Python .*no-such-thing"):
        build.build_layer(HOST)
    assert list(build.BUILD.iterdir()) == []


def test_a_layer_holds_what_pip_fetched_compiled_and_without_its_records(
    functions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = functions.parent / "wheels" / "botocore-1.0-py3-none-any.whl"
    wheel.parent.mkdir()
    files = {
        "botocore/__init__.py": "",
        "botocore/client.pyi": "",
        "botocore/data/endpoints.json": '{"partitions": []}',
        "boto3/examples/sqs.rst": "",
        "boto3/data/sqs/2012-11-05/resources-1.json": "{}",
        "boto3/data/ec2/2016-11-15/resources-1.json": "{}",
        "boto3/data/readme.json": "{}",
        "bin/jp.py": "",
        "aws_lambda_powertools/event_handler/router.py": "",
        "dateutil/zoneinfo/zones.tar.gz": "",
        "dateutil/zoneinfo/readme.txt": "",
        "botocore-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: botocore\nVersion: 1.0\n",
        "botocore-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "botocore-1.0.dist-info/LICENSE": "Do as you like.",
        "botocore-1.0.dist-info/RECORD": "",
    }
    with zipfile.ZipFile(wheel, "w") as packed:
        for name, text in files.items():
            packed.writestr(name, text)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (functions / "requirements.txt").write_text(f"botocore==1.0 --hash=sha256:{digest}\n")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    layer = build.build_layer(HOST)
    assert {path.relative_to(layer / "python").as_posix() for path in layer.rglob("*") if path.is_file()} == {
        "botocore/__init__.py",
        f"botocore/__pycache__/__init__.{sys.implementation.cache_tag}.pyc",
        "botocore/data/endpoints.json",
        "boto3/data/sqs/2012-11-05/resources-1.json",
        "boto3/data/readme.json",
        "dateutil/zoneinfo/readme.txt",
        *(f"botocore-1.0.dist-info/{name}" for name in ("METADATA", "WHEEL", "LICENSE")),
    }


@pytest.mark.parametrize(
    ("said", "reason"),
    [("WARNING: slow\nERROR: no such thing\n", "ERROR: no such thing"), ("", "no reason given")],
)
def test_pip_is_asked_for_the_locked_wheels_of_the_targets_platform_and_its_last_word_is_told(
    functions: Path, monkeypatch: pytest.MonkeyPatch, said: str, reason: str
) -> None:
    asked: list[list[str]] = []

    def run(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        asked.append(command)
        return subprocess.CompletedProcess(command, 1, "", said)

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(Target, "interpreter", lambda self: None)
    with pytest.raises(PackageError) as refused:
        build.build_layer(Target(python="3.13", architecture="arm64"))
    assert str(refused.value) == f"pip could not fetch the dependency layer for Python 3.13: {reason}"
    (command,) = asked
    assert {"--python-version=3.13", "--implementation=cp", "--platform=manylinux2014_aarch64"} <= set(command)
    # Nothing but what is locked, nothing that runs here, and no byte code of this machine's Python.
    assert {"--only-binary=:all:", "--require-hashes", "--no-deps", "--no-compile"} <= set(command)
    assert f"--requirement={functions / 'requirements.txt'}" in command
    assert not any("x86_64" in word for word in command)
