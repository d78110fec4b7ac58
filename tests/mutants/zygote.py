"""Runs tests in forks of a process that has imported what they need, and nothing of the project: started in its tree.

A line of JSON on standard input asks for a run, a line on standard output answers it.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import sys
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any

IMPORTED = (
    *(
        "pytest",
        "hypothesis",
        "boto3",
        "botocore.config",
        "aiohttp",
        "typer",
        "rich.progress",
        "rich.table",
        "jmespath",
    ),
    *("aws_lambda_powertools", "moto.core", "moto.sqs", "moto.dynamodb", "moto.events", "_pytest.pytester"),
)
"""Never aws_cdk: it starts a process that a fork cannot share."""


class _Looks:
    """Keeps the first test that failed, and how long each took; tells coverage which one runs."""

    def __init__(self, coverage: Any = None) -> None:
        self.failed = ""
        self.seconds: dict[str, float] = {}
        self._coverage = coverage
        self._running = ""

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._running = nodeid  # a report may name a part of a test, which cannot be asked for
        if self._coverage is not None:
            self._coverage.switch_context(nodeid)

    def pytest_runtest_logreport(self, report: Any) -> None:
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration
        if report.failed and not self.failed:
            self.failed = self._running

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed and not self.failed:
            self.failed = report.nodeid


def _run(asked: dict[str, Any], answer: int) -> None:
    """The child: runs the tests, and never returns."""
    import pytest

    os.setpgrp()  # no session of its own: a test that opens a terminal would be given it to control
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell that starts it in the background has it ignored
    for number in (1, 2):
        os.dup2(os.open(asked["out"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644), number)
    code, failed = 1, ""
    try:
        if "watched" in asked:
            code = _watch(asked)
        else:
            looks = _Looks()
            code = int(pytest.main(asked["arguments"], plugins=[looks]))
            failed = looks.failed
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os.write(answer, json.dumps({"code": code, "failed": failed}).encode())
        os._exit(0)


def _watch(asked: dict[str, Any]) -> int:
    """Runs the tests under coverage, and writes into the file `watched` which lines of the project each of them ran."""
    import pytest
    from coverage import Coverage

    here = Path.cwd()
    rooms = [str(here / each) for each in asked["rooms"]]
    coverage = Coverage(data_file=None, source=rooms, config_file=False, messages=False)
    looks = _Looks(coverage)
    coverage.start()
    code = int(pytest.main(asked["arguments"], plugins=[looks]))
    coverage.stop()
    data = coverage.get_data()
    lines = {str(Path(file).relative_to(here)): data.contexts_by_lineno(file) for file in data.measured_files()}
    Path(asked["watched"]).write_text(json.dumps({"seconds": looks.seconds, "lines": lines}))
    return code


def _told(child: int, reading: int, seconds: float) -> dict[str, Any]:
    """What the child answers; code 1 without an answer where it died, and None where its time was over."""
    end, parent = time.monotonic() + seconds, os.getppid()
    try:
        while (pid := os.waitpid(child, os.WNOHANG)[0]) == 0 and time.monotonic() < end:
            if os.getppid() != parent:
                sys.exit()  # nobody waits for the answer any more
            time.sleep(0.02)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)  # it, and what a test started and left
    if not pid:
        os.waitpid(child, 0)
    if told := os.read(reading, 1 << 16):
        return dict(json.loads(told))
    return {"code": 1 if pid else None, "failed": ""}


def main() -> None:
    """Answers until nobody asks any more."""
    sys.path[0] = str(Path.cwd())  # instead of this folder
    for name in IMPORTED:
        importlib.import_module(name)
    signal.signal(signal.SIGTERM, lambda _, __: sys.exit())
    gc.collect()
    gc.freeze()
    for line in sys.stdin:
        asked = json.loads(line)
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            _run(asked, writing)
        os.close(writing)
        print(json.dumps(_told(child, reading, asked["seconds"])), flush=True)
        os.close(reading)


if __name__ == "__main__":
    main()
