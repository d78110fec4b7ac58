"""Facts in any order, twice and late, steps that fail, die and are redriven: all of a workflow is there, or nothing.

The model knows nothing of workflows: each step has an effect, which is there or not, and says so some time.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from functions.contracts.workflow import StepRule, WorkflowRule
from functions.follow_workflow.logic import PLAN, UNPLAN, Fact, Progress, follow, missing
from tests.examples import examples

ENDS: dict[str, Any] = {"name": "w", "key": "id", "within": 60, "completes": "All", "overdue": "Late"}
ENDS |= {"reversed": "Undone"}


def undoable(name: str, **more: Any) -> StepRule:
    return StepRule(done=name, undo=f"Undo{name}", undone=f"{name}Undone", **more)


JOIN = (undoable("A", failed=("NoA",)), undoable("B", dies="b"), undoable("C"))
CHAIN = (
    undoable("A", failed=("NoA",)),
    undoable("B", asks="AskB", after=("A",), dies="b"),
    StepRule(done="C", failed=("NoC",), asks="AskC", after=("A", "B")),
    StepRule(done="D", asks="AskD", after=("C",)),
)
HARMLESS = (undoable("A", failed=("NoA",)), StepRule(done="B", harmless=True, failed=("NoB",)))
RULES = [
    WorkflowRule(steps=steps, undoes=undoes, **ENDS) for steps in (JOIN, CHAIN, HARMLESS) for undoes in (True, False)
]


class Workflows(RuleBasedStateMachine):
    """Steps that happen, and facts of them that arrive whenever they like."""

    @initialize(rule=st.sampled_from(RULES))
    def begin(self, rule: WorkflowRule) -> None:
        self.rule = rule
        self.progress: Progress | None = None
        self.effects: dict[str, str] = {}
        """Of each step: failed, had, or undone."""
        self.facts: list[Fact] = []
        """What happened; each may be delivered at any time, and again."""
        self.fresh: list[Fact] = []
        self.told: dict[tuple[str, str], None] = {}
        """What was told, and because of which fact: what is told again is the same."""
        self.work: list[str] = []
        self.numbers = 0
        self.due = False

    def happened(self, **said: Any) -> None:
        self.numbers += 1
        fact = Fact(id=f"f{self.numbers}", **said)
        self.facts.append(fact)
        self.fresh.append(fact)

    def may_be_done(self) -> list[StepRule]:
        return [
            step
            for step in self.rule.steps
            if step.done not in self.effects and (step.asks is None or any(told == step.asks for told, _ in self.told))
        ]

    @precondition(lambda self: bool(self.may_be_done()))
    @rule(data=st.data(), says=st.booleans())
    def a_step_is_done(self, data: st.DataObject, says: bool) -> None:
        step = data.draw(st.sampled_from(self.may_be_done()))
        self.effects[step.done] = "had"
        if not says and step.dies:
            # Its event could not be published, so its message died, and a redrive says it later.
            self.happened(died=step.dies, cause="unpublished")
        self.happened(name=step.done)

    @precondition(lambda self: any(step.failed for step in self.may_be_done()))
    @rule(data=st.data())
    def a_step_fails_for_good(self, data: st.DataObject) -> None:
        step = data.draw(st.sampled_from([step for step in self.may_be_done() if step.failed]))
        self.effects[step.done] = "failed"
        self.happened(name=step.failed[0], cause="no")

    @precondition(lambda self: any(step.dies for step in self.may_be_done()))
    @rule(data=st.data())
    def a_step_dies_and_may_be_redriven_any_time(self, data: st.DataObject) -> None:
        step = data.draw(st.sampled_from([step for step in self.may_be_done() if step.dies]))
        self.happened(died=step.dies, cause="died")

    @precondition(lambda self: bool(self.facts))
    @rule(data=st.data())
    def a_fact_arrives_perhaps_again(self, data: st.DataObject) -> None:
        self.arrive(data.draw(st.sampled_from(self.facts)))

    @precondition(lambda self: not self.due and any(told == PLAN for told, _ in self.told))
    @rule()
    def the_deadline_comes(self) -> None:
        self.due = True
        self.happened()

    @precondition(lambda self: bool(self.work))
    @rule(data=st.data())
    def an_undo_is_done(self, data: st.DataObject) -> None:
        self.undo(data.draw(st.sampled_from(self.work)))

    def arrive(self, fact: Fact) -> None:
        if fact in self.fresh:
            self.fresh.remove(fact)
        before = self.progress
        after = follow(self.rule, before, fact, 1000)
        if after is None:
            assert before is None
            return
        again = follow(self.rule, after, fact, 2000)
        assert again is after, "the same fact again changes nothing"
        self.progress = after
        for told in after.told.get(fact.id, ()):
            if (told, fact.id) in self.told:
                continue
            self.told[told, fact.id] = None
            for place, step in enumerate(self.rule.steps):
                if told == step.undo:
                    self.work.append(told)
                    assert len(self.work) == 1, "each only once the one before is undone"
                    later = [each for each in self.rule.steps[place + 1 :] if each.done in after.done]
                    assert not any(each.undo for each in later), "the last listed goes first"

    def undo(self, asked: str) -> None:
        self.work.remove(asked)
        (step,) = (each for each in self.rule.steps if each.undo == asked)
        assert self.effects.get(step.done) == "had", "what was never done is not undone, and what is undone not again"
        self.effects[step.done] = "undone"
        assert step.undone
        self.happened(name=step.undone)

    def teardown(self) -> None:
        if not hasattr(self, "rule"):
            return
        while self.fresh or self.work:
            for fact in [*self.fresh]:
                self.arrive(fact)
            for asked in [*self.work]:
                self.undo(asked)
        self.judge()

    def judge(self) -> None:
        progress, times = self.progress, Counter(told for told, _ in self.told)
        if progress is None:
            assert not self.effects
            return
        assert all(count == 1 for told, count in times.items()), times
        had = {name for name, effect in self.effects.items() if effect == "had"}
        undone = {name for name, effect in self.effects.items() if effect == "undone"}
        assert {*progress.done} == had
        assert {*progress.undone} == undone
        ends = (times["All"], times["Undone"])
        if progress.state == "complete":
            assert had == {step.done for step in self.rule.steps}
            assert ends == (1, 0)
            assert times[UNPLAN] == times[PLAN]
        elif progress.state == "undone":
            assert ends == (0, 1)
            assert progress.cause
            assert all(not step.undo for step in self.rule.steps if step.done in had)
            assert not any(step.stays for step in self.rule.steps if step.done in had)
        else:
            assert progress.state == ("overdue" if self.due else "waiting")
            assert ends == (0, 0)
            assert not undone
            assert missing(self.rule, progress)
        assert times["Late"] == (1 if progress.late is not None else 0)


Workflows.TestCase.settings = settings(max_examples=examples(400), stateful_step_count=25, deadline=None)
test_every_workflow_ends_whole = Workflows.TestCase


JOINED = WorkflowRule(steps=JOIN, undoes=True, **ENDS)


def after(rule: WorkflowRule, *facts: Fact) -> tuple[Progress, list[tuple[str, ...]]]:
    progress, told = None, []
    for fact in facts:
        progress = follow(rule, progress, fact, 1000)
        told.append(progress.told.get(fact.id, ()) if progress else ())
    assert progress
    return progress, told


def test_a_join_is_complete_with_its_last_fact_whichever_that_is() -> None:
    for names in ("ABC", "CBA", "BAC"):
        progress, told = after(JOINED, *(Fact(id=name, name=name) for name in names))
        assert told == [(PLAN,), (), ("All", UNPLAN)]
        assert progress.state == "complete"


def test_steps_are_undone_one_after_the_other_from_the_last_listed() -> None:
    facts = [Fact(id="c", name="C"), Fact(id="a", name="A"), Fact(id="d", died="b", cause="It died.")]
    facts += [Fact(id="cu", name="CUndone"), Fact(id="au", name="AUndone")]
    progress, told = after(JOINED, *facts)
    assert told == [(PLAN,), (), ("UndoC", UNPLAN), ("UndoA",), ("Undone",)]
    assert (progress.state, progress.cause, progress.done) == ("undone", "It died.", {})


def test_a_fact_that_comes_after_the_compensation_is_undone_at_once_and_nothing_else_is_told() -> None:
    progress, told = after(JOINED, Fact(id="n", name="NoA"), Fact(id="b", name="B"), Fact(id="u", name="BUndone"))
    assert told == [("Undone",), ("UndoB",), ()]
    assert progress.state == "undone"


def test_what_stays_is_never_asked_for_while_something_may_still_be_undone_and_then_nothing_is() -> None:
    chain = WorkflowRule(steps=CHAIN, undoes=True, **ENDS)
    progress, told = after(chain, Fact(id="a", name="A"), Fact(id="b", name="B"), Fact(id="late"))
    assert told == [("+deadline", "AskB"), ("AskC",), ("Late",)]
    assert progress.state == "overdue"
    ended, more = after(chain, *(Fact(id=name, name=name) for name in "ABCD"))
    assert more[-2:] == [("AskD",), ("All", UNPLAN)]
    assert ended.state == "complete"


def test_an_undo_that_nobody_asked_for_and_a_deadline_of_the_forgotten_begin_nothing() -> None:
    assert follow(JOINED, None, Fact(id="u", name="AUndone"), 1000) is None
    assert follow(JOINED, None, Fact(id="late"), 1000) is None


@pytest.mark.parametrize("name", ["AUndone", "NoA"])
def test_what_a_complete_workflow_hears_changes_nothing(name: str) -> None:
    progress, _ = after(JOINED, *(Fact(id=each, name=each) for each in "ABC"))
    assert follow(JOINED, progress, Fact(id="x", name=name), 1000) is progress


def test_what_is_seen_while_another_is_undone_waits_its_turn() -> None:
    facts = [Fact(id="a", name="A"), Fact(id="d", died="b", cause="It died."), Fact(id="c", name="C")]
    progress, told = after(JOINED, *facts, Fact(id="au", name="AUndone"), Fact(id="cu", name="CUndone"))
    assert told == [(PLAN,), ("UndoA", UNPLAN), (), ("UndoC",), ("Undone",)]
    assert progress.undone == {"A": "a", "C": "c"}


def test_what_fails_after_it_was_done_is_another_attempt_at_it_and_changes_nothing() -> None:
    progress, told = after(JOINED, Fact(id="b", name="B"), Fact(id="d", died="b"), Fact(id="a", name="A"))
    assert told == [(PLAN,), (), ()]
    assert progress.state == "waiting"


def test_what_is_done_anew_after_it_was_undone_is_undone_anew() -> None:
    facts = [Fact(id="a", name="A"), Fact(id="n", died="b"), Fact(id="au", name="AUndone"), Fact(id="a2", name="A")]
    progress, told = after(JOINED, *facts, Fact(id="au", name="AUndone"), Fact(id="au2", name="AUndone"))
    assert told == [(PLAN,), ("UndoA", UNPLAN), ("Undone",), ("UndoA",), ("Undone",), ()]
    assert progress.state == "undone"


def test_a_step_that_the_map_has_no_more_completes_nothing_in_the_place_of_another() -> None:
    before = WorkflowRule(steps=(*JOIN[:2], undoable("X")), undoes=True, **ENDS)
    progress, _ = after(before, Fact(id="a", name="A"), Fact(id="x", name="X"))
    now = WorkflowRule(steps=JOIN, undoes=True, **ENDS)
    progress_ = follow(now, progress, Fact(id="b", name="B"), 1000)
    assert progress_
    assert (progress_.state, missing(now, progress_)) == ("waiting", ("C",))


def test_a_step_that_the_map_got_later_undoes_nothing_of_what_was_complete_before() -> None:
    before = WorkflowRule(steps=JOIN[:2], undoes=True, **ENDS)
    progress, told = after(before, Fact(id="a", name="A"), Fact(id="b", name="B"))
    assert told[-1] == ("All", UNPLAN)
    assert follow(JOINED, progress, Fact(id="c", name="C"), 1000) is progress


def test_one_consumer_may_do_several_steps_and_dies_of_the_one_that_is_not_done() -> None:
    both = WorkflowRule(steps=(undoable("A", dies="x"), undoable("B", dies="x")), undoes=True, **ENDS)
    progress, told = after(both, Fact(id="a", name="A"), Fact(id="d", died="x", cause="It died."))
    assert told == [(PLAN,), ("UndoA", UNPLAN)]
    assert (progress.state, progress.cause) == ("undoing", "It died.")
    ended, _ = after(both, Fact(id="a", name="A"), Fact(id="b", name="B"))
    assert follow(both, ended, Fact(id="d", died="x"), 1000) is ended


def test_an_undo_that_nobody_asked_for_leaves_the_step_done() -> None:
    facts = [Fact(id=name, name=name) for name in ("A", "AUndone", "B", "C")]
    progress, told = after(JOINED, *facts)
    assert told == [(PLAN,), (), (), ("All", UNPLAN)]
    assert progress.state == "complete"
