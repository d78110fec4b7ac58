"""Comparing a deployed stage with what we assume of AWS: `verify`."""

from __future__ import annotations

import time
from collections import Counter
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from ops.cli.options import AsJson, InStage, opened
from ops.cli.screen import err, out, print_json, said, tell, tell_aside
from ops.errors import Differs, Interrupted, OpsError
from ops.stage import Stage
from ops.verify import run
from ops.verify.finding import Finding, Verdict
from ops.visible import one_line
from stacks import names

MARKS: dict[Verdict, tuple[str, str]] = {
    "as assumed": ("ok", "green"),
    "differs": ("DIFFERS", "bold red"),
    "not checked": ("-", "dim"),
}
SIDE_BY_SIDE = 110
"""Columns from which on what was expected and what was seen stand beside each other."""


def verify(
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without it only what would be done is said.")] = False,
    api_url: Annotated[str | None, typer.Option(help="The API's URL with its stage, where no stack tells it.")] = None,
    token: Annotated[
        str | None, typer.Option(envvar="HEADRACE_TOKEN", help="A bearer's token, where routes want one.")
    ] = None,
    stage: InStage = names.LOCAL,
    as_json: AsJson = False,
) -> None:
    """Whether the deployed stage does what we assume of AWS: requests, dead letters, a redrive, logs, metrics.

    For a stage without real traffic. A consumer whose route is called is disabled meanwhile, and our messages are taken
    from its queue before it is enabled, so nothing takes effect; every dead-letter queue gets messages, which are
    dropped in the end, and alarms may ring. Takes about five minutes on AWS. Exits with 6 where something differs.

    Example: python -m ops verify --stage dev --yes
    """
    with said():
        there = opened(stage, deployer=True)
        if not yes:
            _tell_plan(there, as_json=as_json)
            return
        started = time.time()
        findings, problem = _found(there, api_url, token)
        counts = Counter(finding.verdict for finding in findings)
        if as_json:
            print_json(
                {"stage": stage, "region": there.region, "at": int(started), "counts": counts, "findings": findings}
            )
        else:
            out.print(_table(findings, out.width))
            took = f"{time.time() - started:.0f} s"
            tell(f"Stage {stage} in {there.region}: {_counted(counts) or 'nothing seen'}, in {took}.")
        if problem is not None:
            raise problem
        if counts["differs"]:
            raise Differs(
                f"{counts['differs']} of {len(findings)} findings differ from what we assume of AWS: send us the table."
            )


def _found(stage: Stage, url: str | None, token: str | None) -> tuple[list[Finding], OpsError | None]:
    """What was found, and why it is not all."""
    findings: list[Finding] = []
    try:
        with err.status("", spinner="dots") as status:
            for finding in run.verify(stage, url=url, token=token, told=lambda step: status.update(f"{step} …")):
                findings.append(finding)
    except KeyboardInterrupt:
        return findings, Interrupted("Stopped: our requests are taken out, and the consumers take messages again.")
    except OpsError as error:
        return findings, error
    return findings, None


def _tell_plan(stage: Stage, *, as_json: bool) -> None:
    would = run.plan(stage)
    if as_json:
        print_json(would)
        return
    tell(f"Would call {', '.join(would.routes) or 'no route'}")
    tell(f"with these consumers disabled meanwhile: {', '.join(would.disabled) or 'none'};")
    tell(f"and fill and empty {', '.join(would.dead_letters) or 'no dead-letter queue'}.")
    tell_aside("Nothing was done. Say --yes, on a stage without real traffic.")


def _table(findings: list[Finding], width: int) -> Table:
    wide = width >= SIDE_BY_SIDE
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("")
    table.add_column("what should hold", ratio=3, overflow="fold")
    if wide:
        table.add_column("expected", ratio=2, overflow="fold")
    table.add_column("seen", ratio=3, overflow="fold")
    place = None
    for finding in findings:
        if finding.place != place:
            place = finding.place
            table.add_row("", Text(place, "bold"))
        word, style = MARKS[finding.verdict]
        cells = [Text(word, style), Text(one_line(finding.check))]
        cells += [Text(one_line(finding.expected), "dim")] if wide else []
        table.add_row(*cells, Text(one_line(finding.seen)))
    return table


def _counted(counts: Counter[Verdict]) -> str:
    return ", ".join(f"{counts[verdict]} {verdict}" for verdict in MARKS if counts[verdict])
