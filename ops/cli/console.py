"""The console in a browser: `console`."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import Annotated

import typer

from ops.cli.options import InStage, opener, where
from ops.cli.screen import said, tell
from ops.errors import OpsError
from stacks import names

NEEDS = ("starlette", "uvicorn", "jinja2")
"""What it needs beside what every command does."""


def console(
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 is a free one.")] = 0,
    every: Annotated[bool, typer.Option("--all", help="Any queue of the account and region, without a stage.")] = False,
    read_only: Annotated[bool, typer.Option("--read-only", help="Refuse whatever changes something.")] = False,
    tries: Annotated[bool, typer.Option("--try", help="Send requests to try a route also where data is kept.")] = False,
    api_url: Annotated[str | None, typer.Option(help="The API's URL with its stage, where no stack tells it.")] = None,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in the browser.")] = True,
    stage: InStage = names.LOCAL,
) -> None:
    """See every message, and bring the dead ones back, in a browser: on this machine only, until Ctrl-C.

    The link that is printed is good once, for one browser.

    Example: python -m ops console --read-only
    """
    with said():
        missing = [each for each in NEEDS if not _there(each)]
        if missing:
            raise OpsError(
                f"The console needs {', '.join(missing)}: install them with pip install 'headrace[console]', "
                "or in a project's folder run `make setup`."
            )
        from ops.console.desk import Desk  # here, so that no other command waits for it
        from ops.console.server import serve
        from ops.send.advice import CREDENTIAL

        connect = opener(stage)
        first = connect()  # what is wrong is said before a page is opened
        desk = Desk(
            connect,
            where=where(),
            read_only=read_only,
            tries=tries,
            api_url=api_url,
            credential=os.environ.get(CREDENTIAL),
            every=every,
            _stage=first,
        )
        tell(f"The console of {first.told}{', which changes nothing' if read_only else ''}. Ctrl-C ends it.")
        serve(desk, port=port, browser=browser, told=lambda text: tell(text))


def _there(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ValueError:  # somebody put nothing in its place
        return False
