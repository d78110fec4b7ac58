"""Messages in files: `export`, `drop`, `import`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ops.cli import completion
from ops.cli.damaged import tell_damaged
from ops.cli.options import (
    Alone,
    AsJson,
    File,
    Filter,
    Ids,
    InStage,
    Limit,
    OfCause,
    OlderThan,
    QueueName,
    opened,
    selection,
)
from ops.cli.progress import bar
from ops.cli.screen import print_json, said, tell
from ops.dead_letters import export as files
from ops.dead_letters.counts import in_flight, in_the_queue, uncounted
from ops.dead_letters.export import Taken
from ops.dead_letters.restore import Restored, restore
from ops.dead_letters.selection import in_words, not_seen_in_words
from ops.dead_letters.start import START
from ops.errors import Interrupted, Kept
from ops.redrive.mover import LIMIT
from ops.sqs.connection import INTERRUPTED
from stacks import names


def export(
    queue: QueueName,
    file: File,
    filter_: Filter = None,
    older_than: OlderThan = None,
    cause: OfCause = None,
    ids: Ids = None,
    limit: Limit = None,
    stage: InStage = names.LOCAL,
    as_json: AsJson = False,
) -> None:
    """Copies dead letters to a file, whole and with their cause, and leaves them where they are.

    Example: python -m ops export open_ticket letters.jsonl
    """
    with said():
        chosen = selection(filter_, older_than, cause, ids)
        with bar("exporting", shown=not as_json) as progress:
            taken = files.export(opened(stage), queue, file, selection=chosen, limit=limit, progress=progress)
        _show(taken, f"{taken.matched:,} messages of {taken.queue} are in {taken.file}.", as_json=as_json)
        held = f" {in_flight(taken.in_flight)}" if taken.in_flight else ""
        if taken.locked:
            raise Kept(
                f"{taken.locked:,} messages are not: SQS shows only the first of each group. "
                f"`drop` writes all to a file, and `import` puts them back.{held}"
            )
        if held:
            raise Kept(held.lstrip())


def drop(
    queue: QueueName,
    yes: Annotated[bool, typer.Option("--yes", help="Delete; without it nothing is changed.")] = False,
    file: Annotated[Path | None, typer.Option(help="Where they are kept; by default below .local/ops.")] = None,
    any_queue: Annotated[
        bool, typer.Option("--any-queue", help="Also out of a queue of others that is no queue's DLQ.")
    ] = False,
    alone: Alone = False,
    filter_: Filter = None,
    older_than: OlderThan = None,
    cause: OfCause = None,
    ids: Ids = None,
    limit: Limit = None,
    stage: InStage = names.LOCAL,
    as_json: AsJson = False,
) -> None:
    """Deletes dead letters, each only after it is in a file: a dry run, unless you say --yes.

    Example: python -m ops drop open_ticket --older-than 10d --yes
    """
    with said():
        chosen = selection(filter_, older_than, cause, ids)
        with bar("dropping" if yes else "counting", shown=not as_json) as progress:
            taken = files.drop(
                opened(stage),
                queue,
                yes=yes,
                file=file,
                selection=chosen,
                limit=limit,
                any_queue=any_queue,
                alone=alone,
                progress=progress,
            )
        would = f"Would delete {taken.matched:,} from {taken.queue}. Nothing was changed: say --yes to delete them."
        if not taken.matched:
            would = f"Nothing to delete in {taken.queue}."
        did = f"{taken.deleted:,} deleted from {taken.queue}; they are in {taken.file}."
        _show(taken, did if yes else would, as_json=as_json)
        if taken.undeleted:
            raise Kept(f"{_undeleted(taken)}: drop them again.")
        if yes and taken.locked:
            raise Kept(f"{taken.locked:,} were not looked at: SQS shows no more of a group while its first are kept.")
        if yes and taken.in_flight:
            raise Kept(in_flight(taken.in_flight))
        if yes and taken.uncounted and taken.before is not None:
            raise Kept(uncounted(taken.uncounted, taken.before.every))


def put_back(
    queue: Annotated[
        str,
        typer.Argument(
            metavar="QUEUE", autocompletion=completion.QUEUES, help="Exactly this queue, by word, name, URL or ARN."
        ),
    ],
    file: File,
    yes: Annotated[bool, typer.Option("--yes", help="Send; without it nothing is changed.")] = False,
    skip: Annotated[int, typer.Option(min=0, help="Leave out so many at the start of the file.")] = 0,
    alone: Alone = False,
    stage: InStage = names.LOCAL,
    as_json: AsJson = False,
) -> None:
    """Puts exported messages into a queue, in order: a dry run, unless you say --yes.

    Example: python -m ops import open_ticket-dlq letters.jsonl --yes
    """
    with said():
        there = opened(stage)
        tell_damaged(there.home, there.name)
        with bar("importing", shown=yes and not as_json) as progress:
            result = restore(there, queue, file, yes=yes, skip=skip, alone=alone, progress=progress)
        show_import(result, acted=yes, as_json=as_json)


def show_import(result: Restored, *, acted: bool, as_json: bool) -> None:
    """Shows what was done, and raises what the exit code must say."""
    if as_json:
        print_json(result)
    elif acted:
        before = f", {result.before:,} of them since before" if result.before else ""
        tell(f"{result.sent:,} of {result.messages:,} messages are in {result.queue}{before}.")
    else:
        left = result.messages - result.before
        before = f" Of an import that did not end {result.before:,} are there." if result.before else ""
        tell(f"Would put {left:,} messages into {result.queue}.{before} Nothing was changed: say --yes.")
    if not as_json:
        if result.torn is not None:
            tell(
                f"Its line {result.torn:,} is torn and was left out: whoever wrote it was stopped, and had not deleted "
                "that message.",
                style="yellow",
            )
        for id_, reason in result.refused.items():
            tell(f"{id_} was refused: {reason}.")
        if result.maybe_twice:
            tell(f"At most {result.maybe_twice:,} may be there twice; consumers drop them by their idempotency key.")
        if result.problem is not None:
            tell(result.problem, style="yellow")
    if result.stopped is not None:
        why = f": {result.failure}" if result.failure is not None else "."
        raise Interrupted(f"Stopped after {result.sent:,} messages, `resume {result.run}` goes on{why}")
    if result.refused:
        raise Kept(f"{len(result.refused):,} messages are not in the queue: `resume {result.run}` tries them again.")


def _show(taken: Taken, sentence: str, *, as_json: bool) -> None:
    if as_json:
        print_json(taken)
    else:
        tell(sentence)
        if (unseen := not_seen_in_words(taken.not_seen)) is not None:
            tell(unseen)
        if (left := in_words(taken.unfit)) is not None:
            tell(left)
        if taken.late > taken.uncounted:
            tell(f"{taken.late:,} came after the start and were left.")
        if taken.before is not None and taken.in_flight:
            tell(in_the_queue(taken.before, taken.after))
        if taken.problem is not None:
            tell(taken.problem, style="yellow")
    more = f" {_undeleted(taken)}." if taken.undeleted else ""
    if taken.failure is not None:
        raise Interrupted(
            f"{taken.run or 'The export'} stopped after {taken.matched:,} messages, which are in {taken.file}.{more} "
            f"The others are where they were: {taken.failure}"
        )
    if taken.stopped == INTERRUPTED:
        raise Interrupted(f"Stopped after {taken.matched:,} messages; the others were not looked at.{more}")
    if taken.stopped not in (None, START, LIMIT):
        raise Interrupted(
            f"Stopped after {taken.matched:,} messages: {taken.stopped}.{more} Run it again for the others."
        )


def _undeleted(taken: Taken) -> str:
    return (
        f"{taken.undeleted:,} more are in {taken.file}, and may be in the queue still, so that an import would put "
        "them there twice"
    )
