"""The invocation that runs now."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

# The Lambda context, for what needs the remaining time deep inside a handler; None outside Lambda.
context: ContextVar[Any] = ContextVar("context", default=None)
