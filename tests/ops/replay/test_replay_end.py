"""How replays begin beside others, end, are cancelled and listed, against EventBridge as AWS documents it."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import pytest
from botocore.stub import Stubber

from stacks import names
from tests.ops.replay.eventbridge import PLACE, EventBridge
from tests.ops.replay.typed import BUS, PREFIX, RULE, called, counts, ops, replay


def test_ctrl_c_cancels_it_and_says_what_is_left(aws: EventBridge, cloudwatch: Stubber) -> None:
    counts(cloudwatch)
    aws.states = ["RUNNING", None]
    done = replay("mail_ticket", "--from", "2h", "--to", "1h", "--yes")
    assert done.exit_code == 5, done.output
    (replayed,) = aws.replays.values()
    start = datetime.fromtimestamp(replayed["EventStartTime"] + 60, UTC)
    assert f"is CANCELLED; what happened before {start:%Y-%m-%d %H:%M} UTC was replayed, and a part of" in done.stderr
    assert f"`replay mail_ticket --from {start:%Y-%m-%dT%H:%M}:00Z --to" in done.stderr
    assert aws.calls("CancelReplay") == [{"ReplayName": replayed["ReplayName"]}]


def test_ctrl_c_at_the_end_tells_of_the_end(aws: EventBridge, cloudwatch: Stubber) -> None:
    counts(cloudwatch)
    aws.states = [None, "COMPLETED"]
    aws.refused["CancelReplay"] = "IllegalStatusException"
    done = replay("mail_ticket", "--from", "2h", "--yes")
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize(
    ("states", "code", "words"),
    [
        (["RUNNING", "FAILED"], 1, "is FAILED"),
        (["RUNNING", "AccessDeniedException"], 5, ", which goes on: `replays` says how far it is"),
        (["RUNNING", "ResourceNotFoundException", "COMPLETED"], 0, ""),
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_what_ends_badly_says_so_with_a_code(
    aws: EventBridge, cloudwatch: Stubber, states: list[str | None], code: int, words: str, as_json: bool
) -> None:
    counts(cloudwatch)
    aws.states = [*states]
    done = replay("mail_ticket", "--from", "2h", "--yes", *(["--json"] if as_json else []))
    assert done.exit_code == code
    assert words in done.stderr
    if as_json:
        assert json.loads(done.stdout)["acted"] is True
        assert code == 0 or json.loads(done.stderr)["exit_code"] == code


def test_an_answer_that_was_lost_is_no_failure(aws: EventBridge, cloudwatch: Stubber) -> None:
    counts(cloudwatch)
    aws.lost = True
    done = replay("mail_ticket", "--from", "2h", "--yes")
    assert done.exit_code == 0, done.output
    assert len(aws.replays) == 1


def test_ctrl_c_before_it_was_sent_says_that_nothing_began(aws: EventBridge, cloudwatch: Stubber) -> None:
    counts(cloudwatch)
    aws.cut = True
    done = replay("mail_ticket", "--from", "2h", "--yes")
    assert (done.exit_code, "Stopped before the replay began: AWS has none of it" in done.stderr) == (5, True)
    assert "goes on" not in done.stderr
    last = json.loads((aws.stage.files / "audit.jsonl").read_text().splitlines()[-1])
    assert last["result"] == {"state": "not started"}


def test_a_second_ctrl_c_leaves_it_to_be_cancelled_and_says_so(aws: EventBridge, cloudwatch: Stubber) -> None:
    counts(cloudwatch)
    aws.states, aws.ending = ["RUNNING", "RUNNING", None], [None]
    done = replay("mail_ticket", "--from", "2h", "--yes")
    (name,) = aws.replays
    assert done.exit_code == 5, done.output
    assert f"Lost sight of {name} while it was being cancelled: `replays` says how it ended" in done.stderr
    assert f"`replays --cancel {name} --stage cloud` asks again" in done.stderr
    assert "resume" not in done.stderr
    last = json.loads((aws.stage.files / "audit.jsonl").read_text().splitlines()[-1])
    assert last["result"] == {"state": "cancelling"}


def test_a_cancel_that_meets_another_change_is_asked_again(aws: EventBridge, cloudwatch: Stubber) -> None:
    counts(cloudwatch)
    aws.states, aws.changing = ["RUNNING", "RUNNING", None], 2
    done = replay("mail_ticket", "--from", "2h", "--yes")
    assert (done.exit_code, "is CANCELLED" in done.stderr) == (5, True), done.output
    assert len(aws.calls("CancelReplay")) == 3


def test_the_command_that_goes_on_is_the_whole_one(aws: EventBridge, cloudwatch: Stubber) -> None:
    aws.states = ["RUNNING", "FAILED"]
    counts(cloudwatch)
    asked = ("close_ticket", "--from", "2h", "--event", "TicketChanged", "--force", "--yes")
    done = replay(*asked)
    assert done.exit_code == 1, done.output
    assert re.search(
        r"`replay close_ticket --from \S+Z --to \S+Z --event TicketChanged --force --yes --stage cloud` goes on",
        done.stderr,
    ), done.stderr


def test_replays_are_listed_the_latest_first_and_one_can_be_cancelled(aws: EventBridge) -> None:
    start = datetime(2026, 11, 21, 10, tzinfo=UTC).timestamp()
    for number, state in enumerate(("FAILED", "COMPLETED", "RUNNING")):
        name = called(number)
        times = {"EventStartTime": start, "EventEndTime": start + 600, "EventLastReplayedTime": start + 240}
        to = {"FilterArns": [f"{PLACE}:rule/{BUS}/{RULE}"]} if number else {}
        aws.replays[name] = {"ReplayName": name, "State": state, "StateReason": f"because {number}", **times}
        aws.replays[name]["Destination"] = {"Arn": f"{PLACE}:event-bus/{BUS}", **to}
    other = f"{PREFIX}{called(3).removeprefix('headrace-')}"
    aws.replays[other] = {"ReplayName": other, "State": "RUNNING", **times}
    aws.states = []
    rows = ops("replays").stdout.splitlines()
    assert rows[0].startswith(f"{called(2)}  RUNNING, 4 of 10 minutes: 2026-11-21 10:00 until 2026-11-21 10:10 UTC")
    assert len(rows) == 3, "that of a stage whose name begins alike is not ours"
    assert " UTC to mail_ticket-on-TicketOpened (because 1)" in rows[1]
    assert " UTC to every rule (because 0)" in rows[2]
    told = json.loads(ops("replays", "--cancel", called(2), "--json").stdout)
    assert [(each["replay"], each["state"]) for each in told] == [(called(2), "CANCELLED")]
    assert told[0]["subscriptions"] == ["mail_ticket-on-TicketOpened"]
    for name, words in (
        (called(1), "is over"),
        (called(9), "There is no replay"),
        ("theirs", "no replay"),
        (other, "no replay"),
    ):
        done = ops("replays", "--cancel", name)
        assert (done.exit_code, words in done.stderr) == (2, True), done.output
    assert {"ReplayName": "theirs"} not in aws.calls("CancelReplay"), "only the stage's own"


def test_a_stage_without_replays_says_so(aws: EventBridge) -> None:
    assert "remembers no replay of this stage" in ops("replays").stdout


def test_a_subscriber_gets_one_replay_at_a_time(aws: EventBridge, cloudwatch: Stubber) -> None:
    start = datetime.now(UTC).timestamp()
    for number, queue in enumerate(("close_ticket", "assign_ticket", "mail_ticket")):
        arn = f"{PLACE}:rule/{BUS}/{names.rule('cloud', queue, 'TicketOpened')}"
        times = {"EventStartTime": start - 60, "EventEndTime": start}
        name = called(number)
        aws.replays[name] = {"ReplayName": name, "State": "RUNNING", "Destination": {"FilterArns": [arn]}, **times}
    aws.states = []
    aws.refused["StartReplay"] = "AccessDeniedException"
    done = replay("mail_ticket", "--from", "2h", "--yes")
    assert done.exit_code == 2
    assert f"Replay {called(2)} brings events to mail_ticket already" in done.stderr
    assert f"`replays --cancel {called(2)}`" in done.stderr
    aws.replays[called(2)]["State"] = "COMPLETED"
    counts(cloudwatch)
    assert replay("mail_ticket", "--from", "2h").exit_code == 0
    aws.replays[called(1)]["Destination"] = {}
    assert f"Replay {called(1)} brings events" in replay("mail_ticket", "--from", "2h").stderr, "it is to every rule"


def test_what_others_replay_from_the_archive_is_seen_though_not_to_whom(aws: EventBridge, cloudwatch: Stubber) -> None:
    now = datetime.now(UTC).timestamp()
    times = {"EventStartTime": now - 60, "EventEndTime": now}
    archive = f"{PLACE}:archive/{BUS}"
    for name, source in (("by-hand", archive), ("elsewhere", f"{PLACE}:archive/theirs")):
        aws.replays[name] = {"ReplayName": name, "State": "RUNNING", "EventSourceArn": source, **times}
    aws.states = []
    counts(cloudwatch)
    done = replay("mail_ticket", "--from", "2h")
    assert done.exit_code == 0, done.output
    assert "Replay by-hand of the same archive is under way; to whom cannot be read" in done.stdout
    assert "elsewhere" not in done.stdout


@pytest.mark.parametrize(("seconds", "wins"), [(-5, False), (5, True)], ids=["they began before", "they began later"])
def test_of_two_that_began_at_once_the_later_one_is_cancelled(
    aws: EventBridge, cloudwatch: Stubber, seconds: int, wins: bool
) -> None:
    start = datetime.now(UTC).timestamp()
    aws.others[called(7)] = {
        "ReplayName": called(7),
        "State": "RUNNING",
        "Destination": {"FilterArns": [f"{PLACE}:rule/{BUS}/{RULE}"]},
        "ReplayStartTime": start + seconds,
        "EventStartTime": start - 60,
        "EventEndTime": start,
    }
    aws.states = ["RUNNING", "COMPLETED"]
    counts(cloudwatch)
    done = replay("mail_ticket", "--from", "2h", "--yes")
    if wins:
        assert (done.exit_code, aws.calls("CancelReplay")) == (0, []), done.output
        return
    assert done.exit_code == 2, done.output
    assert f"Replay {called(7)} brings events to mail_ticket already" in done.stderr
    assert [each["ReplayName"] for each in aws.calls("CancelReplay")] == [aws.calls("StartReplay")[0]["ReplayName"]]
    last = json.loads((aws.stage.files / "audit.jsonl").read_text().splitlines()[-1])
    assert last["result"] == {"state": "cancelled", "for": called(7)}


def test_ten_at_a_time_are_all_that_aws_takes(aws: EventBridge, cloudwatch: Stubber) -> None:
    counts(cloudwatch)
    aws.refused["StartReplay"] = "LimitExceededException"
    done = replay("mail_ticket", "--from", "2h", "--yes")
    assert (done.exit_code, "so many replays are under way" in done.stderr) == (2, True)
    last = json.loads((aws.stage.files / "audit.jsonl").read_text().splitlines()[-1])
    assert last["result"] == {"state": "not started"}
