"""What `ops` says of itself as a library is so."""

from __future__ import annotations

import ast
import importlib
import inspect
import textwrap

import ops

SUMMARY, IMPORTS, CALLS, *_ = (ops.__doc__ or "").split("\n\n")


def test_everything_that_it_says_to_import_is_there_and_takes_what_it_is_given() -> None:
    found = {
        alias.name: getattr(importlib.import_module(node.module), alias.name)
        for node in ast.parse(textwrap.dedent(IMPORTS)).body
        if isinstance(node, ast.ImportFrom) and node.module is not None and node.module.startswith("ops.")
        for alias in node.names
    }
    called = set()
    for call in ast.walk(ast.parse(textwrap.dedent(CALLS))):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
            called.add(call.func.id)
            named = {str(keyword.arg): keyword.value for keyword in call.keywords}
            inspect.signature(found[call.func.id]).bind(*call.args, **named)
    assert called == {"depths", "peek", "redrive", "trace", "retire", "Request", "Selection"}
