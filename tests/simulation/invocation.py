"""Where a function runs, and what it is told of its invocation."""

from __future__ import annotations

from tests.simulation.sandbox import Sandbox
from tests.simulation.worker import Worker


class Environment:
    """One execution environment of a function: it takes one batch after the other until it dies."""

    def __init__(self, function: str, sandbox: Sandbox, variables: dict[str, str], skew: float) -> None:
        self.function = function
        self.sandbox = sandbox
        self.variables = variables
        self.skew = skew
        self.warm = False


class Context:
    """Lambda's context object."""

    aws_request_id = "request"

    def __init__(self, worker: Worker, name: str) -> None:
        self._worker = worker
        self.function_name = name

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int(self._worker.left() * 1000))
