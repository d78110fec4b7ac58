"""After a whole run of the tests: what the map allows a consumer and no test of its handler ever did.

Every handler that runs in a rehearsal is held to `access`; this holds `access` to the handlers. A consumer is left
alone if no test ran its handler, and all are in a run of some tests only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from stacks.entry import Topology

FIXTURES = {"aws", "topology"}
"""What a test asks for, itself or through the other, that runs a handler in a rehearsal."""
Done = tuple[str, str, str]
"""A consumer, an action and the table it was done with."""


class Superfluous:
    """Gathers what was done, in this process and in those of pytest-xdist, and judges it at the end."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS
        self._done: set[Done] = set()
        self.found: list[str] = []

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        """A run without some handler's test says nothing, but for those that show more of what others do."""
        left = (item for item in items if set(getattr(item, "fixturenames", ())) >= FIXTURES)
        self._whole &= all(item.get_closest_marker("proof") for item in left)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """Hear what a worker did; one that crashed says nothing."""
        told = getattr(node, "workeroutput", {}).get("done")
        self._whole &= error is None and told is not None and told["whole"]
        self._done |= {tuple(each) for each in (told or {}).get("done", ())}

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Tell what was done here, or judge what was done everywhere."""
        self._done |= done_here()
        told = getattr(self._config, "workeroutput", None)
        if told is not None:
            told["done"] = {"whole": self._whole, "done": sorted(self._done)}
        elif exitstatus == pytest.ExitCode.OK and self._whole:
            from stacks.topology import TOPOLOGY

            self.found = judged(TOPOLOGY, self._done)
            if self.found:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Say it."""
        if self.found:
            terminalreporter.section("what the map allows and no test of a handler does", red=True)
            for sentence in self.found:
                terminalreporter.line(sentence)


def done_here() -> set[Done]:
    """What handlers did in this process; nothing if none ran in a rehearsal."""
    import sys

    rehearsal = sys.modules.get("local.rehearsal")
    return rehearsal.done() if rehearsal is not None else set()


def judged(topology: Topology, done: set[Done]) -> list[str]:
    """What is allowed and was not done by the consumers of which a handler ran."""
    ran = {consumer for consumer, _, _ in done}
    return [
        f'Consumer(function="{consumer.function}"): {action} on table "{access.table}" is in the map, and no test of '
        "the handler does it; take it out, or add the test."
        for consumer in topology.consumers
        if consumer.function in ran
        for access in consumer.access
        for action in access.actions
        if (consumer.function, action, access.table) not in done
    ]


def pytest_configure(config: pytest.Config) -> None:
    """Begin to gather."""
    config.pluginmanager.register(Superfluous(config))
