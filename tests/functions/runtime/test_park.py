"""On a queue that parks, a group's effects are in the accepted order, whatever dies and however it is redriven."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.contracts.environment import DEAD_LETTER_RETENTION
from functions.contracts.parked import EMPTY
from tests.examples import examples
from tests.functions.fakes import refusal
from tests.functions.runtime.group import RECEIVES, Fault, Group, Verdict

quiet = settings(suppress_health_check=list(HealthCheck), deadline=None)
DAYS = 4  # of the queue's own retention
DIES: list[Verdict] = ["raise"] * RECEIVES


def test_a_good_batch_makes_one_call() -> None:
    group = Group()
    for name in "abc":
        group.send(name)
        group.send(name.upper(), "h")
    group.run()
    assert group.calls == ["read"]
    assert group.items == {}


def test_a_queue_that_goes_on_asks_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("functions.runtime.settings.Settings.parks", False)
    group = Group(verdicts={"a": list(DIES)})
    for name in "ab":
        group.send(name)
    group.run()
    assert (group.effects, group.calls) == (["b"], [])


def test_what_comes_after_a_dead_message_follows_it_in_order() -> None:
    group = Group(verdicts={"b": ["reject"] * RECEIVES})
    for name in "abcd":
        group.send(name)
    group.send("other", "h")
    group.run()
    group.send("e")
    group.run()
    assert group.effects == ["a", "other"]
    assert [parcel.name for parcel in group.dead] == ["b", "c", "d", "e"]
    (behind,) = {group.causes[parcel.id] for parcel in group.dead[1:]}
    assert behind == f"GroupParked: behind {group.parked()[0].identity}"
    assert group.parked()[0].identity.startswith("b@")


def test_a_redrive_applies_them_in_order_and_opens_the_group() -> None:
    group = Group(verdicts={"b": list(DIES)})
    for name in "abcd":
        group.send(name)
    group.run()
    group.redrive()
    group.run()
    assert (group.effects, group.dead, group.parked()) == (["a", "b", "c", "d"], [], [])
    assert group.now < int(group.items["steps/g"]["expires_at"]["N"]) <= group.now + EMPTY


def test_a_redriven_head_goes_before_what_arrived_before_it() -> None:
    group = Group(verdicts={"a": list(DIES)})
    group.send("a")
    group.run()
    group.send("b")
    group.redrive()
    group.run()
    assert (group.effects, group.dead) == (["a", "b"], [])


def test_what_is_redriven_before_its_turn_comes_back() -> None:
    group = Group(verdicts={"a": list(DIES)})
    for name in "abc":
        group.send(name)
    group.run()
    group.redrive([1])
    group.run()
    assert group.effects == []
    assert [parcel.name for parcel in group.dead] == ["a", "c", "b"]
    group.redrive()
    group.run()
    assert (group.effects, group.parked()) == (["a", "b", "c"], [])


def test_a_head_that_fails_again_keeps_its_place() -> None:
    group = Group(verdicts={"a": DIES * 2})
    for name in "ab":
        group.send(name)
    group.run()
    group.redrive()
    group.run()
    assert group.effects == []
    assert [place.identity[0] for place in group.parked()] == ["a", "b"]
    group.redrive()
    group.run()
    assert group.effects == ["a", "b"]


def test_what_dies_together_with_its_worker_keeps_its_order() -> None:
    group = Group(verdicts={"a": ["kill"] * RECEIVES})
    for name in "abc":
        group.send(name)
    group.run()
    group.send("d")
    group.run()
    assert group.effects == []
    group.redrive([3, 2, 1, 0])
    group.run()
    assert group.effects == ["a", "b", "c", "d"]


def test_nothing_is_attempted_while_it_is_unknown_what_is_parked() -> None:
    group = Group(faults=["refuse"])
    group.send("a")
    group.run(1)
    assert group.attempts == []
    assert 60 <= group.waiting[0].visible_at - group.now <= 90


def test_nothing_that_failed_is_attempted_again_without_a_place() -> None:
    group = Group(verdicts={"a": ["reject"]}, faults=["none", "none", "refuse"])
    group.send("a")
    group.run(2)
    assert group.calls == ["read", "read", "enter"]
    assert group.attempts == ["a"]
    group.run()
    assert group.effects == ["a"]


def test_what_cannot_give_up_its_place_comes_back_as_a_duplicate() -> None:
    group = Group(verdicts={"a": list(DIES)})
    group.send("a")
    group.run()
    group.redrive()
    group.faults = ["none", "refuse"]
    group.run(1)
    assert group.effects == ["a"]
    assert len(group.waiting) == 1
    group.run()
    assert (group.waiting, group.dead, group.parked()) == ([], [], [])


def test_messages_without_a_key_are_known_by_what_they_say() -> None:
    group = Group(verdicts={"a": list(DIES)})
    for name in "abc":
        group.send(name, keyed=False)
    group.run()
    assert [place.identity[:7] for place in group.parked()] == ["sha256:"] * 3
    group.redrive([2, 1, 0])
    group.run()
    assert (group.effects, group.parked()) == (["a", "b", "c"], [])


def test_a_message_that_is_gone_holds_nobody_up_for_ever() -> None:
    group = Group(verdicts={"a": list(DIES)})
    group.send("a")
    group.run()
    group.dead.clear()
    group.send("b")
    group.run()
    assert group.effects == []
    group.now += DEAD_LETTER_RETENTION + DAYS * 24 * 60 * 60
    group.redrive()
    group.run()
    assert (group.effects, group.dead) == (["b"], [])
    assert int(group.items["steps/g"]["expires_at"]["N"]) <= group.now


def test_a_message_that_comes_again_and_again_is_not_written_again_and_again() -> None:
    group = Group(verdicts={"a": list(DIES)})
    group.send("a")
    group.run()
    assert group.calls.count("enter") == 1


@pytest.mark.parametrize("delay", [1, 2, 3])
def test_a_place_that_is_written_late_is_nobodys(delay: int) -> None:
    group = Group(verdicts={"a": ["raise"]}, faults=["none", "none", "late"], delays=[delay])
    group.send("a")
    group.run()
    assert group.calls == ["read", "read", "enter", "remove"]
    for name in "bc":
        group.send(name)
        group.run()
    assert group.late == []
    assert (group.effects, group.dead, group.parked()) == (["a", "b", "c"], [], [])


@pytest.mark.parametrize("fault", ["repeat", "late", "lose answer", "lost and late"])
def test_a_place_is_given_up_however_that_is_answered(fault: Fault) -> None:
    group = Group(verdicts={"a": ["raise"]}, faults=["none", "none", "repeat", fault])
    for name in "ab":
        group.send(name)
    group.run()
    group.arrive()
    assert (group.effects, group.dead, group.parked()) == (["a", "b"], [], [])


def changed_meanwhile(group: Group, call: str) -> None:
    """Let a person take all places of the group away right before the first such call."""
    update = group.update_item

    def update_item(**arguments: Any) -> Any:
        if ("REMOVE" in arguments["UpdateExpression"]) == (call == "remove") and arguments["TableName"] == "parked":
            group.update_item = update  # type: ignore[method-assign]
            group.items["steps/g"] = {"group": {"S": "steps/g"}, "turn": {"S": "theirs"}}
        return update(**arguments)

    group.update_item = update_item  # type: ignore[method-assign]


def test_a_group_that_changes_while_its_message_takes_a_place_is_read_again() -> None:
    group = Group(verdicts={"a": ["raise"]})
    group.send("a")
    changed_meanwhile(group, "enter")
    group.run(3)
    assert group.attempts == ["a"]
    assert list(group.causes.values()) == ["Retry: Its group changed while it took its place."]
    group.run()
    assert (group.effects, group.parked()) == (["a"], [])


def test_a_place_that_somebody_took_away_is_given_up() -> None:
    group = Group(verdicts={"a": ["raise"]})
    group.send("a")
    changed_meanwhile(group, "remove")
    group.run()
    assert (group.attempts, group.waiting, group.parked()) == (["a", "a"], [], [])


def test_a_place_is_given_up_although_another_of_its_group_was() -> None:
    group = Group(verdicts={"a": list(DIES)})
    for name in "abc":
        group.send(name)
    group.run()
    second = group.parked()[1].name
    group.redrive()
    update = group.update_item

    def drop(**arguments: Any) -> Any:
        if group.items["steps/g"].pop(second, None):
            group.items["steps/g"]["turn"] = {"S": "theirs"}
        return update(**arguments)

    group.update_item = drop  # type: ignore[method-assign]
    group.run()
    assert (group.effects, group.waiting, group.parked()) == (["a", "b", "c"], [], [])


def test_only_a_group_of_which_nothing_is_told_waits() -> None:
    group = Group(unread=["steps/g"] * 9)
    for name in "gh":
        group.send(name, name)
    group.run(1)
    assert (group.attempts, [parcel.name for parcel in group.waiting]) == (["h"], ["g"])
    assert 60 <= group.waiting[0].visible_at - group.now <= 90


def test_what_is_not_told_is_asked_for_again_a_little_later() -> None:
    group = Group(unread=["steps/g"] * 2)
    group.send("a")
    group.run(1)
    assert (group.effects, group.calls) == (["a"], ["read"] * 3)


def too_large() -> ClientError:
    refused = refusal("ValidationException", "UpdateItem")
    refused.response["Error"]["Message"] = "Item size to update has exceeded the maximum allowed size"
    return refused


def test_a_group_that_holds_as_many_as_fit_takes_no_more() -> None:
    group = Group(verdicts={"a": list(DIES)})
    group.send("a")
    group.run()
    update = group.update_item

    def full(**arguments: object) -> dict[str, object]:
        raise too_large()

    group.update_item = full  # type: ignore[method-assign]
    group.send("b")
    group.run()
    assert [parcel.name for parcel in group.dead] == ["a", "b"]
    group.update_item = update  # type: ignore[method-assign]
    group.redrive()
    group.run()
    assert group.effects == ["a", "b"]


def test_where_only_one_of_two_has_a_place_the_other_comes_when_it_is_given_up() -> None:
    group = Group(verdicts={"a": list(DIES)})
    group.send("a")
    group.run()
    group.redrive()
    group.send("b")
    update = group.update_item

    def full(**arguments: Any) -> Any:
        if "s00000000000000000003" in arguments["UpdateExpression"]:
            group.update_item = update  # type: ignore[method-assign]
            raise too_large()
        return update(**arguments)

    group.update_item = full  # type: ignore[method-assign]
    group.run()
    assert (group.effects, group.dead, group.parked()) == (["a", "b"], [], [])


verdicts = st.lists(st.sampled_from(("good", "raise", "reject", "raise after effect", "kill")), max_size=12)
# A message takes its place before any of its attempts but the first: these are fewer than would keep it from that.
faults = st.lists(
    st.sampled_from(
        (
            "none",
            "none",
            "repeat",
            "late",
            "late",
            "kill before",
            "kill after",
            "refuse",
            "lose answer",
            "lost and late",
        )
    ),
    max_size=60,
).filter(lambda each: sum(fault not in ("none", "repeat", "late") for fault in each) < RECEIVES - 1)
doings = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.sampled_from("gh")),
        st.tuples(st.just("work"), st.integers(1, 12)),
        st.tuples(st.just("redrive"), st.randoms(use_true_random=False)),
    ),
    max_size=30,
)


@settings(quiet, max_examples=examples(150))
@given(
    doings=doings,
    verdicts=st.lists(verdicts, max_size=16),
    faults=faults,
    delays=st.lists(st.integers(1, 9)),
    batch=st.integers(1, 10),
)
def test_a_group_is_applied_in_order_and_opens(
    doings: list[tuple[str, object]],
    verdicts: list[list[Verdict]],
    faults: list[Fault],
    delays: list[int],
    batch: int,
) -> None:
    group = Group(faults=faults, delays=delays, batch=batch)
    group.verdicts = {f"m{number}": list(each) for number, each in enumerate(verdicts)}
    sent = 0
    for doing, what in doings:
        if doing == "send":
            group.send(f"m{sent}", str(what), keyed=sent % 5 > 0)
            sent += 1
        elif doing == "work":
            group.run(int(str(what)))
        else:
            chosen = [index for index in range(len(group.dead)) if what.random() < 0.6]  # type: ignore[attr-defined]
            what.shuffle(chosen)  # type: ignore[attr-defined]
            group.redrive(chosen)
    group.faults, group.verdicts = [], {}
    for _ in range(sent + 1):
        group.run()
        if not group.dead:
            break
        group.redrive()
    group.arrive()
    for name in "gh":
        assert group.done(name) == group.accepted.get(name, [])
        assert group.parked(name) == []
    assert (group.waiting, group.dead) == ([], [])
