"""An import goes on from what is there once the queue is its own, wherever and however it was begun before."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ops.dead_letters import imported, restore
from ops.dead_letters.imported import Asked, Imported
from ops.errors import OpsError, UsageError
from ops.queue import find
from ops.redrive.journal import new_run
from ops.stage import Access, Stage
from tests.ops.cli.typed import answer, dead_tickets, ops, queue
from tests.ops.endpoint import Endpoint

RUN = "20260101-000000-aaaa"


def quiet(done: int, of: int) -> None:
    """Shows no progress."""


def begun(stage: Stage, aws: Endpoint, file: Path, name: str = "open_ticket-dlq") -> Asked:
    """An import of thirty messages that was interrupted after its first ten lines."""
    dead_tickets(aws, 30)
    answer("export", "open_ticket", str(file))
    asked = Asked(find(stage, name), str(file), restore._digest(file), 0)
    journal = Imported(imported.path(stage, RUN), asked)
    journal.open()
    journal.sent(range(1, 11))
    journal.close()
    return asked


@pytest.mark.parametrize("by", ["resume", "import"])
def test_an_import_that_another_process_ended_meanwhile_is_not_done_again(
    aws: Endpoint, stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    file = tmp_path / "letters.jsonl"
    begun(stage, aws, file)
    (old,) = imported.unfinished(stage)
    assert restore.resume(stage, RUN, progress=quiet) is not None
    monkeypatch.setattr(imported, "unfinished", lambda stage: [old])
    monkeypatch.setattr(imported, "same", lambda stage, asked: old)
    result = ops("resume", RUN) if by == "resume" else ops("import", "open_ticket-dlq", str(file), "--yes")
    assert (result.exit_code, f"{RUN} ended meanwhile" in result.stderr) == (2, True), result.output
    assert len(queue(aws, "open_ticket-dlq")) == 50
    assert not list(stage.files.glob("*.pulse"))


def test_an_import_sends_no_line_that_another_process_sent_before_the_queue_was_free(
    aws: Endpoint, stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "letters.jsonl"
    begun(stage, aws, file)
    (old,) = imported.unfinished(stage)
    other = Imported.read(old.path)
    other.open()
    other.sent(range(11, 26))
    other.close()
    monkeypatch.setattr(imported, "unfinished", lambda stage: [old])
    done = restore.resume(stage, RUN, progress=quiet)
    assert done is not None
    assert (done.before, done.sent, len(queue(aws, "open_ticket-dlq"))) == (25, 30, 35)


def test_an_import_that_another_process_began_meanwhile_is_not_begun_beside_it(
    aws: Endpoint, stage: Stage, tmp_path: Path
) -> None:
    file = tmp_path / "letters.jsonl"
    asked = begun(stage, aws, file)
    mine = Imported(imported.path(stage, new_run()), asked)
    with pytest.raises(UsageError, match=f"`resume {RUN}`"):
        restore._Import(stage, mine, file, 30, quiet).run(alone=False)
    assert len(queue(aws, "open_ticket-dlq")) == 30


def test_an_import_by_address_goes_on_with_the_same_by_the_stages_word(
    aws: Endpoint, stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hidden")
    account = Stage.elsewhere("000000000000", Access(stage.region, None, stage.endpoint), stage.home)
    file = tmp_path / "letters.jsonl"
    begun(account, aws, file, queue(aws, "open_ticket-dlq").url)
    done = answer("import", "open_ticket-dlq", str(file), "--yes")
    assert (done["run"], done["before"], done["sent"]) == (RUN, 10, 30)
    assert len(queue(aws, "open_ticket-dlq")) == 50


def test_an_import_that_goes_on_in_vain_does_not_make_the_last_line_look_like_new(
    aws: Endpoint, stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "letters.jsonl"
    for number in range(8):
        aws.put(queue(aws, "change_ticket-dlq"), str(number), group="g")
    answer("export", "change_ticket", str(file))
    journal = Imported(
        imported.path(stage, RUN), Asked(find(stage, "change_ticket-dlq"), str(file), restore._digest(file), 0)
    )
    journal.open()
    journal.sent([1])
    journal.close()
    for path in stage.files.glob(f"{RUN}.*"):
        os.utime(path, (0, 0))

    async def away(self: Any) -> None:
        raise OpsError("SQS is away.")

    with monkeypatch.context() as outage:
        outage.setattr(restore._Import, "_work", away)
        assert ops("resume", RUN).exit_code == 5
    assert answer("resume", RUN)["maybe_twice"] == 7
