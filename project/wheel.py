"""`make wheel`: the operator's command as a package of its own, which works on any queue and needs no project.

It holds what `ops` imports and nothing else, in a folder of its own inside the package: names such as `ops` and
`stacks` would be anybody's beside other packages. Built by uv's own backend, so uv, which is pinned,
is all that builds it.
"""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from stacks.names import ROOT

BUILT = ROOT / "build" / "wheel"
PACKAGE = "headrace"
ROOMS = ("ops", "stacks", "functions")
DOOR = "project/door.py"
APART = ("stacks.topology", "functions.runtime.progress")
"""What the command does without: a project's own map, and what only a handler that runs imports."""
LISTS = ("cost/prices", "scale/quotas", "console/templates", "console/static")
"""What the command reads that is no code: prices and quotas, and the console's pages."""
NEEDS = ("aiohttp", "botocore", "jmespath", "msgspec", "rich", "typer", "uvloop")
"""What the command imports of others; the versions are those that it is tested with."""
CONSOLE = ("jinja2", "markupsafe", "starlette", "uvicorn")
"""What `console` imports beside that: an extra of the package, so that who wants commands only need not have it."""


def main(folder: Path) -> Path:
    """The wheel, built in `folder`. Raises `CalledProcessError` where uv cannot build it."""
    source = folder / "source"
    shutil.rmtree(source, ignore_errors=True)
    package = source / PACKAGE
    package.mkdir(parents=True)
    for module in sorted(closure()):
        _copy(module, package / "lib" / module.relative_to(ROOT))
    for words in LISTS:
        listed = ROOT / "ops" / words
        shutil.copytree(listed, package / "lib" / listed.relative_to(ROOT), dirs_exist_ok=True, ignore=_compiled)
    (package / "lib" / "installed").write_text("This is the operator's command, installed by itself.\n")
    _copy(ROOT / DOOR, package / "__init__.py")
    (package / "__main__.py").write_text("from headrace import main\n\nmain()\n")
    (source / "pyproject.toml").write_text(described())
    shutil.copy(ROOT / "LICENSE", source)
    uv = Path(sys.executable).with_name("uv")
    built = [str(uv), "build", "--quiet", "--wheel", "--offline", "--out-dir", str(folder), str(source)]
    subprocess.run(built, check=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def closure() -> set[Path]:
    """Every file of this repository that the operator's command imports, however far down."""
    found: set[Path] = set()
    left = [path for path in (ROOT / "ops").rglob("*.py") if "tests" not in path.parts]
    while left:
        path = left.pop()
        if path in found:
            continue
        found.add(path)
        left += [init for folder in path.parents if (init := folder / "__init__.py").exists() and folder != ROOT]
        left += [module for name in _imports(path) if (module := _module(name)) is not None]
    return found


def described() -> str:
    """The package's pyproject.toml, with this repository's name, version and pins."""
    own = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pins = dict(re.findall(r"^([a-z0-9-]+)==([^ ;\\]+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE))
    needs, console = ("".join(f'  "{name}~={pins[name]}",\n' for name in names) for names in (NEEDS, CONSOLE))
    (uv,) = (pins["uv"],)
    return (
        f'[project]\nname = "{PACKAGE}"\nversion = "{own["version"]}"\n'
        'description = "Sees, understands and redrives dead letters of any SQS queue."\n'
        f'requires-python = "{own["requires-python"]}"\nlicense = "{own["license"]}"\nlicense-files = ["LICENSE"]\n'
        'classifiers = ["Operating System :: POSIX"]\n'  # it locks files and reads terminals as POSIX does
        f"dependencies = [\n{needs}]\n\n"
        f"[project.optional-dependencies]\nconsole = [\n{console}]\n\n"
        f'[project.scripts]\nheadrace = "{PACKAGE}:main"\n\n'
        f'[build-system]\nrequires = ["uv_build=={uv}"]\nbuild-backend = "uv_build"\n\n'
        f'[tool.uv.build-backend]\nmodule-name = "{PACKAGE}"\nmodule-root = ""\n'
    )


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _module(name: str) -> Path | None:
    """The file of a module of ours that the command needs."""
    if name.partition(".")[0] not in ROOMS or name.startswith(APART):
        return None
    path = ROOT.joinpath(*name.split("."))
    return next((each for each in (path.with_suffix(".py"), path / "__init__.py") if each.exists()), None)


def _copy(source: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, to)


_compiled = shutil.ignore_patterns("__pycache__", "*.pyc")

if __name__ == "__main__":
    BUILT.mkdir(parents=True, exist_ok=True)
    for old in BUILT.glob("*.whl"):
        old.unlink()
    print(main(BUILT).relative_to(ROOT))
