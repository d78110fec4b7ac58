"""How a request finds its lane without a function: the template sets the queue in the path of the call to SQS.

The path has a placeholder, whose value is the queue of lane `normal` until the template overrides it, once, by the
name of another queue. Such a name is one of a few that stand in the template: nothing of the caller's gets into it.
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-override-request-response-parameters.html
"""

from __future__ import annotations

from collections.abc import Iterator

from stacks import names
from stacks.entry import Route
from stacks.lanes import NORMAL, Choice

PLACEHOLDER = "queue"
"""What stands for the queue in the path of the integration."""
PARAMETER = f"integration.request.path.{PLACEHOLDER}"
VARIABLE = "lane"
"""The template's variable of the header that names the lane."""


def wrong(choice: Choice) -> str:
    """What the caller reads who names no lane in the header."""
    return f"{choice.header} must be {choice.words}."


def rules(route: Route) -> dict[str, tuple[str, str]]:
    """What the variable of the header must match, if a header names the lane, and what the caller reads else."""
    choice = route.choice
    return {VARIABLE: ("|".join(choice.queues), wrong(choice))} if choice and choice.header is not None else {}


def chosen(route: Route, stage: str) -> str:
    """The end of a request's template, which overrides the queue; nothing for a route that chooses no lane."""
    return "".join(_chosen(route.choice, stage)) if route.choice else ""


def _chosen(choice: Choice, stage: str) -> Iterator[str]:
    yield f"#set($queue = '{names.queue(stage, choice.queues[NORMAL])}')"
    if choice.header is None:
        # Without the field it has no value, and is none of those asked for.
        yield f"#set($said = $input.path('$.{choice.field}'))"
    said = f"${VARIABLE}" if choice.header is not None else "$said"
    for lane, values in choice.means.items():
        if choice.queues[lane] != choice.queues[NORMAL]:
            asked = " || ".join(f"{said} == {_literal(value)}" for value in values)
            yield f"#if({asked})#set($queue = '{names.queue(stage, choice.queues[lane])}')#end"
    yield f"#set($context.requestOverride.path.{PLACEHOLDER} = $queue)"


def _literal(value: str | bool | int) -> str:
    return f"'{value}'" if isinstance(value, str) else str(value).lower()
