"""One redrive, drop or import of a queue at a time, on one machine and on two; who died gives the queue up."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

import ops.lease as leases
from ops.dead_letters.export import drop
from ops.errors import OpsError, UsageError
from ops.lease import held
from ops.queue import Queue, find
from ops.redrive.request import Request
from ops.redrive.run import redrive
from ops.stage import Stage
from stacks import names
from tests.ops.cli.typed import answer, dead_tickets, ops, queue
from tests.ops.endpoint import Endpoint
from tests.ops.faults import no_room_for
from tests.sample.topology import SAMPLE

RUN = "20260101-000000-aaaa"


@pytest.fixture
def dead(stage: Stage) -> Queue:
    return find(stage, "open_ticket-dlq")


def lease(aws: Endpoint) -> Any:
    (item,) = (
        item
        for key, item in aws.tables[names.resource(names.LOCAL, names.REDRIVES)].items()
        if key.startswith("lease:")
    )
    return item


@pytest.mark.parametrize("without_table", [False, True])
def test_on_one_machine_the_second_is_refused_and_told_who_is_at_it(
    aws: Endpoint, stage: Stage, dead: Queue, home: Path, without_table: bool
) -> None:
    dead_tickets(aws, 2)
    (home / "letters.jsonl").write_text('{"message_id": "1", "body": "x"}\n')
    if without_table:
        del aws.tables[names.resource(names.LOCAL, names.REDRIVES)]
    with held(stage, dead, "redrive", RUN):
        for command in (
            ("redrive", "open_ticket"),
            ("redrive", queue(aws, "open_ticket-dlq").arn),
            ("drop", "open_ticket"),
            ("import", "open_ticket-dlq", str(home / "letters.jsonl")),
        ):
            result = ops(*command, "--yes")
            assert result.exit_code == 2
            assert f"redrive {RUN} of open_ticket-dlq runs since 20" in result.stderr
            assert (
                f"process {os.getpid()}: wait for it, or end it: with Ctrl-C where it runs, or `cancel`."
                in result.stderr
            )
        assert answer("redrive", "open_ticket")["tally"]["matched"] == 2, "a look is always allowed"
        assert not list(home.rglob("audit.jsonl"))
    assert len(queue(aws, "open_ticket-dlq")) == 2
    assert ops("redrive", "open_ticket", "--yes").exit_code == 0


def test_on_one_machine_the_second_is_refused_from_whatever_folder_it_works(
    aws: Endpoint, stage: Stage, dead: Queue, home: Path
) -> None:
    del aws.tables[names.resource(names.LOCAL, names.REDRIVES)]
    elsewhere = home / "another project"
    elsewhere.mkdir()
    (elsewhere / "state.json").write_text((home / "state.json").read_text())
    there = Stage.open(names.LOCAL, SAMPLE, elsewhere)
    with (
        held(there, dead, "redrive", RUN),
        pytest.raises(UsageError, match=rf"redrive {RUN} of .* process {os.getpid()}"),
    ):
        redrive(stage, Request("open_ticket"), yes=True)


def test_a_relative_folder_of_state_counts_for_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for said in ("state", ""):
        monkeypatch.setenv("XDG_STATE_HOME", said)
        assert names.own_state() == tmp_path / ".local" / "state" / "headrace"


def test_on_two_machines_the_second_is_refused_until_the_first_has_ended(
    aws: Endpoint, stage: Stage, other: Stage, dead: Queue
) -> None:
    dead_tickets(aws, 2)
    with held(other, dead, "drop", RUN):
        for act in (
            lambda: redrive(stage, Request("open_ticket"), yes=True),
            lambda: drop(stage, "open_ticket", yes=True),
        ):
            with pytest.raises(UsageError, match=rf"drop {RUN} of .* if it died, the queue is free at \d\d:"):
                act()
    assert redrive(stage, Request("open_ticket"), yes=True).tally.moved == 2
    assert redrive(other, Request("open_ticket"), yes=True).tally.moved == 0


def test_of_a_machine_that_died_the_queue_is_free_two_minutes_after_its_last_sign(
    aws: Endpoint, stage: Stage, other: Stage, dead: Queue
) -> None:
    with held(other, dead, "redrive", RUN):
        left = dict(lease(aws))
    assert int(left["free_at"]["N"]) == pytest.approx(time.time() + 120, abs=10)
    table = aws.tables[names.resource(names.LOCAL, names.REDRIVES)]
    table[left["id"]["S"]] = left
    with pytest.raises(UsageError, match=RUN), held(stage, dead, "redrive", "another"):
        pass
    table[left["id"]["S"]] = left | {"free_at": {"N": str(int(time.time()) - 1)}}
    with held(stage, dead, "redrive", "another"):
        assert lease(aws)["run"]["S"] == "another"


def test_after_a_crash_on_this_machine_the_queue_is_free_at_once(
    aws: Endpoint, stage: Stage, dead: Queue, home: Path
) -> None:
    code = (
        "import os\nfrom ops.lease import held\nfrom ops.queue import find\nfrom ops.stage import Stage\n"
        "from tests.sample.topology import SAMPLE\nstage = Stage.open('local', SAMPLE)\n"
        f"with held(stage, find(stage, 'open_ticket-dlq'), 'redrive', '{RUN}'):\n    os._exit(9)\n"
    )
    died = subprocess.run([sys.executable, "-c", code], env={**os.environ, "HEADRACE_LOCAL": str(home)}, check=False)
    assert died.returncode == 9
    assert lease(aws)["run"]["S"] == RUN
    dead_tickets(aws, 1)
    assert redrive(stage, Request("open_ticket"), yes=True).tally.moved == 1


def test_a_lease_is_renewed_and_who_lost_it_is_told(
    aws: Endpoint, stage: Stage, dead: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "EVERY", 0.02)
    lost: list[bool] = []
    with held(stage, dead, "redrive", RUN) as mine:
        mine.on_loss(lambda: lost.append(True))
        item = lease(aws)
        item["free_at"] = {"N": "5"}
        until(lambda: lease(aws)["free_at"] != {"N": "5"})
        taken = {**lease(aws), "token": {"S": "another's"}}
        aws.tables[names.resource(names.LOCAL, names.REDRIVES)][taken["id"]["S"]] = taken
        until(lambda: bool(lost))
    assert mine.lost
    assert lease(aws) == taken, "it is the other's"


def until(happened: Any) -> None:
    end = time.monotonic() + 10
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_lock_file_that_says_nothing_keeps_nobody_out(aws: Endpoint, stage: Stage, dead: Queue) -> None:
    with held(stage, dead, "redrive", RUN):
        (path,) = stage.open_locks().glob("*.lock")
        assert json.loads(path.read_text())["run"] == RUN
    path.write_text("{")
    with held(stage, dead, "redrive", RUN):
        assert lease(aws)["run"]["S"] == RUN


def test_a_lease_that_could_not_be_taken_leaves_the_queue_as_free_as_it_was(
    aws: Endpoint, stage: Stage, dead: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(self: leases.Lease, lasts: int) -> bool:
        raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "slow"}}, "PutItem")

    with monkeypatch.context() as context:
        context.setattr(leases.Lease, "end", lambda self: self._over.set())  # it dies, and its lease goes on
        with held(stage, dead, "redrive", RUN):
            pass
    with monkeypatch.context() as context:
        context.setattr(leases.Lease, "_put", refused)
        with pytest.raises(OpsError, match="cannot be asked"), held(stage, dead, "redrive", "another"):
            pass
    dead_tickets(aws, 1)
    assert leases.running(stage, dead) is None
    assert redrive(stage, Request("open_ticket"), yes=True).tally.moved == 1


def test_who_has_no_name_on_this_machine_is_called_by_their_number(
    aws: Endpoint, stage: Stage, dead: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", lambda number: {}[number])
    dead_tickets(aws, 1)
    with held(stage, dead, "redrive", RUN):
        running = leases.running(stage, dead)
        assert running is not None
        assert running.holder.who == f"user {os.getuid()}"
        leases.ask_to_stop(stage, dead, running)
    assert ops("redrive", "open_ticket", "--yes").exit_code == 0


def test_a_full_disk_leaves_the_lock_with_who_had_it_last_and_is_named(
    aws: Endpoint, stage: Stage, dead: Queue
) -> None:
    with held(stage, dead, "redrive", RUN):
        (path,) = stage.open_locks().glob("*.lock")
    before = path.read_bytes()
    with (
        no_room_for(b'"another"'),
        pytest.raises(OpsError, match=f"{path} cannot be written: No space left"),
        held(stage, dead, "redrive", "another"),
    ):
        pass
    assert path.read_bytes() == before


def test_after_a_sleep_a_lost_queue_is_noticed_at_once(
    aws: Endpoint, stage: Stage, dead: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept = [0.0]
    monkeypatch.setattr(leases, "LOOK", 0.01)
    monkeypatch.setattr(leases, "since_boot", lambda: time.monotonic() + slept[0])
    with held(stage, dead, "redrive", RUN) as mine:
        item = lease(aws)
        aws.tables[names.resource(names.LOCAL, names.REDRIVES)][item["id"]["S"]] = {**item, "token": {"S": "another's"}}
        slept[0] = 3600
        until(lambda: mine.lost)
    assert mine.why is not None
