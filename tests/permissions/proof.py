"""The templates whose roles are proven, and all that is done with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from stacks.invariants.assembly import Assembly
from tests.permissions import needed
from tests.permissions.granted import ACCOUNT, REGION, Granted, Request, granted, missing
from tests.permissions.recorded import PARKS, uses
from tests.sample.scheduled import SCHEDULED
from tests.stacks.templates import JWT, VPC, synthesize

STAGE = "prod"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/0b0f1b7c-52c8-4ed3-9d3b-1c0c5f5a1f11"


@dataclass(frozen=True)
class Proof:
    """Every grant of every role, and every request that is made with one."""

    grants: Sequence[Granted]
    requests: Sequence[Request]

    def missing(self) -> list[Request]:
        """What is done and not allowed."""
        return missing(self.requests, self.grants)

    def missed(self, one: Granted) -> list[Request]:
        """What is not allowed any more once that action is taken out of its statement; nothing, if nobody needs it."""
        asked = (each for each in self.requests if (each.role, each.action) == (one.role, one.action))
        return missing(asked, [each for each in self.grants if each is not one])

    def superfluous(self) -> list[tuple[Granted, str]]:
        """What is allowed and never done, on which resource or with which value of a condition."""
        found = []
        for one in self.grants:
            narrower = {each: replace(one, resources=(each,)) for each in one.resources}
            for position, (key, values) in enumerate(one.conditions):
                for value in values:
                    conditions = (*one.conditions[:position], (key, (value,)), *one.conditions[position + 1 :])
                    narrower[f"{key} {value}"] = replace(one, conditions=conditions)
            found += [(one, what) for what, each in narrower.items() if not any(map(each.lets, self.requests))]
        return found


def proof(folder: Path) -> Proof:
    """The proof of the sample, whose one FIFO queue parks, in a stage that has all that a stage can ask for."""
    assembly = Assembly(synthesize(folder, STAGE, PARKS, customer_key=KEY, vpc=VPC, **JWT).stacks)

    def everything() -> list[Request]:
        made = [
            *needed.of_functions(assembly, STAGE, uses()),
            *needed.of_services(assembly),
            *needed.of_operator(assembly, STAGE, PARKS),
            *needed.of_delays(STAGE, PARKS, KEY),
        ]
        return list(dict.fromkeys(needed.by_key(iter(made), KEY)))

    return Proof(granted(assembly), everything())


def proof_of_schedules(folder: Path) -> Proof:
    """The proof of what the sample does not have: Scheduler's role, and what a person does with schedules.

    What functions do is proven of the sample, so their grants are left out.
    """
    topology = replace(PARKS, integrations=(*PARKS.integrations, *SCHEDULED.integrations))
    assembly = Assembly(synthesize(folder, STAGE, topology, customer_key=KEY, vpc=VPC, **JWT).stacks)
    made = [
        *needed.of_schedules(assembly, STAGE, topology),
        *needed.of_person_with_schedules(STAGE),
        *needed.of_person_with_plans(STAGE),
        *needed.of_operator(assembly, STAGE, topology),
    ]
    roles = {request.role for request in made}
    grants = [each for each in granted(assembly) if each.role in roles]
    return Proof(grants, list(dict.fromkeys(needed.by_key(iter(made), KEY))))
