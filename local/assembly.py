"""Assemblies that are kept: stacks that nobody changed are not synthesized again.

Kept is what was made of the same code, by the same packages, in the same environment: in `build/`, under a hash of all
three. What names a machine's moment and no template (a port, a certificate, a terminal, a temporary folder) is left
out of it.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from stacks.bundle.build import BUILD
from stacks.names import ROOT

MOST = 12
"""Assemblies that are kept; the one that was not taken for the longest goes."""
MOST_ZIPS = 60
"""Zips that are kept, a few for each assembly; those that were not taken for the longest go."""
MOMENT = (
    *("AWS_", "PYTEST_", "SSH_", "XDG_", "HEADRACE_LOCAL", "TMPDIR", "PWD", "OLDPWD", "SHLVL", "COLUMNS", "LINES"),
    *("TERM", "MAKE", "MFLAGS", "LS_COLORS", "NODE_EXTRA_CA_CERTS"),
)
"""How variables begin that say nothing about the stacks."""


APART = ("build", "cdk.out", "docs", "template", "tests")
"""What stacks are not made of: what is made of them, and what is about them. Nor are they of names with a dot first."""


def take(assembly: Path, command: str, environment: Mapping[str, str], make: Callable[[], None]) -> None:
    """Fill the folder `assembly` as `make` would, from what is kept if that is there. Raises what `make` raises.

    `command` is what makes the stacks: `python app.py`, which may read all of the project but what is `APART`, or
    `python -m MODULE`, which is made of `functions/`, `stacks/` and the module's own folder. Of any other, nobody knows
    what it reads, and nothing is kept.
    """
    if (name := _name(command, environment)) is None:
        make()
        return
    kept = BUILD / name
    BUILD.mkdir(exist_ok=True)
    with (BUILD / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # who starts at the same time takes what the first one made
        if kept.exists():
            os.utime(kept)
            _copy(kept, assembly)
            return
        make()
        if _name(command, environment) != name:  # something was saved meanwhile
            return
        draft = Path(tempfile.mkdtemp(dir=BUILD, prefix="assembly-draft-"))
        _copy(assembly, draft)
        draft.rename(kept)
    _tidy()


def share_zips(assembly: Path) -> None:
    """Let the CDK CLI take the zips of code that it made for another assembly, and leave its own to the next.

    It looks into the assembly's `.cache`, by the hash that names the object in the bucket, before it zips anything; and
    renames what it zipped when that is whole.
    https://github.com/aws/aws-cdk-cli/blob/main/packages/%40aws-cdk/cdk-assets-lib/lib/private/handlers/files.ts
    """
    zips = BUILD / "zips"
    zips.mkdir(parents=True, exist_ok=True)
    for asset in assembly.glob("asset.*"):
        with contextlib.suppress(FileNotFoundError):  # it is to be zipped yet
            os.utime(zips / f"{asset.name.removeprefix('asset.')}.zip")
    for path in sorted(zips.iterdir(), key=_taken, reverse=True)[MOST_ZIPS:]:
        path.unlink(missing_ok=True)  # another process removes the same ones
    cache = assembly / ".cache"
    if not cache.exists():
        cache.symlink_to(zips.absolute())


def _name(command: str, environment: Mapping[str, str]) -> str | None:
    """What names the assembly; None where nobody knows what it is made of."""
    match shlex.split(command)[1:]:
        case ["app.py"]:
            read = [path.name for path in sorted(ROOT.iterdir()) if path.name[0] != "." and path.name not in APART]
        case ["-m", module] if "." in module:
            read = ["cdk.json", "functions", "stacks", module.rpartition(".")[0].replace(".", "/")]
        case _:
            return None
    digest = hashlib.sha256(repr((command, sys.version)).encode())
    installed = (path.name for path in Path(sys.prefix).glob("lib/python*/site-packages/*.dist-info"))
    lasting = (each for each in environment.items() if not each[0].startswith(MOMENT) and each[0] != "_")
    digest.update(repr((sorted(installed), sorted(lasting))).encode())
    for path in _files(read):
        digest.update(f"\0{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return f"assembly-{digest.hexdigest()[:16]}"


def _files(read: list[str]) -> Iterator[Path]:
    for name in read:
        found = sorted((ROOT / name).rglob("*")) if (ROOT / name).is_dir() else [ROOT / name]
        yield from (path for path in found if "__pycache__" not in path.parts and path.is_file())


def _copy(source: Path, target: Path) -> None:
    """Copy an assembly; the code and the layer, which nobody writes to, by links where the file system has them."""

    def one(path: str, other: str) -> str:
        if "asset." in path:
            try:
                os.link(path, other)
            except OSError:
                return shutil.copy2(path, other)
            return other
        return shutil.copy2(path, other)

    shutil.copytree(source, target, copy_function=one, dirs_exist_ok=True)


def _taken(path: Path) -> float:
    """When the assembly was taken the last time; long ago where another process removed it a moment ago."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _tidy() -> None:
    """Remove the assemblies that were not taken for the longest."""
    found = [path for path in BUILD.glob("assembly-*") if path.is_dir() and "draft" not in path.name]
    for path in sorted(found, key=_taken)[:-MOST]:
        with path.with_suffix(".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            shutil.rmtree(path, ignore_errors=True)
