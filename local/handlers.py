"""The functions' code on a running stack: looked up, tried, and replaced without a deployment.

`python -m local.handlers MODULE …` imports the modules, and says in one sentence what is wrong with one that cannot be.
"""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import NamedTuple

from local.aws import client
from local.errors import LocalError, imported, one_sentence
from local.state import Endpoint
from stacks import names
from stacks.bundle.build import sources
from stacks.names import ROOT

PATIENCE = 20.0
"""Seconds that the import of saved handlers may take; Lambda gives a cold start ten."""


class Function(NamedTuple):
    """A function as it runs: the module of its handler, and the digest of its code."""

    module: str
    digest: str


def deployed(endpoint: Endpoint) -> dict[str, Function]:
    """The functions of the running stack, by their words."""
    prefix = names.resource(names.LOCAL, "")
    pages = client("lambda", endpoint).get_paginator("list_functions").paginate()
    return {
        function["FunctionName"].removeprefix(prefix): Function(
            function["Handler"].rpartition(".")[0], function["CodeSha256"]
        )
        for page in pages
        for function in page["Functions"]
        if function["FunctionName"].startswith(prefix)
    }


def check(modules: Iterable[str]) -> None:
    """Import the modules in an interpreter of their own. Raises `LocalError` that says where one cannot be."""
    saved = sorted(modules)
    command = [sys.executable, "-m", "local.handlers", *saved]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        raise LocalError(f"{', '.join(saved)}: the import does not end within {PATIENCE:g} s.") from None
    if done.returncode != 0:
        raise LocalError(done.stderr.strip().removeprefix("✗ ") or f"The import ended with {done.returncode}.")


def replace(endpoint: Endpoint, functions: Mapping[str, Function]) -> dict[str, str]:
    """Give the functions the code of the working tree, as a deployment would; its digest by their words.

    Byte code is left out: it takes longer to make than it saves at one start.
    """
    lambda_ = client("lambda", endpoint)
    packages = {function.module.rsplit(".", 2)[0] for function in functions.values()}
    code = {package: _zipped(package) for package in packages}
    digests = {}
    for word, function in functions.items():
        package = function.module.rsplit(".", 2)[0]
        done = lambda_.update_function_code(FunctionName=names.resource(names.LOCAL, word), ZipFile=code[package])
        digests[word] = done["CodeSha256"]
    return digests


def _zipped(package: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in sources(package):
            archive.write(path, path.relative_to(ROOT))
    return buffer.getvalue()


if __name__ == "__main__":
    with one_sentence(), imported():
        for name in sys.argv[1:]:
            import_module(name)
