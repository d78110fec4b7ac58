"""An action that is taken out of the sample is out of its templates, and nothing else is."""

from __future__ import annotations

from pathlib import Path

from aws_cdk import App, Aspects

from stacks import names
from stacks.compose import compose
from stacks.invariants.assembly import Assembly
from tests.kept import kept
from tests.permissions.granted import Granted, granted
from tests.sample.topology import SAMPLE
from tests.sample.without import Without
from tests.stacks.templates import Templates, context, templates_in


def test_an_action_is_taken_from_a_function_a_person_and_a_route(dev: Templates) -> None:
    before = granted(Assembly(dev.stacks))
    route = next(each.role for each in before if each.role.startswith("ingress/Api"))
    taken = [
        (names.resource("dev", "open_ticket"), "dynamodb:PutItem"),
        (names.resource("dev", "operator"), "sqs:StartMessageMoveTask"),
        (route, "sqs:SendMessage"),
    ]

    def make(draft: Path) -> None:
        app = App(context=context("dev"), outdir=str(draft))
        compose(app, SAMPLE)
        for role, action in taken:
            Aspects.of(app).add(Without(role, action))
        app.synth()

    made = kept(("without", taken), make)

    def what(found: list[Granted]) -> set[tuple[str, str, tuple[str, ...]]]:
        return {(each.role, each.action, each.resources) for each in found}

    gone = what(before) - what(granted(Assembly(templates_in(made, "dev").stacks)))
    assert {(role, action) for role, action, _ in gone} == set(taken)
