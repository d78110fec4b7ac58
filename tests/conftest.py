"""Which tests share a worker, because they share what is costly to make; one synth a stage for all template tests."""

from __future__ import annotations

import gc
import os
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import botocore.session
import pytest
from botocore.loaders import Loader, create_loader
from hypothesis import settings

from tests import kept  # before what it reads is imported
from tests.examples import examples

if TYPE_CHECKING:
    from tests.stacks.templates import Templates

pytest_plugins = ("tests.fixtures", "tests.superfluous")

TESTS = Path(__file__).parent
FLOWS = ("flow", "console")
"""What needs the real emulator and the real CDK CLI."""
SHARED = (*FLOWS, "edge")
"""What these folders share is costly to make; elsewhere a file is on one worker, for the sake of its own fixtures."""
FIRST = (
    *("flow", "timed", "new", "scaffold", "flows", "up", "console", "example/test_demo.py"),
    *("simulation/test_promises.py", "stacks/test_topology.py", "edge", "update", "redrive_fuzz/test_sample.py"),
)
"""What takes longest goes first, so that no worker is left alone with it in the end; and what waits beside what works,
so that no processor is left without work."""
OWN_STACK = {
    "test_up.py": "up",
    "test_workflows.py": "flows",
    **dict.fromkeys(("test_schedules.py", "test_delays.py", "test_lanes.py"), "timed"),
}
"""Flow tests with a stack of their own, or of a few of them; they wait more than they work, beside the others."""
LAST = ("test_limits.py", "test_statuses.py", "test_retire.py")
"""Deploy another map to the stack that the flow tests share, so they come last, one after the other, and none puts
back what was before; the last one takes an integration away."""

# A machine that is busy says nothing about an example.
settings.register_profile("patient", deadline=None, max_examples=examples())
settings.load_profile("patient")

# Read by the CDK's process when it starts, which importing aws_cdk does; CloudFormation's own validation has a test of
# its own.
os.environ["CDK_VALIDATION"] = "false"
# Templates that fit any account are what the tests read.
os.environ.pop("CDK_DEFAULT_ACCOUNT", None)
os.environ.pop("CDK_DEFAULT_REGION", None)
# pytest-xdist says how wide its terminal is, and a console keeps what is said as it is made: no width of any test.
os.environ.pop("COLUMNS", None)
# The virtual environment's own Node.js, however pytest was started.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.prefix) / "bin"), os.environ.get("PATH", os.defpath)])


@cache
def _loader(path: str | None) -> Loader:
    return create_loader(path)


def _once(path: str | None = None) -> Loader:
    """botocore's loader of that path: every session of the process has the same, so a model is parsed once."""
    loader = _loader(path)
    loader.search_paths[:] = dict.fromkeys(loader.search_paths)  # each session of boto3 adds its own folder
    return loader


botocore.session.create_loader = _once


def pytest_sessionstart(session: pytest.Session) -> None:
    if not hasattr(session.config, "workerinput"):
        kept.tidy()


gc.disable()  # what is imported stays


def pytest_collection_finish() -> None:
    """The garbage collector begins here, and need not walk again and again what was imported before."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session", autouse=True)
def _own_state(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Locks of queues are one folder for all that a person runs, and no other worker's, nor the person's own."""
    os.environ["XDG_STATE_HOME"] = str(tmp_path_factory.mktemp("state"))


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    alone = not config.pluginmanager.hasplugin("xdist")  # `make check` runs the laws so
    for item in items:
        if _place(item.path).parts[0] in FLOWS:
            item.add_marker(pytest.mark.flow)
        if not alone and item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(_group(item)))
    items.sort(key=_turn)


@cache  # every worker asks for thousands of tests in hundreds of files
def _place(path: Path) -> Path:
    return path.relative_to(TESTS)


def _group(item: pytest.Item) -> str:
    """The group of tests that share a worker."""
    named = item.get_closest_marker("xdist_group")
    if named is not None:
        return str(named.args[0])
    path = _place(item.path)
    if path.parts[0] == "flow" and path.name in OWN_STACK:
        return OWN_STACK[path.name]
    return path.parts[0] if path.parts[0] in SHARED else str(path)


def _turn(item: pytest.Item) -> tuple[int, int]:
    group, name = _group(item), item.path.name
    return (
        LAST.index(name) + 1 if group == "flow" and name in LAST else 0,
        FIRST.index(group) if group in FIRST else len(FIRST),
    )


def _synthesized(factory: pytest.TempPathFactory, stage: str) -> Templates:
    from tests.stacks.templates import of_stage, synthesize  # here, because importing aws_cdk takes a second

    return synthesize(factory.mktemp(stage), stage, of_stage(stage))


@pytest.fixture(scope="session")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    return _synthesized(tmp_path_factory, "dev")


@pytest.fixture(scope="session")
def prod(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    return _synthesized(tmp_path_factory, "prod")


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    return _synthesized(tmp_path_factory, "local")


@pytest.fixture(scope="session")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    """Callers bear a token; the key is the stage's own, and functions run in a VPC."""
    return _synthesized(tmp_path_factory, "tokens")


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    """Callers hold an API key; the API is private."""
    return _synthesized(tmp_path_factory, "keys")


@pytest.fixture(scope="session")
def inside(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    """Callers sign, but for one route of bearers; the API is private, and the key is another than it was."""
    return _synthesized(tmp_path_factory, "inside")


@pytest.fixture(params=("prod", "tokens", "keys", "inside"))
def kind(request: pytest.FixtureRequest) -> Templates:
    """The templates of each kind of stage that AWS sees."""
    found: Templates = request.getfixturevalue(request.param)
    return found
