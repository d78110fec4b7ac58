"""Taking an integration away: `retire`."""

from __future__ import annotations

from typing import Annotated

import typer
from msgspec import to_builtins

from ops.cli import completion
from ops.cli.options import AsJson, InStage, opened, topology
from ops.cli.screen import print_json, said, tell
from ops.depth import Depth
from ops.errors import Kept
from ops.retire import retire as look
from ops.retire import retired
from stacks import names


def retire(
    integration: Annotated[
        str,
        typer.Argument(
            metavar="NAME", autocompletion=completion.INTEGRATIONS, help="An integration that the topology retires."
        ),
    ],
    stage: InStage = names.LOCAL,
    as_json: AsJson = False,
) -> None:
    """Whether a retired integration is drained, so that its stack and its entry may go; exits with 3 while it is not.

    It counts its queues, dead-letter queues and undelivered queues, twice where they are empty: SQS's counts are
    approximate, for up to a minute after the last message. Nothing is changed.

    Example: python -m ops retire tickets
    """
    with said():
        retired(topology(), integration)  # a wrong name needs no stage to be told
        found = look(opened(stage), integration)
        if as_json:
            print_json({**to_builtins(found), "drained": found.drained})
        else:
            for each in found.left:
                tell(f"{each.queue}: {_figures(each)}")
        if found.fed:
            fed = ", ".join(found.fed)
            raise Kept(f"{integration} still gets messages ({fed}): deploy its retirement to stage {stage}.")
        if found.left:
            count = sum(each.waiting + each.in_flight + each.delayed for each in found.left)
            dead = any(each.kind != "work" for each in found.left)
            advice = "redrive its dead letters or drop them" if dead else "ask again in a while"
            raise Kept(f"{integration} is not drained ({count:,} left): {advice}.")
        if not as_json:
            tell(f"{integration} is drained. Next:")
            tell(f"  cdk destroy --exclusively {names.resource(stage, integration)} -c stage={stage}")
            tell("  in every stage; then delete its entry and its folders, and deploy the others:")
            tell(f"  cdk deploy --all -c stage={stage}")


def _figures(depth: Depth) -> str:
    counts = {"waiting": depth.waiting, "in flight": depth.in_flight, "delayed": depth.delayed}
    return ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)
