"""What the consumer promises, over generated batches, failures, duplicates, crashes and lost answers."""

from __future__ import annotations

from typing import get_args

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.functions.runtime.world import Fault, Verdict, World

KILLS = 3
faults = st.lists(
    st.one_of(st.just("none"), st.sampled_from(get_args(Fault))),
    max_size=40,
).filter(lambda each: sum(fault.startswith("kill") for fault in each) <= KILLS)
verdicts = st.lists(st.sampled_from(get_args(Verdict)), max_size=7)
plans = st.dictionaries(st.sampled_from("abcdefghijklmnop"), verdicts, min_size=1, max_size=16)
quiet = settings(max_examples=examples(120), derandomize=True, suppress_health_check=[HealthCheck.too_slow])


def counted(world: World) -> list[str]:
    """The names whose effect is there, in the order in which the effects happened."""
    return [name.split()[1] for name in world.effects if name.startswith("count")]


def dead(world: World) -> set[str]:
    return {parcel.body.split('"')[3] for parcel in world.numbers.dead}


def check(world: World, names: set[str]) -> None:
    """The promises that hold whenever the queues have come to rest."""
    assert set(counted(world)) | dead(world) == names, "every message ends in its effect or in the DLQ"
    assert len(world.effects) == len(set(world.effects)), "an effect happens once"
    for queue in (world.numbers, world.tally):
        for parcel in queue.dead:
            assert world.causes[parcel.id]["error_type"], "a dead letter has a cause"
    told = set(world.names.values())
    assert set(counted(world)) - dead(world) <= told, "every effect is told"
    assert told <= set(counted(world)), "nothing is told that did not happen"
    assert len(world.names) == len(told), "the same fact is the same event, however often it is told"
    if not world.tally.dead:
        applied = sorted(name.split()[2] for name in world.effects if name.startswith("apply"))
        assert applied == sorted(told), "a subscriber applies every event, once"


@quiet
@given(plan=plans, faults=faults, seed=st.integers(0, 2**32))
def test_every_message_of_a_standard_queue_takes_effect_once_or_is_a_dead_letter_with_a_cause(
    plan: dict[str, list[Verdict]], faults: list[Fault], seed: int
) -> None:
    world = World(fifo=False, seed=seed, faults=faults, verdicts=plan)
    for name in plan:
        world.send(name)
    world.run()
    check(world, set(plan))


@quiet
@given(plan=plans, faults=faults, seed=st.integers(0, 2**32), groups=st.integers(1, 4))
def test_effects_of_a_group_happen_in_the_order_in_which_they_were_asked_for(
    plan: dict[str, list[Verdict]], faults: list[Fault], seed: int, groups: int
) -> None:
    world = World(fifo=True, seed=seed, faults=faults, verdicts=plan)
    group = {name: f"g{position % groups}" for position, name in enumerate(plan)}
    for name in plan:
        world.send(name, group[name])
    world.run()
    check(world, set(plan))
    for each in set(group.values()):
        order = [name for name in counted(world) if group[name] == each]
        assert order == [name for name in plan if name in order and group[name] == each]


@quiet
@given(plan=plans, faults=faults, seed=st.integers(0, 2**32), fifo=st.booleans())
def test_a_redrive_brings_every_dead_letter_home_once_the_cause_is_gone(
    plan: dict[str, list[Verdict]], faults: list[Fault], seed: int, fifo: bool
) -> None:
    world = World(fifo=fifo, seed=seed, faults=faults, verdicts=plan)
    for name in plan:
        world.send(name, "g" if fifo else None)
    world.run()
    world.verdicts, world.faults = {}, []
    world.redrive()
    world.run()
    assert not world.numbers.dead
    assert not world.tally.dead
    check(world, set(plan))
    assert set(counted(world)) == set(plan)


@settings(quiet, max_examples=examples(40))
@given(poison=st.integers(0, 5), seed=st.integers(0, 2**32), faults=faults)
def test_in_a_group_that_halts_nothing_overtakes_the_poison_message_until_a_person_mends_it(
    poison: int, seed: int, faults: list[Fault]
) -> None:
    names = "abcdef"
    world = World(
        fifo=True, seed=seed, faults=faults, verdicts={names[poison]: ["reject", "raise"] * 400}, receives=1000
    )
    for name in names:
        world.send(name, "g")
    world.send("other", "h")
    world.run(seconds=3 * 3600)
    assert [name for name in counted(world) if name != "other"] == list(names[:poison])
    assert "other" in counted(world)
    assert not world.numbers.dead
    world.verdicts, world.faults = {}, []
    world.run()
    assert [name for name in counted(world) if name != "other"] == list(names)


def test_behind_a_poison_message_every_follower_is_tried_and_takes_effect() -> None:
    for verdict in ("raise", "reject"):
        names = "abcdefghij"
        world = World(fifo=True, verdicts={"a": [verdict] * 5})
        for name in names:
            world.send(name, "g")
        world.run()
        assert dead(world) == {"a"}
        assert counted(world) == list(names[1:])


def test_behind_several_poison_messages_no_follower_is_lost_untried() -> None:
    names = "abcdefghij"
    world = World(fifo=True, verdicts={name: ["raise"] * 5 for name in "abc"})
    for name in names:
        world.send(name, "g")
    world.run()
    assert dead(world) == set("abc")
    assert counted(world) == list("defghij")
