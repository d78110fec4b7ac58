"""What takes seconds to make and comes out the same: kept in `build/`, under a hash of all that goes into it.

Every worker of a run and every run after it takes what one of them made. What is made of other sources has another
name.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / "build" / "kept"
ROOMS = ("functions", "stacks", "tests/sample", "tests/stacks", "tests/local/gateway", "tests/permissions")
"""Where templates of the tests are made of."""
PYTHONS = ("python3.11", "python3.12", "python3.13", "python3.14")
"""What is found of them decides whether functions get byte code."""
UNUSED = 7 * 24 * 60 * 60
"""Seconds after which what nobody took is removed."""


def _packages() -> str:
    """What is installed, and on which machine."""
    digest = hashlib.sha256(repr((sys.version, os.uname().machine, [shutil.which(each) for each in PYTHONS])).encode())
    packages = (Path(sys.prefix) / "lib").glob("python*/site-packages/*.dist-info")
    digest.update("\n".join(sorted(path.name for path in packages)).encode())
    return digest.hexdigest()


def _sources() -> str:
    """What the code is that makes things here: its files, the packages that it uses, and the machine."""
    digest = hashlib.sha256(PACKAGES.encode())
    for folder in ROOMS:
        for path in sorted((ROOT / folder).rglob("*")):
            if "__pycache__" not in path.parts and path.is_file():
                digest.update(f"\0{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    for name in ("app.py", "cdk.json"):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


PACKAGES = _packages()
SOURCES = _sources()
"""Those that this process runs: read before it imports them, and again before a thing is kept."""


def kept(of: object, make: Callable[[Path], None], *, sources: str = SOURCES) -> Path:
    """The folder that `make` fills, which must depend on the sources and on `of` alone. Raises what `make` raises.

    What an installed package says of files whose hashes are in `of` has `PACKAGES` as its sources.

    Nothing but plain values may be in `of`: what has an address in its `repr` has another one in every process.
    """
    told = repr((of, sorted((name, value) for name, value in os.environ.items() if name.startswith("CDK_"))))
    assert " at 0x" not in told, told
    folder = KEPT / hashlib.sha256(f"{sources}\0{told}".encode()).hexdigest()[:32]
    if not folder.exists():
        KEPT.mkdir(parents=True, exist_ok=True)
        with folder.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # who comes second takes what the first one made
            if not folder.exists():
                draft = Path(tempfile.mkdtemp(dir=KEPT, prefix="draft-"))
                try:
                    make(draft)
                except BaseException:
                    shutil.rmtree(draft)
                    raise
                if sources == SOURCES != _sources():  # somebody saved a file meanwhile: what was made has no name
                    return draft
                draft.rename(folder)
    os.utime(folder)
    return folder


def tidy() -> None:
    """Remove what no run took for a week, and what broken-off runs left."""
    for path in KEPT.glob("*") if KEPT.exists() else ():
        try:
            if time.time() - path.stat().st_mtime > UNUSED:
                path.unlink() if path.is_file() else shutil.rmtree(path, ignore_errors=True)
        except FileNotFoundError:  # another worker tidies too
            continue
