"""Builds what Lambda gets: the functions' code, and the layer with their dependencies.

No Docker: pip fetches the wheels of the target's platform. Python code carries unchecked-hash byte code, the only kind
that is still valid after the CDK dated every file to the epoch; without it a cold start takes nearly twice the CPU.
What is built stays in `build/`, named by a hash of all that goes into it.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path

from stacks.bundle import botocore_data

ROOT = Path(__file__).resolve().parents[2]
FUNCTIONS = ROOT / "functions"
REQUIREMENTS = FUNCTIONS / "requirements.txt"
BUILD = ROOT / "build"
RELEASE = "RELEASE"
"""The file in `functions/` by which the code knows its name."""

# Wheels that Amazon Linux 2023 (glibc 2.34) runs. https://docs.aws.amazon.com/lambda/latest/dg/python-package.html
PLATFORMS = {
    "arm64": ("manylinux_2_28_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64"),
    "x86_64": ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"),
}
MACHINES = {"aarch64": "arm64", "arm64": "arm64", "x86_64": "x86_64", "AMD64": "x86_64"}


class PackageError(RuntimeError):
    """The layer could not be built; the message says why."""


@dataclass(frozen=True)
class Target:
    """What the code will run on: a Python version such as `3.13`, a CPU, and whether it is this very machine."""

    python: str
    architecture: str
    host: bool = False

    @classmethod
    def this_machine(cls) -> Target:
        """The running interpreter and CPU."""
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        return cls(python=version, architecture=MACHINES.get(platform.machine(), "x86_64"), host=True)

    def interpreter(self) -> str | None:
        """An interpreter of that version on this machine, to make byte code with; None if there is none."""
        return _interpreter(self.python)


def code_hash(target: Target, package: str = FUNCTIONS.name) -> str:
    """Names the code by its release and what it is compiled for."""
    return hashlib.sha256(_digest(target) + _content(package)).hexdigest()


def release(package: str = FUNCTIONS.name) -> str:
    """Names the code for people, in what every attempt says of itself: by what is in it and what it needs.

    Whoever deploys it, for whatever it is compiled, it is the same.
    """
    return _content(package).hex()[:8]


def _content(package: str) -> bytes:
    digest = hashlib.sha256(_recipe() + REQUIREMENTS.read_bytes())
    for path in sources(package):
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.digest()


def _recipe() -> bytes:
    return Path(__file__).read_bytes() + Path(botocore_data.__file__).read_bytes()


def layer_hash(target: Target, requirements: Path | None = None) -> str:
    """Names the layer by the locked requirements (all functions' own by default), the target and what is left out."""
    return hashlib.sha256(_digest(target) + _recipe() + (requirements or REQUIREMENTS).read_bytes()).hexdigest()


def build_code(target: Target, package: str = FUNCTIONS.name) -> Path:
    """The folder with `functions/` as Lambda gets it: the sources, their byte code, and the name of the release.

    Handlers that are in another `package` come along, with `functions/`, which they need.
    """

    def build(folder: Path) -> None:
        for path in sources(package):
            copy = folder / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
        (folder / FUNCTIONS.name / RELEASE).write_text(release(package))
        _compile(folder, target, installed="/var/task")

    return built(f"code-{code_hash(target, package)[:16]}", build)


def build_layer(target: Target, requirements: Path | None = None) -> Path:
    """The folder with the dependencies' layer: `python/` as Lambda looks for it.

    Raises `PackageError` if pip cannot get the locked wheels.
    """

    def build(folder: Path) -> None:
        packages = folder / "python"
        _install(packages, target, requirements or REQUIREMENTS)
        _prune(packages)
        _compile(packages, target, installed="/opt/python")

    return built(f"layer-{layer_hash(target, requirements)[:16]}", build)


def built(name: str, build: Callable[[Path], None]) -> Path:
    """`build/<name>`, made whole or not at all, so that a broken-off or a parallel run leaves nothing half done."""
    finished = BUILD / name
    if not finished.exists():
        BUILD.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=BUILD, prefix=f"{name}-") as scratch:
            folder = Path(scratch) / name
            folder.mkdir()
            build(folder)
            try:
                folder.rename(finished)
            except OSError:
                if not finished.exists():  # another run was faster
                    raise
    return finished


def _digest(target: Target) -> bytes:
    compiled = target.interpreter() is not None
    return f"{target.python} {target.architecture} host={target.host} byte code={compiled}\n".encode()


def sources(package: str) -> Iterator[Path]:
    """The files that Lambda needs, of `functions/` and the handlers' own package, in the same order everywhere."""
    folders = dict.fromkeys((FUNCTIONS, ROOT / package.replace(".", "/")))
    found = [path for folder in folders for path in folder.rglob("*")]
    parents = (ROOT.joinpath(*package.split(".")[:depth]) for depth in range(1, package.count(".") + 1))
    found += [folder / "__init__.py" for folder in parents]
    for path in sorted(found, key=lambda path: path.relative_to(ROOT).as_posix()):
        left_out = path.name.startswith("requirements.") or path.suffix == ".pyc"
        hidden = any(part.startswith(".") or part == "__pycache__" for part in path.relative_to(ROOT).parts)
        if path.is_file() and not left_out and not hidden:
            yield path


def _install(packages: Path, target: Target, requirements: Path) -> None:
    elsewhere = (
        []
        if target.host
        else [
            f"--python-version={target.python}",
            "--implementation=cp",
            *(f"--platform={name}" for name in PLATFORMS[target.architecture]),
        ]
    )
    command = [
        *(
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-compile",
            "--no-deps",
        ),
        *("--only-binary=:all:", "--require-hashes", f"--requirement={requirements}", f"--target={packages}"),
        *elsewhere,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise PackageError(f"pip could not fetch the dependency layer for Python {target.python}: {reason}")


def _prune(packages: Path) -> None:
    """Leaves out what no function reads. Licences stay."""
    # Functions answer queues, so Powertools' HTTP routers stay behind; Lambda's own system knows the time zones.
    for folder in ("bin", "boto3/examples", "aws_lambda_powertools/event_handler"):
        shutil.rmtree(packages / folder, ignore_errors=True)
    records = (packages.glob(f"*.dist-info/{name}") for name in ("RECORD", "INSTALLER", "REQUESTED"))
    for unread in chain(packages.rglob("*.pyi"), packages.glob("dateutil/zoneinfo/*.tar.gz"), *records):
        unread.unlink()
    data = packages / "botocore" / "data"
    if not data.is_dir():
        return
    botocore_data.reduce(data)
    for service in (packages / "boto3" / "data").glob("*"):
        if service.is_dir() and service.name not in botocore_data.SERVICES:
            shutil.rmtree(service)


def _compile(folder: Path, target: Target, *, installed: str) -> None:
    interpreter = target.interpreter()
    if interpreter is None:
        return
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    command = [
        *(interpreter, "-I", "-m", "compileall", "-q", "-f", "--invalidation-mode=unchecked-hash"),
        *("-s", str(folder), "-p", installed, str(folder)),
    ]
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)


@cache
def _interpreter(version: str) -> str | None:
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        return sys.executable
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [shutil.which(f"python{version}"), *sorted(map(str, pyenv.glob(f"{version}.*/bin/python{version}")))]
    for candidate in candidates:
        if candidate and _version(candidate) == version:
            return candidate
    return None


def _version(interpreter: str) -> str | None:
    ask = [interpreter, "-I", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    answer = subprocess.run(ask, capture_output=True, text=True, check=False)
    return answer.stdout.strip() if answer.returncode == 0 else None
