"""The arguments and options that several commands have."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from ops.cli import completion
from ops.cli.screen import said
from ops.dead_letters.selection import Selection, seconds
from ops.errors import UsageError
from ops.place import Asked, reach
from ops.stage import Access, Stage
from stacks import names
from stacks.entry import Topology

STAGES = ", ".join(names.STAGES)
InStage = Annotated[
    str,
    typer.Option(
        "--stage",
        envvar="HEADRACE_STAGE",
        metavar="STAGE",
        autocompletion=completion.STAGES,
        help=f"One of cdk.json's: {STAGES}." if STAGES else "A stage of cdk.json, which is not here.",
    ),
]
InRegion = Annotated[str | None, typer.Option("--region", help="The region of AWS, such as eu-west-1.")]
ByProfile = Annotated[str | None, typer.Option("--profile", help="The profile whose credentials and settings count.")]
AtEndpoint = Annotated[
    str | None, typer.Option("--endpoint-url", metavar="URL", help="Where AWS answers: an emulator, or an endpoint.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
QueueName = Annotated[
    str,
    typer.Argument(
        metavar="QUEUE",
        autocompletion=completion.QUEUES,
        help="A queue's word, name, URL or ARN; a work queue's word or name means its DLQ.",
    ),
]
Filter = Annotated[
    str | None,
    typer.Option(
        "--filter",
        help="JMESPath over body, attributes, cause, system and message_id, such as \"body.language == 'EN'\".",
    ),
]
OlderThan = Annotated[str | None, typer.Option(help="Only messages sent longer ago than 90s, 15m, 2h or 3d.")]
OfCause = Annotated[
    str | None,
    typer.Option("--cause", autocompletion=completion.CAUSES, help="Only messages whose cause has these words in it."),
]
Ids = Annotated[str | None, typer.Option("--ids", help="Only these message ids, separated by commas.")]
Limit = Annotated[int | None, typer.Option(min=1, help="So many messages at the most.")]
Alone = Annotated[
    bool,
    typer.Option(
        "--alone", help="Go on although the table that says who works on a queue cannot be asked: nobody else does."
    ),
]
File = Annotated[Path, typer.Argument(metavar="FILE", help="One JSON object a line.")]


_handed: ContextVar[Topology] = ContextVar("topology")


def hand_in(context: typer.Context) -> None:
    """Keep the topology that the door started the command with, for as long as the command runs."""
    _handed.set(context.find_object(Topology) or Topology())


def topology() -> Topology:
    """What exists, as the door that started the command handed it in."""
    return _handed.get()


SAID: dict[str, Literal["typed", "environment", "nobody"]] = {"COMMANDLINE": "typed", "ENVIRONMENT": "environment"}
_asked: ContextVar[Asked | None] = ContextVar("asked", default=None)


def somewhere(command: Callable[..., None], reaches: Literal["nothing", "stages", "anything"]) -> Callable[..., None]:
    """The command with the options that say where it works, beside its own --stage.

    It reaches nothing of AWS, only what belongs to a stage, or any queue.
    """
    own = inspect.signature(command, eval_str=True)
    keyword = inspect.Parameter.KEYWORD_ONLY
    options = {"region": InRegion, "profile": ByProfile, "endpoint_url": AtEndpoint}
    added = {} if reaches == "nothing" else options

    @functools.wraps(command)
    def located(context: typer.Context, **given: Any) -> None:
        access = Access(*(given.pop(name) for name in added))
        source = context.get_parameter_source("stage")
        asked = Asked(
            given["stage"],
            SAID.get(source.name if source is not None else "", "nobody"),
            access,
            given.get("queue"),
            given.get("redrive") if command.__name__ == "resume" else None,
            reaches == "anything",
        )
        with said():
            asked.check()
        _asked.set(asked)
        command(**given)

    parameters = [each.replace(kind=keyword) for each in own.parameters.values()]
    at = 1 + next(index for index, each in enumerate(parameters) if each.name == "stage")
    context = inspect.Parameter("context", keyword, annotation=typer.Context)
    more = [inspect.Parameter(name, keyword, default=None, annotation=kind) for name, kind in added.items()]
    parameters = [context, *parameters[:at], *more, *parameters[at:]]
    located.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
    located.__annotations__ = {each.name: each.annotation for each in parameters}
    return located


def opened(stage: str, *, deployer: bool = False) -> Stage:
    """Where the command works: that stage, or what the person says beside it. Raises as `reach` does."""
    return reach(_asked.get() or Asked(stage), topology(), deployer=deployer)


def opener(stage: str) -> Callable[[], Stage]:
    """What connects to where this command works, as often as it is called and in whatever thread."""
    asked, handed = _asked.get() or Asked(stage), topology()
    return lambda: reach(asked, handed)


def where() -> list[str]:
    """The options that say where this command works, for other commands that are to work there too."""
    asked = _asked.get()
    if asked is None:
        return []
    said = ["--stage", asked.stage] if asked.said != "nobody" else []
    access = asked.access
    options = (("--region", access.region), ("--profile", access.profile), ("--endpoint-url", access.endpoint))
    return [*said, *(word for option, value in options if value is not None for word in (option, value))]


def typed_stage() -> str | None:
    """The stage that the person typed, if any."""
    asked = _asked.get()
    return asked.stage if asked is not None and asked.said == "typed" else None


def selection(filter_: str | None, older_than: str | None, cause: str | None, ids: str | None) -> Selection:
    """The selection that the options make. Raises `UsageError` for one that makes no sense, or is blank."""
    for option, value in (("--filter", filter_), ("--older-than", older_than), ("--cause", cause), ("--ids", ids)):
        if value is not None and not value.replace("," if option == "--ids" else "", "").strip():
            raise UsageError(f"{option} is blank: give it a value, or leave it out to mean everything.")
    return Selection(
        filter_,
        seconds(older_than) if older_than is not None else None,
        cause,
        tuple(id_.strip() for id_ in ids.split(",") if id_.strip()) if ids is not None else None,
    )
